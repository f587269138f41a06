//go:build unix

package main

// WebSocket frames (RFC 6455, section 5.2). Only complete ones: nobody here fragments.

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

// maxPayload bounds what a client may send, in bytes.
const maxPayload = 1 << 20

var errFrame = errors.New("not a masked, complete frame of an allowed size")

// A frame is a frame that was read. The next one reuses its buffer.
type frame struct {
	opcode  byte
	payload []byte
}

// read reads the next frame of a client.
func (f *frame) read(r io.Reader) error {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return err
	}
	final, masked := head[0]&0xF0 == 0x80, head[1]&0x80 != 0
	f.opcode = head[0] & 0x0F
	size := uint64(head[1] & 0x7F)
	switch size {
	case 126:
		if _, err := io.ReadFull(r, head[:2]); err != nil {
			return err
		}
		size = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return err
		}
		size = binary.BigEndian.Uint64(head[:8])
	}
	if !final || !masked || size > maxPayload {
		return errFrame
	}
	var mask [4]byte
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return err
	}
	if uint64(cap(f.payload)) < size {
		f.payload = make([]byte, size)
	}
	f.payload = f.payload[:size]
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return err
	}
	for i := range f.payload {
		f.payload[i] ^= mask[i&3]
	}
	return nil
}

// out returns the frame as the server sends it, in new memory: a slow client may keep the end of it.
func (f *frame) out() []byte {
	b := make([]byte, 0, len(f.payload)+10)
	b = append(b, 0x80|f.opcode)
	switch size := len(f.payload); {
	case size < 126:
		b = append(b, byte(size))
	case size < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
	}
	return append(b, f.payload...)
}
