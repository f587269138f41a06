package test

// Details of the protocol that clients depend on and no recorded case has: the same bytes are sent to a Node.js server
// and to ours.

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestProtocolDetails(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		addr := startFixture(t, name).addr
		t.Run("invalid UTF-8", func(t *testing.T) { invalidUTF8(t, addr) })
		t.Run("EIO with a sid", func(t *testing.T) { revisionOfASession(t, addr) })
		t.Run("base64", func(t *testing.T) { base64OnWebSocket(t, addr) })
		t.Run("a probe whose session ends", func(t *testing.T) { probeOfAnEndedSession(t, addr) })
	})
}

// invalidUTF8 posts what is no UTF-8: each sequence that is cut off becomes one U+FFFD, and each other byte.
func invalidUTF8(t *testing.T, addr string) {
	const bad = "\ufffd"
	for in, want := range map[string]string{
		"\xff\xe2\x82":                 bad + bad,
		"\xe2\x82\xe2\x82\xacx":        bad + "€x",
		"\xf0\x9f\x98":                 bad,
		"\xf0\x9f\x98\xf0\x9f\x98a":    bad + bad + "a",
		"\xed\xa0\x80":                 bad + bad + bad,
		"\xc0\xaf\xe0\x80":             bad + bad + bad + bad,
		"\xf4\x90\x80\x80":             bad + bad + bad + bad,
		"\xf8\x88\x80\x80\x80":         bad + bad + bad + bad + bad,
		"a\x80b\xbf\xc2":               "a" + bad + "b" + bad + bad,
		"\xe0\xa0\xe0\xa0\x80\xed\x9f": bad + "\u0800" + bad,
	} {
		session := connectPolling(t, addr, "40")
		if _, err := wire.Post(addr, session, `420["echo","`+in+`"]`, patience); err != nil {
			t.Fatal(err)
		}
		got, err := wire.Get(addr, session, patience)
		if err != nil || string(got.Body) != `430["`+want+`"]` {
			t.Errorf("% x: %v, %v, want %q", in, got, err, want)
		}
	}
}

// revisionOfASession asks for a session without the protocol's revision, or with another than it began with.
func revisionOfASession(t *testing.T, addr string) {
	session := connectPolling(t, addr, "40")
	const refused = `{"code":3,"message":"Bad request"}`
	for _, revision := range []string{"", "EIO=3&", "EIO=04&", "EIO=5&"} {
		target := strings.Replace(session, "EIO=4&", revision, 1)
		for _, method := range []string{"GET", "POST"} {
			r, err := wire.Do(addr, wire.Request{Method: method, Target: target, Body: "4"[:len(method)-3]}, patience)
			if err != nil || r.Code != 400 || string(r.Body) != refused {
				t.Errorf("%s with %q: %v, %v", method, revision, r, err)
			}
		}
		ws, err := wire.DialWebSocket(addr, strings.Replace(target, "polling", "websocket", 1))
		if !errors.Is(err, wire.ErrRefused) || ws.Answer.Code != 400 || string(ws.Answer.Body) != "Bad request" {
			t.Errorf("upgrade with %q: %v, %v", revision, ws, err)
		}
	}
}

// base64OnWebSocket is what engine.io-client does with forceBase64.
func base64OnWebSocket(t *testing.T, addr string) {
	for query, base64 := range map[string]bool{
		"": false, "&b64=1": true, "&b64=0": true, "&b64=": false, "&b64": false,
	} {
		ws, err := wire.DialWebSocket(addr, wire.NewSocket+query)
		if err != nil {
			t.Fatal(err)
		}
		ws.SendText("40")
		awaitText(t, ws, "40")
		ws.SendText(`451-0["echo",{"_placeholder":true,"num":0}]`)
		ws.SendText("bAQIDBA==")
		awaitText(t, ws, `461-0[`)
		ws.SetReadDeadline(time.Now().Add(patience))
		f, err := ws.ReadFrame()
		want := wire.Frame{Opcode: wire.Binary, Payload: []byte{1, 2, 3, 4}}
		if base64 {
			want = wire.Frame{Opcode: wire.Text, Payload: []byte("bAQIDBA==")}
		}
		if err != nil || fmt.Sprint(f) != fmt.Sprint(want) {
			t.Errorf("%q: got %v, %v, want %v", query, f, err, want)
		}
		ws.Close()
	}
}

// probeOfAnEndedSession ends a polling session while its client tries to upgrade it.
func probeOfAnEndedSession(t *testing.T, addr string) {
	session := connectPolling(t, addr, "40")
	ws, err := wire.DialWebSocket(addr, strings.Replace(session, "polling", "websocket", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	ws.SendText("2probe")
	awaitText(t, ws, "3probe")
	if _, err := wire.Post(addr, session, "1", patience); err != nil {
		t.Fatal(err)
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err != nil || f.Opcode != wire.Close || len(f.Payload) > 0 {
		t.Errorf("got %v, %v, want an empty close frame", f, err)
	}
}

// A client upgrades between a ping and its pong, which never comes. The protocol has the connection closed after the
// time-out ("Heartbeat"), and so has this server. Node.js's forgets its timer in the upgrade and sends no ping before
// the pong has come: such a session stays as long as its connection does.
func TestUpgradeBetweenPingAndPong(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		const heartbeat = 500 * time.Millisecond
		addr := startFixture(t, name, "HEARTBEAT=500").addr
		session := connectPolling(t, addr, "40")
		if r, err := wire.Get(addr, session, patience); err != nil || string(r.Body) != "2" {
			t.Fatalf("%v, %v, want a ping", r, err)
		}
		ws, err := wire.DialWebSocket(addr, strings.Replace(session, "polling", "websocket", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		ws.SendText("2probe")
		awaitText(t, ws, "3probe")
		ws.SendText("5")
		ws.SendText(`421["echo"]`)
		awaitText(t, ws, "431")
		ws.SetReadDeadline(time.Now().Add(6 * heartbeat))
		f, err := ws.ReadFrame()
		if ended := err == nil && f.Opcode == wire.Close || errors.Is(err, io.EOF); ended != (name == "gateway") {
			t.Errorf("got %v, %v", f, err)
		}
	})
}

// connectPolling opens a session by polling, joins the main namespace, and returns the target of its requests.
func connectPolling(t *testing.T, addr, connect string) (target string) {
	t.Helper()
	sid, err := wire.OpenSession(addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	target = wire.NewPolling + "&sid=" + sid
	if _, err := wire.Post(addr, target, connect, patience); err != nil {
		t.Fatal(err)
	}
	if r, err := wire.Get(addr, target, patience); err != nil || !strings.HasPrefix(string(r.Body), "40{") {
		t.Fatalf("not connected: %v, %v", r, err)
	}
	return target
}
