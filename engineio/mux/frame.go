package mux

// Frames to and from bytes; see the package's documentation.

import (
	"encoding/binary"
	"errors"
)

const (
	headBytes = 8
	// maxData is the longest payload of DATA: others get their turn behind it.
	maxData = 16 << 10
	// window is how many bytes of a stream may be on their way, or wait for who reads it.
	window = 64 << 10
)

// A frameType is the type of a frame.
type frameType byte

const (
	frameOpen frameType = iota + 1
	frameData
	frameWindow
	frameEnd
	frameReset
	framePing
	framePong
)

// A resetCode says why a stream is over.
type resetCode byte

const (
	resetClosed resetCode = iota
	resetStalled
	resetRefused
)

// A protocolError is a breach of the protocol, which ends the connection.
type protocolError string

func (e protocolError) Error() string { return "mux: the peer breaks the protocol: " + string(e) }

// errType is a frame with a type or a length that there is not.
const errType = protocolError("a frame of an unknown type or length")

// payloadOf is the length of the payload of a frame that is not DATA; ok is false where there is no such type.
func payloadOf(t frameType) (length int, ok bool) {
	switch t {
	case frameOpen, frameEnd, framePing, framePong:
		return 0, true
	case frameReset:
		return 1, true
	case frameWindow:
		return 4, true
	}
	return 0, false
}

// appendHead appends the head of a frame.
func appendHead(b []byte, length int, t frameType, id uint32) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), byte(t))
	return binary.BigEndian.AppendUint32(b, id)
}

// appendData appends what b is as DATA, in as many frames as it takes.
func appendData(out []byte, id uint32, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), maxData)
		out = append(appendHead(out, n, frameData, id), b[:n]...)
		b = b[n:]
	}
	return out
}

// A sink gets frames.
type sink interface {
	// data gets bytes of a DATA frame, as they come; they are valid until it returns.
	data(id uint32, b []byte) error
	// control gets every other frame; value is the payload's.
	control(t frameType, id uint32, value uint32) error
}

// A parser takes bytes apart as they come.
type parser struct {
	sink sink
	// buf[:have] is the beginning of a frame, its payload included where it is not DATA.
	buf  [headBytes + 4]byte
	have int
	// left is what is still to come of a DATA frame of the stream id.
	left int
	id   uint32
}

// feed takes the next bytes. After an error it is not called again.
func (p *parser) feed(b []byte) error {
	for len(b) > 0 {
		var err error
		if p.left > 0 {
			n := min(p.left, len(b))
			p.left -= n
			err = p.sink.data(p.id, b[:n])
			b = b[n:]
		} else {
			b, err = p.head(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// head takes bytes of a frame's beginning, and returns the rest.
func (p *parser) head(b []byte) ([]byte, error) {
	want := headBytes
	if p.have >= headBytes {
		want += p.length()
	}
	n := copy(p.buf[p.have:want], b)
	b = b[n:]
	if p.have += n; p.have < headBytes {
		return b, nil
	}
	t, id, length := frameType(p.buf[3]), binary.BigEndian.Uint32(p.buf[4:]), p.length()
	if (t == framePing || t == framePong) != (id == 0) {
		return nil, protocolError("a frame of a stream that there cannot be")
	}
	if t == frameData {
		if length == 0 || length > maxData {
			return nil, errType
		}
		p.have, p.left, p.id = 0, length, id
		return b, nil
	}
	if fixed, ok := payloadOf(t); !ok || length != fixed {
		return nil, errType
	}
	if p.have < headBytes+length {
		return b, nil
	}
	value := uint32(0)
	for _, c := range p.buf[headBytes : headBytes+length] {
		value = value<<8 | uint32(c)
	}
	p.have = 0
	return b, p.sink.control(t, id, value)
}

// length is that of the payload of the frame whose head is there.
func (p *parser) length() int { return int(p.buf[0])<<16 | int(p.buf[1])<<8 | int(p.buf[2]) }

// Errors of streams and sessions.
var (
	// ErrRefused is the error of a stream that the other end has not accepted: nothing has been done with it.
	ErrRefused = errors.New("mux: the peer does not accept the stream")
	// ErrClosed is the error of a session that this end has closed, or that had no streams for Options.Idle.
	ErrClosed = errors.New("mux: the session is closed")
	// ErrSilent ends a session whose peer has said nothing for Options.Timeout, though it was asked.
	ErrSilent = errors.New("mux: the peer is silent")
)
