package engineio

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Close codes that a server sends (RFC 6455, section 7.4.1).
const (
	closeProtocolError = 1002
	closeInvalidData   = 1007
	closeTooBig        = 1009
)

// A frameError is a breach of RFC 6455, and the code of the close frame that answers it.
type frameError struct {
	code uint16
	text string
}

func (e *frameError) Error() string { return "engineio: " + e.text }

var (
	errReserved   = &frameError{closeProtocolError, "reserved bits or opcode in a frame"}
	errUnmasked   = &frameError{closeProtocolError, "frame is not masked"}
	errControl    = &frameError{closeProtocolError, "control frame is fragmented or longer than 125 bytes"}
	errSequence   = &frameError{closeProtocolError, "continuation without a start, or a start inside a message"}
	errLength     = &frameError{closeProtocolError, "frame length is not valid"}
	errCloseFrame = &frameError{closeProtocolError, "close frame is not valid"}
	errUTF8       = &frameError{closeInvalidData, "text message is not UTF-8"}
	errTooBig     = &frameError{closeTooBig, "message is longer than the limit"}
)

// A frameSink gets what a frameReader finds.
type frameSink interface {
	// message gets each whole data message; data belongs to it. An error ends the reading.
	message(data []byte, binary bool) error
	// control gets each control frame; payload is valid until it returns.
	control(op ws.OpCode, payload []byte) error
}

// A frameReader takes a client's byte stream apart into messages (RFC 6455, section 5), in whatever pieces it comes. It
// keeps no buffer between messages.
type frameReader struct {
	sink    frameSink
	limit   int  // of a message, in bytes
	deflate bool // permessage-deflate has been agreed upon

	// The header being read, and then the rest of its frame.
	header  [14]byte
	have    uint8 // bytes of the header
	inFrame bool
	op      ws.OpCode
	fin     bool
	mask    [4]byte
	at      int // bytes of the payload read
	length  int // of the payload

	// The message being put together.
	started    bool
	binary     bool
	compressed bool
	data       []byte

	ping []byte // payload of the control frame being read
}

// feed reads b and passes on what is complete. After an error the reader is of no more use.
func (r *frameReader) feed(b []byte) error {
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
		ws.Cipher(dst, r.mask, r.at)
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

// reserve makes room for the next n bytes of the frame's payload where they belong. Memory grows with what has arrived,
// not with what a header promises.
func (r *frameReader) reserve(n int) []byte {
	buf := &r.data
	if r.op.IsControl() {
		buf = &r.ping
	}
	was := len(*buf)
	if was == 0 && n == r.length {
		*buf = make([]byte, n)
	} else {
		*buf = append(*buf, make([]byte, n)...)
	}
	return (*buf)[was:]
}

// readHeader takes header bytes from b until there is a header, which it checks; inFrame then tells that there is one.
func (r *frameReader) readHeader(b []byte) ([]byte, error) {
	if r.have < 2 {
		if b = r.takeHeader(b, 2); r.have < 2 {
			return nil, nil
		}
		if err := r.checkHeader(r.header[0], r.header[1]); err != nil { // once: it begins a message
			return nil, err
		}
	}
	size := 2 + 4
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
	if !r.op.IsControl() && length > uint64(r.limit-len(r.data)) {
		return nil, errTooBig
	}
	copy(r.mask[:], h[len(h)-4:])
	r.length, r.at, r.have, r.inFrame = int(length), 0, 0, true
	return b, nil
}

// takeHeader takes header bytes from b until there are size of them.
func (r *frameReader) takeHeader(b []byte, size int) []byte {
	n := copy(r.header[r.have:size], b)
	r.have += uint8(n)
	return b[n:]
}

// checkHeader checks a header by its first two bytes and takes from them what it says.
func (r *frameReader) checkHeader(b0, b1 byte) error {
	r.fin, r.op = b0&0x80 != 0, ws.OpCode(b0&0x0f)
	compressed := b0&rsv1 != 0
	switch {
	case b0&0x30 != 0, r.op.IsReserved():
		return errReserved
	case compressed && (!r.deflate || r.op != ws.OpText && r.op != ws.OpBinary):
		return errReserved
	case b1&0x80 == 0:
		return errUnmasked
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
		if !r.fin || b1&0x7f > 125 {
			return errControl
		}
	}
	return nil
}

// endFrame passes on what a whole frame completes.
func (r *frameReader) endFrame() error {
	if r.op.IsControl() {
		payload := r.ping
		r.ping = nil
		return r.sink.control(r.op, payload)
	}
	if !r.fin {
		return nil
	}
	data := r.data
	r.data, r.started = nil, false
	if r.compressed {
		var err error
		if data, err = inflate(data, r.limit); err != nil {
			return err
		}
	}
	if !r.binary && !utf8.Valid(data) {
		return errUTF8
	}
	return r.sink.message(data, r.binary)
}

// parseClose checks the payload of a close frame (RFC 6455, section 5.5.1) and returns its code, 0 where it has none.
func parseClose(payload []byte) (uint16, error) {
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

// closeFrame is a close frame with a code and no reason, or with neither where code is 0.
func closeFrame(code uint16) *Message {
	if code == 0 {
		return emptyCloseFrame
	}
	return newControl(appendFrame(nil, ws.OpClose, binary.BigEndian.AppendUint16(nil, code)))
}

var emptyCloseFrame = newControl(appendFrame(nil, ws.OpClose, nil))

// closeCode is the code that answers an error of a frameReader.
func closeCode(err error) uint16 {
	var breach *frameError
	if errors.As(err, &breach) {
		return breach.code
	}
	return closeInvalidData
}
