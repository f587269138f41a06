package engineio

// Compressing costs a thousand times what writing does, so flushers leave it to the backlog. What is made of a
// message is kept with it for all its recipients.

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// uncompressed are the messages that are to be compressed before a stream writes them, where that is much to do; nil
// where it is not.
func (c *stream) uncompressed(queue []*Message) []*Message {
	if c.form == nil || c.form.deflater == nil || c.compressor() != nil {
		return nil
	}
	var long []*Message
	size := 0
	for _, m := range queue {
		if m.deflates(c.form) && !m.deflated.Load().isMade() {
			long = append(long, m)
			size += len(m.frames)
		}
	}
	if size <= aloneBytes { // once for all recipients: the flusher can bear that
		return nil
	}
	return long
}

// compress makes the form of messages in which the stream writes them.
func (c *stream) compress(messages []*Message) {
	for _, m := range messages {
		m.wire(c.form)
	}
}

// A derived is another form of a message, made when the first client needs it.
type derived struct {
	once sync.Once
	made atomic.Bool
	b    []byte
}

func (d *derived) isMade() bool { return d != nil && d.made.Load() }

// makeOnce returns what is at p, which make makes if nobody has; others who ask meanwhile wait.
func makeOnce(p *atomic.Pointer[derived], make func() []byte) []byte {
	d := p.Load()
	if d == nil {
		p.CompareAndSwap(nil, new(derived))
		d = p.Load()
	}
	d.once.Do(func() {
		d.b = make()
		d.made.Store(true)
	})
	return d.b
}

// An answer of several messages is one gzip stream (RFC 1952) put together from their compressed forms: clients do not
// read a second gzip member. DEFLATE (RFC 1951) is a row of blocks, and those that a flushed writer makes refer to
// nothing before them and end at a byte's end, with an empty block.
var (
	gzipHead       = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	separatorBlock = []byte{0, 1, 0, 0xfe, 0xff, payloadSeparator} // stored
	lastBlock      = []byte{1, 0, 0, 0xff, 0xff}                   // stored, empty and the last
)

// gzipTail is how long the end of a gzip stream is: the last block, then a checksum and the length.
const gzipTail = 5 + 4 + 4

// compressPiece is how much is compressed before others get their turn on the processor.
const compressPiece = 16 << 10

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.DefaultCompression) // a level that there is
	return w
}}

// appendDeflated appends blocks of body.
func appendDeflated(b, body []byte) []byte {
	out := bytes.NewBuffer(b)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	for len(body) > 0 {
		piece := body[:min(len(body), compressPiece)]
		_, _ = w.Write(piece) // a bytes.Buffer takes everything
		body = body[len(piece):]
		turns.Yield()
	}
	_ = w.Flush()
	w.Reset(nil) // the pool is not to keep the message
	return out.Bytes()
}

// appendGzipTail ends a gzip stream.
func appendGzipTail(b []byte, sum uint32, size int) []byte {
	b = append(b, lastBlock...)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return binary.LittleEndian.AppendUint32(b, uint32(size))
}

// gzipped is the message's polling form as a gzip stream.
func (m *Message) gzipped() []byte {
	return makeOnce(&m.zipped, func() []byte { return gzipped(m.polled()) })
}

// gzipped is body as a gzip stream.
func gzipped(body []byte) []byte {
	b := appendDeflated(append(make([]byte, 0, len(body)/4+64), gzipHead...), body)
	return bytes.Clone(appendGzipTail(b, crc32.ChecksumIEEE(body), len(body)))
}

// gzipBatch is a batch as one gzip stream. Messages of at least alone bytes come in with what has been made of them,
// the others are compressed here.
func gzipBatch(batch []*Message, alone int) []byte {
	b := append(make([]byte, 0, 4<<10), gzipHead...)
	var run []byte // of short messages
	sum, size := uint32(0), 0
	count := func(body []byte) {
		sum = crc32.Update(sum, crc32.IEEETable, body)
		size += len(body)
	}
	separator := []byte{payloadSeparator}
	for _, m := range batch {
		if m.control {
			continue
		}
		body := m.polled()
		if size > 0 {
			count(separator)
		}
		if len(body) < alone {
			if size > 0 {
				run = append(run, payloadSeparator)
			}
			run = append(run, body...)
			count(body)
			continue
		}
		if len(run) > 0 {
			b = appendDeflated(b, run)
			run = run[:0]
		}
		if size > 0 {
			b = append(b, separatorBlock...)
		}
		whole := m.gzipped()
		b = append(b, whole[len(gzipHead):len(whole)-gzipTail]...)
		count(body)
	}
	if len(run) > 0 {
		b = appendDeflated(b, run)
	}
	return appendGzipTail(b, sum, size)
}
