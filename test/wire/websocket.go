package wire

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// An Opcode is a WebSocket frame's opcode (RFC 6455, section 5.2).
type Opcode byte

const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// A Frame is one WebSocket frame. Nothing is checked when it is written.
type Frame struct {
	Opcode   Opcode
	NotFinal bool // FIN bit clear
	RSV      byte // the three reserved bits: RSV1 is 4
	Unmasked bool
	Payload  []byte
	// Length, unless 0, is written as the payload's length instead of the true one.
	Length uint64
}

// Bytes returns the frame as a client sends it: masked, unless Unmasked is set.
func (f Frame) Bytes() []byte {
	first := byte(f.Opcode) | f.RSV<<4
	if !f.NotFinal {
		first |= 0x80
	}
	var maskBit byte = 0x80
	if f.Unmasked {
		maskBit = 0
	}
	length := f.Length
	if length == 0 {
		length = uint64(len(f.Payload))
	}
	b := []byte{first}
	switch {
	case length < 126:
		b = append(b, maskBit|byte(length))
	case length < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), length)
	}
	if f.Unmasked {
		return append(b, f.Payload...)
	}
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, key[:]...)
	for i, c := range f.Payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// CloseFrame returns a close frame with a code and a reason.
func CloseFrame(code uint16, reason string) Frame {
	return Frame{Opcode: Close, Payload: append(binary.BigEndian.AppendUint16(nil, code), reason...)}
}

// A WebSocket is a connection after its opening handshake.
type WebSocket struct {
	*Conn
	Answer *Response // to the handshake: the 101
}

// ErrRefused means that the server answered a WebSocket handshake with something other than 101.
var ErrRefused = errors.New("wire: handshake refused")

// UpgradeRequest returns a correct WebSocket handshake for target, with further headers.
func UpgradeRequest(target string, headers ...Header) Request {
	var nonce [16]byte
	rand.Read(nonce[:])
	return Request{Method: "GET", Target: target, Headers: append([]Header{
		{"Connection", "Upgrade"},
		{"Upgrade", "websocket"},
		{"Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(nonce[:])},
		{"Sec-WebSocket-Version", "13"},
	}, headers...)}
}

// DialWebSocket opens a WebSocket at target. With [ErrRefused] it returns a WebSocket of which only Answer is set.
func DialWebSocket(addr, target string, headers ...Header) (*WebSocket, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	request := UpgradeRequest(target, headers...)
	response, err := c.Do(request, 10*time.Second)
	if err != nil {
		c.Close()
		return nil, err
	}
	if response.Code != 101 {
		c.Close()
		return &WebSocket{Answer: response}, fmt.Errorf("%w: %s", ErrRefused, response.Status)
	}
	if want := AcceptKey(request.Headers[2].Value); response.Get("Sec-WebSocket-Accept") != want {
		c.Close()
		return nil, fmt.Errorf("Sec-WebSocket-Accept is %q, want %q", response.Get("Sec-WebSocket-Accept"), want)
	}
	c.SetDeadline(time.Time{})
	return &WebSocket{Conn: c, Answer: response}, nil
}

// AcceptKey is what a server answers to a Sec-WebSocket-Key (RFC 6455, section 4.2.2).
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Send writes one frame.
func (ws *WebSocket) Send(f Frame) error {
	_, err := ws.Write(f.Bytes())
	return err
}

// SendText writes one text message.
func (ws *WebSocket) SendText(text string) error {
	return ws.Send(Frame{Opcode: Text, Payload: []byte(text)})
}

// ReadFrame reads the next frame. It is an error if the server sends what it must not: masked or fragmented frames,
// reserved bits, unknown opcodes. The error is io.EOF at the end of the connection, whether closed or reset.
func (ws *WebSocket) ReadFrame() (Frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(ws.Reader, head[:]); err != nil {
		if IsReset(err) {
			err = io.EOF
		}
		return Frame{}, err
	}
	f := Frame{Opcode: Opcode(head[0] & 0xF), RSV: head[0] >> 4 & 7, NotFinal: head[0]&0x80 == 0}
	if f.RSV != 0 || f.NotFinal || head[1]&0x80 != 0 || !strings.ContainsRune("\x01\x02\x08\x09\x0A", rune(f.Opcode)) {
		return f, fmt.Errorf("server sent a frame that begins % x", head)
	}
	length := uint64(head[1])
	switch length {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(ws.Reader, b[:]); err != nil {
			return f, err
		}
		length = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(ws.Reader, b[:]); err != nil {
			return f, err
		}
		length = binary.BigEndian.Uint64(b[:])
	}
	if length > 64<<20 {
		return f, fmt.Errorf("server sent a frame of %d bytes", length)
	}
	f.Payload = make([]byte, length)
	_, err := io.ReadFull(ws.Reader, f.Payload)
	return f, err
}
