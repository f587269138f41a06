package wsframe

import "testing"

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"dGhlIHNhbXBsZSBub25jZQ==":  true, // RFC 6455, section 1.3
		"":                          false,
		"dGhl":                      false,
		"dGhlIHNhbXBsZSBub25jZQ":    false,
		"dGhlIHNhbXBsZSBub25jZXM=":  false, // 17 bytes
		"dGhlIHNhbXBsZSBub25jZXMh":  false, // 18
		"dGhlIHNhbXBsZSBub25j_Q==":  false,
		"dGhlIHNhbXBsZSBub25jZQ== ": false,
	} {
		if got := ValidKey(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}

func TestAppendAccept(t *testing.T) {
	const want = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" // RFC 6455, section 1.3
	if got := string(AppendAccept(nil, "dGhlIHNhbXBsZSBub25jZQ==")); got != want {
		t.Errorf("%q", got)
	}
}
