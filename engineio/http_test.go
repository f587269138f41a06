package engineio

// Requests that net/http reads, and what comes right behind a handshake.

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

// Frames that come in one piece with the handshake are read.
func TestFramesWithTheHandshake(t *testing.T) {
	for name, l := range map[string]net.Listener{
		"tcp":    nil,
		"opaque": opaqueListener{listen(t, "tcp", "127.0.0.1:0")},
	} {
		h := start(t, setup{message: echo, listener: l})
		conn, err := net.Dial(h.network, h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		long := strings.Repeat("x", 10_000)
		request := "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n" +
			"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
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

// A ResponseWriter that cannot be hijacked, such as some middleware's, gets an error and no panic.
func TestNoHijack(t *testing.T) {
	h := start(t, setup{})
	for _, params := range []string{"transport=websocket", "transport=websocket&sid=" + h.openPoll().sid} {
		r := httptest.NewRequest("GET", h.url("http", params), nil)
		r.Header = http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
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

func TestHTTP2(t *testing.T) {
	cert, pool := certificate(t)
	l := listen(t, "tcp", "127.0.0.1:0")
	addr := l.Addr().String()
	h := start(t, setup{
		message:  echo,
		prepare:  func(s *http.Server) { s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}} },
		serve:    func(s *http.Server, l net.Listener) error { return s.ServeTLS(l, "", "") },
		listener: l,
	})
	h.http.Transport = &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "server.example"},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}
	defer h.http.CloseIdleConnections()
	do := func(method, params, body string) answer {
		t.Helper()
		a, err := h.do(t.Context(), method, h.url("https", params), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	// HTTP/2 has no Upgrade, so this is a poll of the WebSocket transport.
	if a := do("GET", "transport=websocket", ""); a.status != 400 || a.body != jsonError(3, "Bad request") {
		t.Errorf("websocket: %+v", a)
	}
	// Polling works.
	sid := parseGreeting(t, do("GET", "transport=polling", "").body).SID
	if a := do("POST", "transport=polling&sid="+sid, "4hello"); a.body != "ok" {
		t.Errorf("POST: %+v", a)
	}
	if a := do("GET", "transport=polling&sid="+sid, ""); a.body != "4hello" {
		t.Errorf("poll: %+v", a)
	}
	h.peer(sid).Close(ReasonForcedClose)
	if a := do("GET", "transport=polling&sid="+sid, ""); a.body != "6\x1e1" {
		t.Errorf("poll: %+v", a)
	}
	h.peer(sid).wantClose(t, ReasonForcedClose)
}

// An HTTP server's time limits do not end a poll, which waits as long as it has to.
func TestPollOutlastsServerTimeouts(t *testing.T) {
	const limit = 50 * time.Millisecond
	h := start(t, setup{
		opts:    Options{PingInterval: 10 * limit, PingTimeout: patience},
		prepare: func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = limit, limit },
	})
	c := h.openPoll()
	c.wantPoll("2") // ten limits later
	c.post("3")
}
