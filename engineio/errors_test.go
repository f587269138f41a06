package engineio

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// jsonError is the body of an answer that refuses a request.
func jsonError(code int, message string) string {
	return fmt.Sprintf(`{"code":%d,"message":%q}`, code, message)
}

// The codes and messages are those that Node.js's engine.io answers with, and so is the order of the checks.
func TestRefusedRequests(t *testing.T) {
	h := start(t, setup{opts: Options{CORS: &CORS{}}})
	const base = "http://server.example/engine.io/"
	tests := []struct {
		method, query string
		code          int
		message       string
	}{
		{"GET", "?EIO=3&transport=polling", 5, "Unsupported protocol version"},
		{"GET", "?transport=polling", 5, "Unsupported protocol version"},
		{"GET", "?EIO=5&transport=polling", 5, "Unsupported protocol version"},
		{"GET", "?EIO=4&EIO=3&transport=polling", 5, "Unsupported protocol version"},
		{"GET", "?EIO=4&transport=foo", 0, "Transport unknown"},
		{"GET", "?EIO=4", 0, "Transport unknown"},
		{"GET", "", 0, "Transport unknown"},
		{"GET", "?EIO=4&transport=webtransport", 0, "Transport unknown"},
		{"GET", "?EIO=4&transport=__proto__", 0, "Transport unknown"},
		{"GET", "?EIO=4&transport=polling&transport=foo", 0, "Transport unknown"},
		{"GET", "?EIO=4&transport=%zz", 0, "Transport unknown"},
		{"GET", "?EIO=4&transport=polling&sid=nope", 1, "Session ID unknown"},
		{"POST", "?EIO=4&transport=polling&sid=nope", 1, "Session ID unknown"},
		{"POST", "?EIO=4&transport=polling", 2, "Bad handshake method"},
		{"PUT", "?EIO=4&transport=polling", 2, "Bad handshake method"},
		{"DELETE", "?EIO=4&transport=polling", 2, "Bad handshake method"},
		{"HEAD", "?EIO=4&transport=polling", 2, ""},
		{"GET", "?EIO=4&transport=websocket", 3, "Bad request"},
	}
	for _, tt := range tests {
		a, err := h.do(t.Context(), tt.method, base+tt.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := jsonError(tt.code, tt.message)
		if tt.method == "HEAD" {
			want = ""
		}
		if a.status != 400 || a.body != want || a.header.Get("Content-Type") != "application/json" ||
			a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %d %q %v, want 400 %q", tt.method, tt.query, a.status, a.body, a.header, want)
		}
	}
	if n := h.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	other, err := h.do(t.Context(), "GET", "http://server.example/other/?EIO=4&transport=polling", nil)
	if err != nil || other.status != 404 {
		t.Errorf("another path: %v %v", other, err)
	}
	// Whatever is below the path belongs to it.
	if a, err := h.do(t.Context(), "GET", base+"foo?EIO=4&transport=polling", nil); err != nil || a.status != 200 {
		t.Errorf("below the path: %v %v", a, err)
	}
}

func TestRefusedWithSession(t *testing.T) {
	h := start(t, setup{opts: Options{CORS: &CORS{}}})
	c := h.openPoll()
	for _, method := range []string{"PUT", "DELETE", "PATCH", "HEAD"} {
		c.want(method, c.params, "", 500, "")
	}
	c.want("GET", "transport=websocket&sid="+c.sid, "", 400, jsonError(3, "Bad request"))
	if c.peer().Send(text("alive")); c.poll() != "4alive" {
		t.Error("the session has suffered")
	}
	w := h.openWS()
	h.want("GET", "transport=polling&sid="+w.sid, "", 400, jsonError(3, "Bad request"))
	h.want("POST", "transport=polling&sid="+w.sid, "4x", 400, jsonError(3, "Bad request"))
}

func TestRefusedUpgrades(t *testing.T) {
	h := start(t, setup{opts: Options{CORS: &CORS{}}})
	const (
		key     = "Missing or invalid Sec-WebSocket-Key header"
		version = "Missing or invalid Sec-WebSocket-Version header"
	)
	tests := []struct {
		name, method, params string
		header               []string
		status               int
		body                 string
	}{
		{"transport", "GET", "transport=foo", nil, 400, "Transport unknown"},
		{"no transport", "GET", "", nil, 400, "Transport unknown"},
		{"sid", "GET", "transport=websocket&sid=nope", nil, 400, "Session ID unknown"},
		{"method", "POST", "transport=websocket", nil, 400, "Bad handshake method"},
		{"no key", "GET", "transport=websocket", []string{"Sec-WebSocket-Key", ""}, 400, key},
		{"short key", "GET", "transport=websocket", []string{"Sec-WebSocket-Key", "x"}, 400, key},
		{
			"wrong key", "GET", "transport=websocket", []string{"Sec-WebSocket-Key", "!GhlIHNhbXBsZSBub25jZQ=="},
			400, key,
		},
		{"no version", "GET", "transport=websocket", []string{"Sec-WebSocket-Version", ""}, 400, version},
		{"version", "GET", "transport=websocket", []string{"Sec-WebSocket-Version", "12"}, 400, version},
		{"h2c", "GET", "transport=polling", []string{"Upgrade", "h2c"}, 400, "Invalid Upgrade header"},
		{"EIO", "GET", "transport=websocket&EIO=3", nil, 400, jsonError(5, "Unsupported protocol version")},
	}
	for _, tt := range tests {
		c := h.rawUpgrade(tt.method, tt.params, tt.header...)
		b, err := io.ReadAll(c.answer.Body)
		if err != nil || c.answer.StatusCode != tt.status || string(b) != tt.body {
			t.Errorf("%s: %d %q %v, want %d %q", tt.name, c.answer.StatusCode, b, err, tt.status, tt.body)
		}
		if strings.HasPrefix(tt.body, "{") {
			continue
		}
		if got := c.answer.Header.Get("Content-Type"); got != "text/html" || !c.answer.Close {
			t.Errorf("%s: content type %q, close %v", tt.name, got, c.answer.Close)
		}
		if tt.body == version && c.answer.Header.Get("Sec-WebSocket-Version") != "13, 8" {
			t.Errorf("%s: the supported versions are missing", tt.name)
		}
		c.wantEOF()
	}
	// With a session Node.js leaves the method to its WebSocket library, which answers differently.
	p := h.openPoll()
	for _, method := range []string{"POST", "OPTIONS", "PUT"} {
		c := h.rawUpgrade(method, "transport=websocket&sid="+p.sid)
		if b, _ := io.ReadAll(c.answer.Body); c.answer.StatusCode != 405 || string(b) != "Invalid HTTP method" {
			t.Errorf("%s: %d %q", method, c.answer.StatusCode, b)
		}
	}
	// These are accepted, and closed.
	h.rawUpgrade("GET", "transport=polling").wantEnd(0)
	h.rawUpgrade("GET", "transport=polling&sid="+p.sid).wantEnd(0)
	if n := h.Sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestConnectionErrorsAreReported(t *testing.T) {
	type report struct {
		code    ErrorCode
		message string
	}
	reports := make(chan report, 10)
	h := start(t, setup{opts: Options{OnConnectionError: func(e ConnectionError) {
		if r := e.Request; !strings.HasPrefix(r.URL.Path, "/engine.io/") {
			t.Errorf("path %q", r.URL.Path)
		}
		reports <- report{e.Code, e.Message}
	}}})
	h.want("GET", "transport=polling&sid=x", "", 400, jsonError(1, "Session ID unknown"))
	h.want("POST", "transport=polling", "", 400, jsonError(2, "Bad handshake method"))
	h.rawUpgrade("GET", "transport=websocket", "Sec-Websocket-Key", "x")
	for _, want := range []report{
		{1, "Session ID unknown"},
		{2, "Bad handshake method"},
		{3, "invalid WebSocket handshake"},
	} {
		if got := <-reports; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if strings.Contains(h.logs.String(), "request refused") {
		t.Errorf("logged too: %s", h.logs.String())
	}
}
