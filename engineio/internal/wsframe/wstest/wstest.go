// Package wstest makes what a WebSocket client sends, for the tests of what reads it. It shares no code with wsframe.
package wstest

import (
	"bytes"
	"compress/flate"

	"github.com/gobwas/ws"
)

// Frame is a masked frame. b0 is its first byte, that is FIN, the RSV bits and the opcode: anything that a test wants.
func Frame(b0 byte, payload string) string {
	mask := [4]byte{1, 0x82, 3, 0xf4}
	body := []byte(payload)
	ws.Cipher(body, mask, 0)
	header := ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Mask: mask, Length: int64(len(body))}
	frame := ws.MustCompileFrame(ws.Frame{Header: header, Payload: body})
	frame[0] = b0
	return string(frame)
}

// Deflate is the payload of a frame that brings data compressed (RFC 7692, section 7.2.1).
func Deflate(data []byte) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // a level that exists
	_, _ = w.Write(data)                               // a bytes.Buffer takes everything
	_ = w.Flush()
	return string(bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff}))
}
