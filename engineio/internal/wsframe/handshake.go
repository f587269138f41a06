package wsframe

// The opening handshake (RFC 6455, section 4).

import (
	"crypto/sha1"
	"encoding/base64"
)

// keySize is the length of a Sec-WebSocket-Key: 16 bytes in base64.
const keySize = 24

// ValidKey reports whether a Sec-WebSocket-Key is 16 bytes in base64 (RFC 6455, section 4.1).
func ValidKey(key string) bool {
	if len(key) != keySize {
		return false
	}
	var decoded [keySize / 4 * 3]byte
	n, err := base64.StdEncoding.Decode(decoded[:], []byte(key))
	return err == nil && n == 16
}

// AppendAccept appends the answer that accepts a handshake (RFC 6455, section 4.2.2): its status line and the fields
// that it always has. The caller may append more, and ends it with an empty line.
func AppendAccept(b []byte, key string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"...)
	b = append(b, "Sec-WebSocket-Accept: "...)
	return append(base64.StdEncoding.AppendEncode(b, sum[:]), "\r\n"...)
}
