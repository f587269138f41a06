package wsframe

// permessage-deflate (RFC 7692) without context takeover in either direction: no connection keeps a dictionary, and a
// message has one compressed form for all its recipients.

import (
	"bytes"
	"compress/flate"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// A Deflater compresses messages for the connections that have agreed to it. It may be used by many goroutines at once.
type Deflater struct {
	threshold int
	writers   sync.Pool // of *flate.Writer
}

// NewDeflater returns a Deflater that compresses frames with a payload of at least threshold bytes, at a level of
// compress/flate. A level that does not exist stands for flate.DefaultCompression.
func NewDeflater(threshold, level int) *Deflater {
	return &Deflater{threshold: threshold, writers: sync.Pool{New: func() any {
		w, err := flate.NewWriter(nil, level)
		if err != nil {
			w, _ = flate.NewWriter(nil, flate.DefaultCompression)
		}
		return w
	}}}
}

// Threshold is the size in bytes from which a payload is compressed.
func (d *Deflater) Threshold() int { return d.threshold }

// Negotiate returns the server's Sec-WebSocket-Extensions for the values of a client's (RFC 7692, section 7.1), or ""
// if it accepts none of the client's offers. A nil Deflater accepts none.
func (d *Deflater) Negotiate(values []string) string {
	if d == nil {
		return ""
	}
	offers, ok := httphead.ParseOptions([]byte(strings.Join(values, ",")), nil)
	if !ok {
		return ""
	}
	for _, offer := range offers {
		var asked wsflate.Parameters
		if string(offer.Name) != wsflate.ExtensionName || asked.Parse(offer) != nil {
			continue
		}
		if asked.ServerMaxWindowBits.Defined() { // compress/flate has one window size
			continue
		}
		return "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	}
	return ""
}

// rsv1 marks a compressed message in a frame's first byte (RFC 7692, section 6).
const rsv1 = 0x40

// deflateTail ends every flushed block. The sender leaves it out (RFC 7692, section 7.2.1).
var deflateTail = []byte{0, 0, 0xff, 0xff}

// compressPiece is how much is compressed before others get their turn on the processor.
const compressPiece = 64 << 10

// Compress returns frames, which Append has made, with the payloads compressed that are long enough.
func (d *Deflater) Compress(frames []byte) []byte {
	w := d.writers.Get().(*flate.Writer)
	defer d.writers.Put(w)
	var out []byte
	for len(frames) > 0 {
		op, body, rest := Cut(frames)
		if len(body) < d.threshold {
			out = append(out, frames[:len(frames)-len(rest)]...)
		} else {
			at := len(out)
			out = Append(out, op, deflate(w, body))
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
	return deflate(w, parts...)
}

func deflate(w *flate.Writer, parts ...[]byte) []byte {
	var b bytes.Buffer
	w.Reset(&b)
	for _, body := range parts {
		for len(body) > 0 {
			piece := body[:min(len(body), compressPiece)]
			_, _ = w.Write(piece) // a bytes.Buffer takes everything
			body = body[len(piece):]
			runtime.Gosched()
		}
	}
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), deflateTail)
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// Inflate decompresses a message of at most limit bytes. It may write into the spare capacity of data.
func Inflate(data []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	// The tail that the sender left out, and a final empty block, so that the reader finds an end.
	src := bytes.NewReader(append(data, 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff))
	defer func() {
		src.Reset(nil) // the pool is not to keep the message
		inflaters.Put(r)
	}()
	if err := r.(flate.Resetter).Reset(src, nil); err != nil {
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
