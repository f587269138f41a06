package engineio

// How sessions are opened.

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestPollingHandshake(t *testing.T) {
	h := start(t, setup{opts: Options{CORS: &CORS{}}})
	for _, params := range []string{
		"transport=polling",
		"transport=polling&b64=1&t=abc",
		"transport=polling&sid=",
		"sid=&transport=foo&transport=polling",
		"transport=%70olling",
	} {
		a, err := h.request("GET", params, "", "Accept-Encoding", "gzip, deflate")
		if err != nil || a.status != 200 {
			t.Fatalf("%s: %v %v", params, a, err)
		}
		sid := parseGreeting(t, a.body).SID
		want := `0{"sid":"` + sid + `","upgrades":["websocket"],` +
			`"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
		if a.body != want {
			t.Errorf("%s: %s, want %s", params, a.body, want)
		}
		for name, want := range map[string]string{
			"Content-Type":                "text/plain; charset=UTF-8",
			"Content-Length":              "118",
			"Cache-Control":               "no-store",
			"Access-Control-Allow-Origin": "*",
			"Content-Encoding":            "",
			"Set-Cookie":                  "",
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
	c := h.rawUpgrade("GET", "transport=websocket",
		"Sec-WebSocket-Protocol", "foo, bar", "Sec-WebSocket-Extensions", "permessage-deflate")
	want := http.Header{
		"Upgrade":                     {"websocket"},
		"Connection":                  {"Upgrade"},
		"Sec-Websocket-Accept":        {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		"Sec-Websocket-Protocol":      {"foo"},
		"Access-Control-Allow-Origin": {"*"},
	}
	if got := c.answer.Header; c.answer.StatusCode != 101 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d %v, want %v", c.answer.StatusCode, got, want)
	}
	_, b := c.read()
	sid := parseGreeting(t, string(b)).SID
	open := `0{"sid":"` + sid + `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if string(b) != open {
		t.Errorf("%s, want %s", b, open)
	}
	if p := h.peer(sid); p.Transport() != "websocket" {
		t.Errorf("transport %s", p.Transport())
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
	// AllowRequest is asked about new sessions only.
	h.want("POST", "transport=polling&sid="+parseGreeting(t, a.body).SID, "4x", 200, "ok")
	h.openWS("X-Token", "open")
}

func TestCookie(t *testing.T) {
	for want, cookie := range map[string]*http.Cookie{
		"io=<sid>; Path=/; SameSite=Lax": {},
		"sid=<sid>; Path=/chat; HttpOnly; Secure; SameSite=Strict": {
			Name: "sid", Path: "/chat", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
		},
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
			t.Error("the template was changed")
		}
	}
}

func TestTransports(t *testing.T) {
	h := start(t, setup{opts: Options{Transports: []string{"websocket"}}})
	h.openWS()
	h.want("GET", "transport=polling", "", 400, jsonError(0, "Transport unknown"))

	for name, opts := range map[string]Options{
		"polling only": {Transports: []string{"polling"}},
		"no upgrades":  {NoUpgrades: true},
	} {
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

func TestHandshakeIsKept(t *testing.T) {
	h := start(t, setup{})
	c := h.openWS("X-Token", "secret")
	got := h.peer(c.sid).Handshake()
	if got.Header.Get("X-Token") != "secret" || got.Host != "server.example" || got.Secure ||
		got.URL.Query().Get("transport") != "websocket" || got.URL.Path != "/engine.io/" ||
		got.RemoteAddr != c.conn.LocalAddr().String() || time.Since(got.Time) > patience {
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

// The program may make the ids of sessions, and requests find them.
func TestNewIDOption(t *testing.T) {
	h := start(t, setup{opts: Options{NewID: func() string { return "of-my-own~1" }}})
	a, err := h.request("GET", "transport=polling", "")
	if err != nil || !strings.HasPrefix(a.body, `0{"sid":"of-my-own~1",`) {
		t.Fatalf("handshake: %v %v", a, err)
	}
	if a, err := h.request("POST", "transport=polling&sid=of-my-own%7e1", "4hello"); err != nil || a.status != 200 {
		t.Errorf("a request with it: %v %v", a, err)
	}
}

func TestSessionID(t *testing.T) {
	for target, want := range map[string]string{
		"/":                        "",
		"/?EIO=4":                  "",
		"/?sid=":                   "",
		"/?transport=x&sid=abc":    "abc",
		"/?sid=a&sid=b":            "b", // the last counts, as in Node.js
		"/?sid=a%62c&x=1":          "abc",
		"/?sid=%zz":                "%zz",
		"/?SID=abc&asid=1&sid2=23": "",
	} {
		if got := SessionID(httptest.NewRequest("GET", target, nil)); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}
