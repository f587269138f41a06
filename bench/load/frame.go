package load

// Walks the WebSocket frames that a server sends (RFC 6455, section 5.2), reading no more of each than its first bytes,
// and masks the frames that a client sends.

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// headLimit is how many bytes of a message a client sees: enough to reach the end of its stamp.
const headLimit = 192

var (
	errMasked     = errors.New("load: a frame from the server is masked")
	errFragments  = errors.New("load: a continuation frame without a beginning, or a beginning within a message")
	errExtensions = errors.New("load: a frame has reserved bits set, and no extension was offered")
)

// A messageSink gets messages and control frames: the first bytes, and the whole length.
type messageSink interface {
	message(opcode byte, head []byte, length int) error
}

// A walker finds the messages in a stream of frames, however reads cut it.
type walker struct {
	sink messageSink
	keep int // how many bytes of a message to pass on

	header  [10]byte
	nheader int
	opcode  byte
	final   bool
	inside  bool // the header is complete, the payload is not
	left    int  // payload bytes still to come
	length  int  // of this frame's payload
	head    []byte

	fragmented   bool // between a first fragment and the last
	fragOpcode   byte
	fragLength   int
	fragHead     []byte
	wire         int // size of the current frame, header included
	LastWireSize int // the same, of the last complete frame
}

// walk takes the next bytes of the stream. What it passes to the sink is valid only during that call.
func (w *walker) walk(p []byte) error {
	for len(p) > 0 {
		// Most frames lie in the buffer whole and have a short header.
		if w.nheader == 0 && !w.inside && !w.fragmented &&
			len(p) >= 4 && p[0]&0xf0 == 0x80 && p[0] != 0x80 && p[1] <= 126 {
			start, length := 2, int(p[1])
			if length == 126 {
				start, length = 4, int(binary.BigEndian.Uint16(p[2:]))
			}
			if end := start + length; end <= len(p) {
				w.LastWireSize = end
				if err := w.sink.message(p[0]&0x0f, p[start:start+min(length, w.keep)], length); err != nil {
					return err
				}
				p = p[end:]
				continue
			}
		}
		var err error
		if p, err = w.step(p); err != nil {
			return err
		}
	}
	return nil
}

// step takes either one byte of the header or as much payload as p has.
func (w *walker) step(p []byte) ([]byte, error) {
	if !w.inside {
		w.header[w.nheader] = p[0]
		w.nheader++
		p = p[1:]
		complete, err := w.readHeader()
		if err != nil || !complete {
			return p, err
		}
	}
	n := min(len(p), w.left)
	if room := w.keep - len(w.head); room > 0 {
		w.head = append(w.head, p[:min(n, room)]...)
	}
	w.left -= n
	if w.left > 0 {
		return p[n:], nil
	}
	w.inside = false
	w.LastWireSize = w.wire
	err := w.frame()
	w.head = w.head[:0]
	return p[n:], err
}

// readHeader reports whether the header is complete, and if so prepares for the payload.
func (w *walker) readHeader() (bool, error) {
	if w.nheader < 2 {
		return false, nil
	}
	if w.header[0]&0x70 != 0 {
		return false, errExtensions
	}
	if w.header[1]&0x80 != 0 {
		return false, errMasked
	}
	length, size := int(w.header[1]), 2
	switch length {
	case 126:
		if size = 4; w.nheader == size {
			length = int(binary.BigEndian.Uint16(w.header[2:]))
		}
	case 127:
		if size = 10; w.nheader == size {
			long := binary.BigEndian.Uint64(w.header[2:])
			if long > 1<<40 {
				return false, fmt.Errorf("load: a frame of %d bytes", long)
			}
			length = int(long)
		}
	}
	if w.nheader < size {
		return false, nil
	}
	w.opcode, w.final = w.header[0]&0x0f, w.header[0]&0x80 != 0
	w.length, w.left, w.wire = length, length, size+length
	w.nheader, w.inside = 0, true
	return true, nil
}

// frame passes on what a frame completes: a control frame, a message, or a message of which it is the last fragment.
func (w *walker) frame() error {
	if w.opcode >= opClose {
		return w.sink.message(w.opcode, w.head, w.length)
	}
	if (w.opcode == opContinuation) != w.fragmented {
		return errFragments
	}
	if w.opcode != opContinuation && w.final {
		return w.sink.message(w.opcode, w.head, w.length)
	}
	if w.opcode != opContinuation {
		w.fragmented, w.fragOpcode, w.fragLength, w.fragHead = true, w.opcode, 0, w.fragHead[:0]
	}
	w.fragLength += w.length
	if room := w.keep - len(w.fragHead); room > 0 {
		w.fragHead = append(w.fragHead, w.head[:min(len(w.head), room)]...)
	}
	if !w.final {
		return nil
	}
	w.fragmented = false
	return w.sink.message(w.fragOpcode, w.fragHead, w.fragLength)
}

// appendFrame appends a final frame of a client. The mask is always the same; a server has to unmask all the same.
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	const key = 0x9d3af157
	dst = append(dst, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = binary.LittleEndian.AppendUint32(dst, key)
	at := len(dst)
	dst = append(dst, payload...)
	masked := dst[at:]
	for len(masked) >= 8 {
		binary.LittleEndian.PutUint64(masked, binary.LittleEndian.Uint64(masked)^(key<<32|key))
		masked = masked[8:]
	}
	for i := range masked {
		masked[i] ^= byte(uint32(key) >> (8 * (i % 4)))
	}
	return dst
}
