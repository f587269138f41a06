package wsframe

// Frames as a peer sends them, in whatever pieces they come (RFC 6455, section 5).

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A Sink gets what a Reader finds.
type Sink interface {
	// Message gets each whole data message; data belongs to it. An error ends the reading.
	Message(data []byte, binary bool) error
	// Control gets each control frame; payload is valid until it returns. An error ends the reading.
	Control(op ws.OpCode, payload []byte) error
}

// An InflatingSink is a Sink that decompresses messages itself, as one does whose connection has a context. It may
// write into the spare capacity of data.
type InflatingSink interface {
	Inflate(data []byte, limit int) ([]byte, error)
}

// A Reader takes a peer's byte stream apart into messages. The caller sets the exported fields before the first Feed.
// It keeps no buffer between messages, and none larger than what has arrived. It must not be used by two goroutines at
// once.
type Reader struct {
	Sink    Sink
	Limit   int  // of a message, in bytes, decompressed too
	Deflate bool // permessage-deflate has been agreed upon
	Client  bool // it reads what a server sends, which is not masked

	// The header being read, and then the rest of its frame.
	header  [14]byte
	have    uint8 // bytes of the header
	inFrame bool
	op      ws.OpCode
	fin     bool
	mask    [4]byte
	// The message being put together. (Here, as small fields stand together: every connection has a Reader.)
	started    bool
	binary     bool
	compressed bool
	data       []byte

	at      int               // bytes of the frame's payload read
	length  int               // of the payload
	control *[maxControl]byte // payload of the control frame being read
}

// maxControl is the longest payload of a control frame, in bytes (RFC 6455, section 5.5).
const maxControl = 125

// Feed reads b and passes on what is complete. Its error is an *Error, or the sink's own; after it the Reader is of no
// more use.
func (r *Reader) Feed(b []byte) error {
	for {
		if !r.inFrame {
			var err error
			if b, err = r.readHeader(b); err != nil || !r.inFrame {
				return err
			}
		}
		n := min(len(b), r.length-r.at)
		part := b[:n]
		b = b[n:]
		dst := r.reserve(n)
		copy(dst, part)
		if !r.Client {
			ws.Cipher(dst, r.mask, r.at)
		}
		if r.at += n; r.at < r.length {
			return nil
		}
		r.inFrame = false
		if err := r.endFrame(); err != nil {
			return err
		}
		if len(b) == 0 {
			return nil
		}
	}
}

// reserve makes room for the next n bytes of the frame's payload and returns it. Memory grows with what has arrived,
// up to twice as much, and not with what a header promises.
func (r *Reader) reserve(n int) []byte {
	if r.op.IsControl() {
		if n == 0 {
			return nil
		}
		if r.control == nil {
			r.control = new([maxControl]byte)
		}
		return r.control[r.at : r.at+n]
	}
	was := len(r.data)
	if need := was + n; need > cap(r.data) || r.data == nil { // an empty message is not nil
		// Twice as much each time, and no more than the frame takes: what grows by less leaves more garbage behind.
		grown := make([]byte, was, max(need, min(2*need, was-r.at+r.length)))
		copy(grown, r.data)
		r.data = grown
	}
	r.data = r.data[:was+n]
	return r.data[was:]
}

// readHeader takes header bytes from b and returns the rest. Once the header is whole and checked, inFrame is set.
func (r *Reader) readHeader(b []byte) ([]byte, error) {
	if r.have < 2 {
		if b = r.takeHeader(b, 2); r.have < 2 {
			return nil, nil
		}
		if err := r.checkHeader(r.header[0], r.header[1]); err != nil { // once for each frame: it begins a message
			return nil, err
		}
	}
	size := 2
	if !r.Client {
		size += len(r.mask)
	}
	switch r.header[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if b = r.takeHeader(b, size); int(r.have) < size {
		return nil, nil
	}
	h := r.header[:r.have]
	length := uint64(h[1] & 0x7f)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		length = binary.BigEndian.Uint64(h[2:])
		if length>>63 != 0 {
			return nil, errLength
		}
	}
	if !r.op.IsControl() && length > uint64(r.Limit-len(r.data)) {
		return nil, errTooBig
	}
	if !r.Client {
		copy(r.mask[:], h[len(h)-len(r.mask):])
	}
	r.length, r.at, r.have, r.inFrame = int(length), 0, 0, true
	return b, nil
}

// takeHeader takes header bytes from b until there are size of them.
func (r *Reader) takeHeader(b []byte, size int) []byte {
	n := copy(r.header[r.have:size], b)
	r.have += uint8(n)
	return b[n:]
}

// checkHeader checks the first two bytes of a header and notes what they say.
func (r *Reader) checkHeader(b0, b1 byte) error {
	r.fin, r.op = b0&0x80 != 0, ws.OpCode(b0&0x0f)
	compressed := b0&rsv1 != 0
	switch {
	case b0&0x30 != 0, r.op.IsReserved():
		return errReserved
	case compressed && (!r.Deflate || r.op != ws.OpText && r.op != ws.OpBinary):
		return errReserved
	case b1&0x80 == 0 != r.Client:
		return errMasking
	}
	switch r.op {
	case ws.OpContinuation:
		if !r.started {
			return errSequence
		}
	case ws.OpText, ws.OpBinary:
		if r.started {
			return errSequence
		}
		r.started, r.binary, r.compressed = true, r.op == ws.OpBinary, compressed
	default:
		if !r.fin || b1&0x7f > maxControl {
			return errControl
		}
	}
	return nil
}

// endFrame passes on a control frame, or the message that a data frame ends.
func (r *Reader) endFrame() error {
	if r.op.IsControl() {
		var payload []byte
		if r.control != nil {
			payload = r.control[:r.length]
			r.control = nil
		}
		return r.Sink.Control(r.op, payload)
	}
	if !r.fin {
		return nil
	}
	data := r.data
	r.data, r.started = nil, false
	if r.compressed {
		var err error
		if data, err = r.inflate(data); err != nil {
			return err
		}
	}
	if !r.binary && !utf8.Valid(data) {
		return errUTF8
	}
	return r.Sink.Message(data, r.binary)
}

func (r *Reader) inflate(data []byte) ([]byte, error) {
	if sink, ok := r.Sink.(InflatingSink); ok {
		return sink.Inflate(data, r.Limit)
	}
	return Inflate(data, r.Limit)
}

// ParseClose checks the payload of a close frame (RFC 6455, section 5.5.1) and returns its code, 0 if it has none.
func ParseClose(payload []byte) (uint16, error) {
	if len(payload) == 0 {
		return 0, nil
	}
	if len(payload) == 1 {
		return 0, errCloseFrame
	}
	code, reason := ws.ParseCloseFrameDataUnsafe(payload)
	if code.IsProtocolReserved() || code.IsNotUsed() || !utf8.ValidString(reason) {
		return 0, errCloseFrame
	}
	if c := uint16(code); c < 1000 || c == 1004 || c > 1014 && c < 3000 || c > 4999 {
		return 0, errCloseFrame
	}
	return uint16(code), nil
}
