package engineio

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// permessage-deflate (RFC 7692) without context takeover in either direction: no connection keeps a dictionary, and a
// message has one compressed form for all its recipients.

// A deflater compresses messages for the connections that have agreed to it.
type deflater struct {
	threshold int
	writers   sync.Pool // of *flate.Writer
}

func newDeflater(o *PerMessageDeflate) *deflater {
	if o == nil {
		return nil
	}
	return &deflater{threshold: o.Threshold, writers: sync.Pool{New: func() any {
		w, err := flate.NewWriter(nil, o.Level)
		if err != nil { // a level that does not exist
			w, _ = flate.NewWriter(nil, flate.DefaultCompression)
		}
		return w
	}}}
}

// negotiate answers a client's offers; it returns an empty string where none is to be had.
func (d *deflater) negotiate(header http.Header) string {
	if d == nil {
		return ""
	}
	offers, ok := httphead.ParseOptions([]byte(strings.Join(header.Values("Sec-WebSocket-Extensions"), ",")), nil)
	if !ok {
		return ""
	}
	for _, offer := range offers {
		var asked wsflate.Parameters
		// A client that wants a smaller window on our side cannot be had: compress/flate has one size.
		if string(offer.Name) != wsflate.ExtensionName || asked.Parse(offer) != nil || asked.ServerMaxWindowBits.Defined() {
			continue
		}
		return "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	}
	return ""
}

// wire is the message as it goes out on a WebSocket connection with that deflater, if any.
func (m *Message) wire(d *deflater) []byte {
	if d == nil || m.control || m.noCompress || len(m.frames) < d.threshold {
		return m.frames
	}
	p := m.deflated.Load()
	if p == nil {
		frames := d.deflate(m.frames)
		// Once it is there it stays: somebody may be in the middle of writing it, and another server's level may differ.
		m.deflated.CompareAndSwap(nil, &frames)
		p = m.deflated.Load()
	}
	return *p
}

var deflateTail = []byte{0, 0, 0xff, 0xff}

// deflate compresses each frame that is long enough.
func (d *deflater) deflate(frames []byte) []byte {
	w := d.writers.Get().(*flate.Writer)
	defer d.writers.Put(w)
	var out []byte
	for len(frames) > 0 {
		op, body, rest := cutFrame(frames)
		if len(body) < d.threshold {
			out = append(out, frames[:len(frames)-len(rest)]...)
		} else {
			var b bytes.Buffer
			w.Reset(&b)
			_, _ = w.Write(body) // a bytes.Buffer takes everything
			_ = w.Flush()
			at := len(out)
			out = appendFrame(out, op, bytes.TrimSuffix(b.Bytes(), deflateTail))
			out[at] |= rsv1
		}
		frames = rest
	}
	return out
}

// rsv1 marks a compressed message in a frame's first byte (RFC 7692, section 6).
const rsv1 = 0x40

var errInflate = errors.New("engineio: message is not valid deflate data")

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflate decompresses a message of at most limit bytes. It may write behind data.
func inflate(data []byte, limit int) ([]byte, error) {
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
