package engineio

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
	"github.com/gobwas/ws"
)

func jsonError(code int, message string) string {
	return fmt.Sprintf(`{"code":%d,"message":%q}`, code, message)
}

func TestPollingHandshake(t *testing.T) {
	h := start(t, setup{opts: Options{CORS: &CORS{}}})
	for _, params := range []string{"transport=polling", "transport=polling&b64=1&t=abc", "transport=polling&sid=", "sid=&transport=foo&transport=polling", "transport=%70olling"} {
		a, err := h.request("GET", params, "", "Accept-Encoding", "gzip, deflate")
		if err != nil || a.status != 200 {
			t.Fatalf("%s: %v %v", params, a, err)
		}
		sid := parseGreeting(t, a.body).SID
		want := `0{"sid":"` + sid + `","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
		if a.body != want {
			t.Errorf("%s: %s, want %s", params, a.body, want)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/plain; charset=UTF-8", "Content-Length": "118", "Cache-Control": "no-store",
			"Access-Control-Allow-Origin": "*", "Content-Encoding": "", "Set-Cookie": "",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", params, name, got, want)
			}
		}
	}
	if n := h.Sessions(); n != 5 {
		t.Errorf("%d sessions", n)
	}
}

func TestWebSocketHandshake(t *testing.T) {
	h := start(t, setup{opts: Options{CORS: &CORS{}}})
	c := h.rawUpgrade("GET", "transport=websocket", "Sec-WebSocket-Protocol", "foo, bar", "Sec-WebSocket-Extensions", "permessage-deflate")
	want := http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		"Sec-Websocket-Protocol": {"foo"}, "Access-Control-Allow-Origin": {"*"},
	}
	if got := c.answer.Header; c.answer.StatusCode != 101 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d %v, want %v", c.answer.StatusCode, got, want)
	}
	_, b := c.read()
	sid := parseGreeting(t, string(b)).SID
	if want := `0{"sid":"` + sid + `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`; string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
	if p := h.peer(sid); p.Transport() != "websocket" {
		t.Errorf("transport %s", p.Transport())
	}
}

// nest-reference.md, section 4.
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
		if a.status != 400 || a.body != want || a.header.Get("Content-Type") != "application/json" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %d %q %v, want 400 %q", tt.method, tt.query, a.status, a.body, a.header, want)
		}
	}
	if n := h.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	if a, err := h.do(t.Context(), "GET", "http://server.example/other/?EIO=4&transport=polling", nil); err != nil || a.status != 404 {
		t.Errorf("another path: %v %v", a, err)
	}
	// Below the path is the path.
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
	const key, version = "Missing or invalid Sec-WebSocket-Key header", "Missing or invalid Sec-WebSocket-Version header"
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
		{"wrong key", "GET", "transport=websocket", []string{"Sec-WebSocket-Key", "!GhlIHNhbXBsZSBub25jZQ=="}, 400, key},
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
			t.Errorf("%s: does not say which versions there are", tt.name)
		}
		c.wantEOF()
	}
	// With a session the method is the WebSocket library's to check.
	p := h.openPoll()
	for _, method := range []string{"POST", "OPTIONS", "PUT"} {
		c := h.rawUpgrade(method, "transport=websocket&sid="+p.sid)
		if b, _ := io.ReadAll(c.answer.Body); c.answer.StatusCode != 405 || string(b) != "Invalid HTTP method" {
			t.Errorf("%s: %d %q", method, c.answer.StatusCode, b)
		}
	}
	// Accepted, and closed.
	h.rawUpgrade("GET", "transport=polling").wantEnd(0)
	h.rawUpgrade("GET", "transport=polling&sid="+p.sid).wantEnd(0)
	if n := h.Sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestAllowRequest(t *testing.T) {
	h := start(t, setup{opts: Options{AllowRequest: func(r *http.Request) error {
		if r.Header.Get("X-Token") != "open" {
			return errors.New("no token")
		}
		return nil
	}}})
	h.want("GET", "transport=polling", "", 403, jsonError(4, "no token"))
	c := h.rawUpgrade("GET", "transport=websocket")
	if b, _ := io.ReadAll(c.answer.Body); c.answer.StatusCode != 400 || string(b) != "no token" {
		t.Errorf("upgrade: %d %q", c.answer.StatusCode, b)
	}
	a, err := h.request("GET", "transport=polling", "", "X-Token", "open")
	if err != nil || a.status != 200 {
		t.Fatalf("with the token: %v %v", a, err)
	}
	// It is asked for new sessions only.
	h.want("POST", "transport=polling&sid="+parseGreeting(t, a.body).SID, "4x", 200, "ok")
	h.openWS("X-Token", "open")
}

func TestCookie(t *testing.T) {
	for want, cookie := range map[string]*http.Cookie{
		"io=<sid>; Path=/; SameSite=Lax":                           {},
		"sid=<sid>; Path=/chat; HttpOnly; Secure; SameSite=Strict": {Name: "sid", Path: "/chat", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode},
	} {
		h := start(t, setup{opts: Options{Cookie: cookie}})
		a, err := h.request("GET", "transport=polling", "")
		if err != nil {
			t.Fatal(err)
		}
		sid := parseGreeting(t, a.body).SID
		if got := strings.ReplaceAll(a.header.Get("Set-Cookie"), sid, "<sid>"); got != want {
			t.Errorf("Set-Cookie: %s, want %s", got, want)
		}
		if a := h.want("POST", "transport=polling&sid="+sid, "4x", 200, "ok"); a.header.Get("Set-Cookie") != "" {
			t.Error("the cookie is set again")
		}
		if cookie.Value != "" {
			t.Error("the template has changed")
		}
	}
}

func TestCORS(t *testing.T) {
	list := &CORS{Origins: []string{"https://a.example", "https://b.example"}, Credentials: true, ExposedHeaders: []string{"X-A", "X-B"},
		AllowedHeaders: []string{"X-In"}, Methods: []string{"GET", "POST"}, MaxAge: 90 * time.Second}
	tests := []struct {
		name   string
		cors   *CORS
		method string
		ask    []string
		status int
		want   map[string]string
	}{
		{"none", nil, "GET", []string{"Origin", "https://a.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": ""}},
		{"none, preflight", nil, "OPTIONS", nil, 400, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"any", &CORS{}, "GET", []string{"Origin", "https://a.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "*", "Vary": ""}},
		{"star", &CORS{Origins: []string{"*"}}, "GET", nil, 200, map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}},
		{"any, preflight", &CORS{}, "OPTIONS", []string{"Origin", "x", "Access-Control-Request-Headers", "content-type,x-foo"}, 204, map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE", "Vary": "Access-Control-Request-Headers",
			"Access-Control-Allow-Headers": "content-type,x-foo", "Access-Control-Max-Age": "", "Access-Control-Allow-Credentials": ""}},
		{"any, preflight without headers", &CORS{}, "OPTIONS", nil, 204, map[string]string{"Access-Control-Allow-Headers": "", "Vary": "Access-Control-Request-Headers"}},
		{"any with credentials", &CORS{Credentials: true}, "GET", []string{"Origin", "https://a.example"}, 200, map[string]string{
			"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}},
		{"any with credentials, no page", &CORS{Origins: []string{"*"}, Credentials: true}, "GET", nil, 200, map[string]string{
			"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
		{"list", list, "GET", []string{"Origin", "https://b.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "https://b.example",
			"Vary": "Origin", "Access-Control-Allow-Credentials": "true", "Access-Control-Expose-Headers": "X-A,X-B", "Access-Control-Allow-Methods": ""}},
		{"list, stranger", list, "GET", []string{"Origin", "https://c.example"}, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
		{"list, preflight", list, "OPTIONS", []string{"Origin", "https://a.example", "Access-Control-Request-Headers", "y"}, 204, map[string]string{
			"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "GET,POST", "Access-Control-Allow-Headers": "X-In", "Access-Control-Max-Age": "90"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := start(t, setup{opts: Options{CORS: tt.cors}})
			a, err := h.request(tt.method, "transport=polling", "", tt.ask...)
			if err != nil || a.status != tt.status {
				t.Fatalf("%v %v, want %d", a, err, tt.status)
			}
			for name, want := range tt.want {
				if got := strings.Join(a.header.Values(name), ","); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	h := start(t, setup{opts: Options{CORS: list}})
	c := h.rawUpgrade("GET", "transport=websocket", "Origin", "https://a.example")
	if got := c.answer.Header.Get("Access-Control-Allow-Origin"); got != "https://a.example" {
		t.Errorf("on a WebSocket handshake: %q", got)
	}
	h.openPoll()
}

func TestTransports(t *testing.T) {
	h := start(t, setup{opts: Options{Transports: []string{"websocket"}}})
	h.openWS()
	h.want("GET", "transport=polling", "", 400, jsonError(0, "Transport unknown"))

	for name, opts := range map[string]Options{"polling only": {Transports: []string{"polling"}}, "no upgrades": {NoUpgrades: true}} {
		h := start(t, setup{opts: opts})
		a, err := h.request("GET", "transport=polling", "")
		if err != nil {
			t.Fatal(err)
		}
		g := parseGreeting(t, a.body)
		if !strings.Contains(a.body, `"upgrades":[]`) {
			t.Errorf("%s: %s", name, a.body)
		}
		c := h.rawUpgrade("GET", "transport=websocket&sid="+g.SID)
		if name == "no upgrades" {
			c.wantEnd(0)
		} else if c.answer.StatusCode != 400 {
			t.Errorf("%s: %d", name, c.answer.StatusCode)
		}
		if h.peer(g.SID).Transport() != "polling" {
			t.Errorf("%s: upgraded", name)
		}
	}
}

func TestCompressionOfPolls(t *testing.T) {
	h := start(t, setup{opts: Options{HTTPCompression: 1000}})
	off := start(t, setup{opts: Options{HTTPCompression: -1}})
	at, under := strings.Repeat("a", 999), strings.Repeat("a", 998)
	tests := []struct {
		host           *host
		accept         string
		body           string
		noCompress     bool
		wantCompressed bool
	}{
		{h, "gzip", at, false, true},
		{h, "gzip", under, false, false},
		{h, "gzip", at, true, false},
		{off, "gzip", at, false, false},
		{h, "", at, false, false},
		{h, "deflate, br", at, false, false},
		{h, "br, GZIP;q=0.5", at, false, true},
		{h, "gzip;q=0", at, false, false},
		{h, "gzip; Q=0.000", at, false, false},
		{h, "*", at, false, true},
		{h, "*;q=0", at, false, false},
		{h, "*, gzip;q=0", at, false, false},
		{h, "*;q=0, gzip", at, false, true},
		{h, "gzip;q=x", at, false, false},
	}
	for _, tt := range tests {
		c := tt.host.openPoll()
		c.peer().Send(NewTextMessage([]byte(tt.body), nil, MessageOptions{NoCompress: tt.noCompress}))
		a, err := tt.host.request("GET", c.params, "", "Accept-Encoding", tt.accept)
		if err != nil {
			t.Fatal(err)
		}
		compressed := a.header.Get("Content-Encoding") == "gzip"
		if compressed {
			z, err := gzip.NewReader(strings.NewReader(a.body))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			a.body = string(b)
		}
		if compressed != tt.wantCompressed || a.body != "4"+tt.body {
			t.Errorf("accepting %q, %d bytes: compressed %v, body of %d", tt.accept, len(tt.body), compressed, len(a.body))
		}
	}
}

func TestHandshakeIsKept(t *testing.T) {
	h := start(t, setup{})
	c := h.openWS("X-Token", "secret")
	got := h.peer(c.sid).Handshake()
	if got.Header.Get("X-Token") != "secret" || got.URL.Query().Get("transport") != "websocket" || got.URL.Path != "/engine.io/" ||
		got.Host != "server.example" || got.Secure || got.RemoteAddr != c.conn.LocalAddr().String() || time.Since(got.Time) > patience {
		t.Errorf("%+v", got)
	}
}

// What connect sends follows the open packet, on either transport.
func TestConnectSends(t *testing.T) {
	h := start(t, setup{connect: func(p *peer) { p.Send(text("welcome")) }})
	c := h.openWS()
	c.want(ws.OpText, "4welcome")
	a, err := h.request("GET", "transport=polling", "")
	if err != nil || !strings.HasSuffix(a.body, "}\x1e4welcome") {
		t.Errorf("%q %v", a.body, err)
	}
}

func TestConnectCloses(t *testing.T) {
	h := start(t, setup{connect: func(p *peer) { p.Close(ReasonForcedClose) }})
	h.openWS().wantEnd(0)
	c := h.openPoll()
	c.wantPoll("6\x1e1")
	eventually(t, "the end", func() bool { return h.Sessions() == 0 })
	for _, p := range h.peers {
		p.wantClose(t, ReasonForcedClose)
	}
}

// Frames that come in one piece with the handshake are read.
func TestFramesWithTheHandshake(t *testing.T) {
	for name, l := range map[string]net.Listener{"tcp": nil, "opaque": opaqueListener{listen(t, "tcp", "127.0.0.1:0")}} {
		h := start(t, setup{message: echo, listener: l})
		conn, err := net.Dial(h.network, h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		long := strings.Repeat("x", 10_000)
		request := "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
			wstest.Frame(0x81, "4first") + wstest.Frame(0x81, "4"+long)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		c := &wsClient{t: t, conn: conn, r: bufio.NewReader(conn)}
		if resp, err := http.ReadResponse(c.r, nil); err != nil || resp.StatusCode != 101 {
			t.Fatalf("%s: %v %v", name, resp, err)
		}
		c.read() // the open packet
		c.want(ws.OpText, "4first")
		c.want(ws.OpText, "4"+long)
	}
}

// A response writer that gives no connection away, such as some middleware's, is no crash.
func TestNoHijack(t *testing.T) {
	h := start(t, setup{})
	for _, params := range []string{"transport=websocket", "transport=websocket&sid=" + h.openPoll().sid} {
		r := httptest.NewRequest("GET", h.url("http", params), nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 400 || w.Body.String() != jsonError(3, "Bad request") {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	}
	if n := h.Sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}
