package engineio

import (
	"bufio"
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

const plainRequest = "GET /engine.io/?EIO=4&transport=websocket&x=%20y HTTP/1.1\r\nHost: chat.example:3000\r\nconnection: keep-alive, Upgrade\r\n" +
	"UPGRADE: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: a=b\r\ncookie:  c=d \r\n" +
	"Pragma: no-cache\r\nCache-Control: no-cache\r\nX-Empty:\r\n\r\n\x81\x80mask"

// What is read without net/http says the same as what net/http reads.
func TestPlainHandshake(t *testing.T) {
	srv := NewServer(Options{}, nil)
	h, ok := srv.parsePlain([]byte(plainRequest), "192.0.2.1:5")
	if !ok {
		t.Fatal("not taken for a plain handshake")
	}
	if string(h.early) != "\x81\x80mask" || h.key != "dGhlIHNhbXBsZSBub25jZQ==" {
		t.Errorf("early %q, key %q", h.early, h.key)
	}
	checkPlain(t, srv, []byte(plainRequest), h)

	for name, edit := range map[string][2]string{
		"another method":           {"GET ", "PUT "},
		"HTTP/1.0":                 {"HTTP/1.1", "HTTP/1.0"},
		"absolute form":            {"GET /", "GET http://chat.example/"},
		"another path":             {"/engine.io/", "/other/"},
		"escaped path":             {"/engine.io/", "/engine.i%6f/"},
		"fragment":                 {"%20y", "#y"},
		"space in the target":      {"%20y", " y"},
		"polling":                  {"transport=websocket", "transport=polling"},
		"revision 3":               {"EIO=4", "EIO=3"},
		"an upgrade":               {"EIO=4", "EIO=4&sid=x"},
		"incomplete":               {"X-Empty:\r\n\r\n\x81\x80mask", "X-Empty:\r\n"},
		"too long":                 {"a=b", strings.Repeat("a", maxPlainHead)},
		"bare line feed":           {"Cookie: a=b\r\n", "Cookie: a=b\n"},
		"folded line":              {"a=b\r\n", "a=b\r\n c\r\n"},
		"space in a name":          {"Cookie:", "Cookie :"},
		"no colon":                 {"Cookie: a=b", "Cookie"},
		"no name":                  {"Cookie: a=b", ": a=b"},
		"control byte":             {"a=b", "a\x00b"},
		"beyond ASCII":             {"a=b", "a\xffb"},
		"no host":                  {"Host: chat.example:3000\r\n", ""},
		"two hosts":                {"Host: ", "Host: a\r\nHost: "},
		"empty host":               {"chat.example:3000", ""},
		"host of another kind":     {"chat.example:3000", "a@b"},
		"no upgrade":               {"UPGRADE: WebSocket", "X: y"},
		"upgrade to another":       {"UPGRADE: WebSocket", "Upgrade: h2c"},
		"no connection":            {"connection:", "X-Connection:"},
		"no key":                   {"Sec-WebSocket-Key:", "X-Key:"},
		"two keys":                 {"Cookie: a=b", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
		"short key":                {"dGhlIHNhbXBsZSBub25jZQ==", "dGhl"},
		"version 8":                {"Version: 13", "Version: 8"},
		"two versions":             {"Cookie: a=b", "Sec-WebSocket-Version: 13"},
		"a body":                   {"Cookie: a=b", "Content-Length: 3"},
		"an empty body":            {"Cookie: a=b", "Content-Length: 0"},
		"chunked":                  {"Cookie: a=b", "Transfer-Encoding: chunked"},
		"Expect":                   {"Cookie: a=b", "Expect: 100-continue"},
		"subprotocol":              {"Cookie: a=b", "Sec-WebSocket-Protocol: x"},
		"Pragma, no Cache-Control": {"Cache-Control: no-cache\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			request := strings.Replace(plainRequest, edit[0], edit[1], 1)
			if request == plainRequest {
				t.Fatal("the edit changes nothing")
			}
			if _, ok := srv.parsePlain([]byte(request), ""); ok {
				t.Error("taken for a plain handshake")
			}
		})
	}
}

// checkPlain compares a request that has been read without net/http with what net/http makes of it.
func checkPlain(t *testing.T, srv *Server, b []byte, h plainHandshake) {
	t.Helper()
	rest := bufio.NewReader(bytes.NewReader(b))
	r, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	r.RemoteAddr = h.opening.remoteAddr
	if !isUpgrade(r) || !strings.HasPrefix(r.URL.Path, srv.opts.Path) {
		t.Error("no upgrade at the server's path")
	}
	q := parseQuery(r.URL.RawQuery)
	if s, refused := srv.verify(r, q, true); s != nil || refused != nil || q.transport != transportWebSocket {
		t.Errorf("refused: %+v", refused)
	}
	if key := r.Header.Get("Sec-WebSocket-Key"); key != h.key {
		t.Errorf("key %q, want %q", h.key, key)
	}
	early := make([]byte, rest.Buffered())
	_, _ = rest.Read(early)
	if !bytes.Equal(early, h.early) {
		t.Errorf("early %q, want %q", h.early, early)
	}
	want := newOpening(r)
	got := h.opening.handshake()
	got.Time = time.Time{}
	wanted := want.handshake()
	wanted.Time = time.Time{}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("handshake\n%+v\nwant\n%+v", got, wanted)
	}
}

// Whatever is taken for a plain handshake, net/http takes for one as well, and reads the same from it.
func FuzzPlainHandshake(f *testing.F) {
	f.Add([]byte(plainRequest))
	f.Add([]byte(strings.ReplaceAll(plainRequest, "\r\n", "\r\nX: y\r\n")))
	srv := NewServer(Options{}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, ok := srv.parsePlain(b, "192.0.2.1:5"); ok {
			checkPlain(t, srv, b, h)
		}
	})
}
