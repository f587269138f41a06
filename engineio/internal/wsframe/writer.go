package wsframe

// Frames as they are sent (RFC 6455, section 5.2): final; a server's not masked, a client's masked.

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// Size is the length of a frame with a payload of n bytes.
func Size(n int) int {
	switch {
	case n < 126:
		return 2 + n
	case n < 1<<16:
		return 4 + n
	default:
		return 10 + n
	}
}

// AppendHeader appends the header of a frame. The caller appends the payload of n bytes.
func AppendHeader(b []byte, op ws.OpCode, n int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// Append appends a frame.
func Append(b []byte, op ws.OpCode, payload []byte) []byte {
	return append(AppendHeader(b, op, len(payload)), payload...)
}

// AppendClose appends a close frame with a code and no reason, or with neither if code is 0.
func AppendClose(b []byte, code uint16) []byte {
	if code == 0 {
		return Append(b, ws.OpClose, nil)
	}
	return binary.BigEndian.AppendUint16(AppendHeader(b, ws.OpClose, 2), code)
}

// Cut takes the first frame off frames, which Append has made. body is its payload, rest what follows it.
func Cut(frames []byte) (op ws.OpCode, body, rest []byte) {
	op = ws.OpCode(frames[0] & 0x0f)
	n, at := int(frames[1]), 2
	switch n {
	case 126:
		n, at = int(binary.BigEndian.Uint16(frames[2:])), 4
	case 127:
		n, at = int(binary.BigEndian.Uint64(frames[2:])), 10
	}
	return op, frames[at : at+n], frames[at+n:]
}

// AppendMasked appends a frame of a client, masked with mask, which ought to be random (RFC 6455, section 5.3). The
// payload is that of the parts, one after the other.
func AppendMasked(b []byte, op ws.OpCode, mask [4]byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	start := len(b)
	b = AppendHeader(b, op, n)
	b[start+1] |= 0x80
	b = append(b, mask[:]...)
	at := len(b)
	for _, p := range parts {
		b = append(b, p...)
	}
	ws.Cipher(b[at:], mask, 0)
	return b
}

// SetCompressed marks frame, the header of which begins it, as that of a compressed message (RFC 7692, section 6).
func SetCompressed(frame []byte) { frame[0] |= rsv1 }
