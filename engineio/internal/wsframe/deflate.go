package wsframe

// permessage-deflate (RFC 7692): its negotiation, and compression without context takeover: no connection keeps a
// dictionary, and a message has one compressed form for all its recipients. See takeover.go for the other way.

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// A Deflater compresses messages for the connections that have agreed to it. It may be used by many goroutines at once.
type Deflater struct {
	threshold, level int
	writers          sync.Pool // of *flate.Writer
}

// NewDeflater returns a Deflater that compresses frames with a payload of at least threshold bytes, at a level of
// compress/flate. A level that does not exist stands for flate.DefaultCompression.
func NewDeflater(threshold, level int) *Deflater {
	d := &Deflater{threshold: threshold, level: level}
	d.writers.New = func() any { return d.newWriter() }
	return d
}

func (d *Deflater) newWriter() *flate.Writer {
	w, err := flate.NewWriter(nil, d.level)
	if err != nil {
		w, _ = flate.NewWriter(nil, flate.DefaultCompression)
	}
	return w
}

// Threshold is the size in bytes from which a payload is compressed.
func (d *Deflater) Threshold() int { return d.threshold }

// An Agreement is what server and client have agreed upon. The zero Agreement is none.
type Agreement struct {
	Answer string // the server's Sec-WebSocket-Extensions, "" where nothing has been agreed upon
	// Who compresses a message against those before it.
	ServerTakesOver, ClientTakesOver bool
}

// Deflates reports whether messages may be compressed.
func (a Agreement) Deflates() bool { return a.Answer != "" }

// TakesOver reports whether the connection has a context.
func (a Agreement) TakesOver() bool { return a.ServerTakesOver || a.ClientTakesOver }

// Negotiate answers the values of a client's Sec-WebSocket-Extensions (RFC 7692, section 7.1). takeover says whether
// the server is ready for contexts; in either direction the client may not be. Offers that ask the server for a window
// of less than 32 KiB are not accepted: compress/flate has one size. A nil Deflater accepts none.
func (d *Deflater) Negotiate(values []string, takeover bool) Agreement {
	if d == nil {
		return Agreement{}
	}
	offers, ok := httphead.ParseOptions([]byte(strings.Join(values, ",")), nil)
	if !ok {
		return Agreement{}
	}
	for _, offer := range offers {
		var asked wsflate.Parameters
		if string(offer.Name) != wsflate.ExtensionName || asked.Parse(offer) != nil {
			continue
		}
		if bits := asked.ServerMaxWindowBits; bits.Defined() && bits != maxWindowBits {
			continue
		}
		a := Agreement{
			Answer:          wsflate.ExtensionName,
			ServerTakesOver: takeover && !asked.ServerNoContextTakeover,
			ClientTakesOver: takeover && !asked.ClientNoContextTakeover,
		}
		if !a.ServerTakesOver {
			a.Answer += "; server_no_context_takeover"
		}
		if !a.ClientTakesOver {
			a.Answer += "; client_no_context_takeover"
		}
		if asked.ServerMaxWindowBits.Defined() {
			a.Answer += "; server_max_window_bits=15"
		}
		return a
	}
	return Agreement{}
}

// maxWindowBits is the logarithm of windowSize.
const maxWindowBits = 15

// rsv1 marks a compressed message in a frame's first byte (RFC 7692, section 6).
const rsv1 = 0x40

// deflateTail ends every flushed block. The sender leaves it out (RFC 7692, section 7.2.1).
var deflateTail = []byte{0, 0, 0xff, 0xff}

// compressPiece is how much is compressed before others get their turn on the processor.
const compressPiece = 16 << 10

// Compress returns frames, which Append has made, with the payloads compressed that are long enough.
func (d *Deflater) Compress(frames []byte) []byte {
	w := d.writers.Get().(*flate.Writer)
	defer d.writers.Put(w)
	return compressFrames(frames, d.threshold, func(body []byte) []byte {
		var b bytes.Buffer
		w.Reset(&b)
		flush(w, body)
		return b.Bytes()
	})
}

// compressFrames returns frames, with the payloads of at least threshold bytes as deflate makes them.
func compressFrames(frames []byte, threshold int, deflate func(body []byte) []byte) []byte {
	var out []byte
	for len(frames) > 0 {
		op, body, rest := Cut(frames)
		if len(body) < threshold {
			out = append(out, frames[:len(frames)-len(rest)]...)
		} else {
			at := len(out)
			out = Append(out, op, bytes.TrimSuffix(deflate(body), deflateTail))
			SetCompressed(out[at:])
		}
		frames = rest
	}
	return out
}

// Deflate returns the parts, one after the other, compressed as the payload of one message.
func (d *Deflater) Deflate(parts ...[]byte) []byte {
	w := d.writers.Get().(*flate.Writer)
	defer d.writers.Put(w)
	var b bytes.Buffer
	w.Reset(&b)
	flush(w, parts...)
	return bytes.TrimSuffix(b.Bytes(), deflateTail)
}

// flush writes a message to w, whose writer takes everything.
func flush(w *flate.Writer, parts ...[]byte) {
	for _, body := range parts {
		for len(body) > 0 {
			piece := body[:min(len(body), compressPiece)]
			_, _ = w.Write(piece)
			body = body[len(piece):]
			turns.Yield()
		}
	}
	_ = w.Flush()
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// Inflate decompresses a message of at most limit bytes. It may write into the spare capacity of data.
func Inflate(data []byte, limit int) ([]byte, error) { return inflate(data, limit, nil) }

// inflate is Inflate for a message that may refer to window.
func inflate(data []byte, limit int, window []byte) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	// The tail that the sender left out, and a final empty block, so that the reader finds an end.
	src := bytes.NewReader(append(data, 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff))
	defer func() {
		src.Reset(nil) // the pool is not to keep the message
		inflaters.Put(r)
	}()
	if err := r.(flate.Resetter).Reset(src, window); err != nil {
		return nil, errInflate
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, errInflate
	case len(out) > limit:
		return nil, errTooBig
	}
	return out, nil
}
