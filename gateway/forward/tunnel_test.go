package forward

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// dialThrough opens a WebSocket at via to a session of owner's, and moves the session to it.
func dialThrough(t testing.TB, via, owner *member) *wire.WebSocket {
	t.Helper()
	ws, err := wire.DialWebSocket(via.addr, target("websocket", owner.open(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	ws.SendText("2probe")
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err != nil || string(f.Payload) != "3probe" {
		t.Fatalf("probe: %q %v", f.Payload, err)
	}
	ws.SendText("5")
	return ws
}

func TestTunnelCarriesEverything(t *testing.T) {
	_, m := newCluster(t, 2)
	ws := dialThrough(t, m[0], m[1])
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 900_000} {
		text := "4" + strings.Repeat("x", size)
		sent := make(chan error, 1)
		go func() { sent <- ws.SendText(text) }()
		expectText(t, ws, text)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	ws.Send(wire.Frame{Opcode: wire.Binary, Payload: []byte{0, 1, 255}})
	if f, err := ws.ReadFrame(); err != nil || f.Opcode != wire.Binary || string(f.Payload) != "\x00\x01\xff" {
		t.Errorf("got %v %q %v", f.Opcode, f.Payload, err)
	}
	for i := range 2000 { // many at once
		ws.SendText(fmt.Sprint("4", i))
	}
	for i := range 2000 {
		expectText(t, ws, fmt.Sprint("4", i))
	}
}

// Frames that a client sends right behind its handshake arrive too.
func TestEarlyFrames(t *testing.T) {
	_, m := newCluster(t, 2)
	c, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	early := wire.UpgradeRequest(target("websocket", m[1].open(t))).Bytes()
	for _, text := range []string{"2probe", "5", "4hello"} {
		early = append(early, wire.Frame{Opcode: wire.Text, Payload: []byte(text)}.Bytes()...)
	}
	if _, err := c.Write(early); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	answer, err := c.ReadResponse("GET")
	if err != nil || answer.Code != 101 {
		t.Fatalf("%+v %v", answer, err)
	}
	ws := &wire.WebSocket{Conn: c, Answer: answer}
	expectText(t, ws, "3probe")
	expectText(t, ws, "4hello")
}

// Each way in which a connection ends is seen at the other end, and leaves nothing behind.
func TestTunnelsEnd(t *testing.T) {
	_, m := newCluster(t, 2)
	gone := func(what string) {
		t.Helper()
		until(t, what+": the session and the tunnel end",
			func() bool { return m[1].engine.Sessions() == 0 && m[0].Stats().Tunnels == 0 })
	}
	expectEnd := func(ws *wire.WebSocket) {
		t.Helper()
		ws.SetReadDeadline(time.Now().Add(patience))
		if f, err := ws.ReadFrame(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v %q, %v; want the end", f.Opcode, f.Payload, err)
		}
	}

	dialThrough(t, m[0], m[1]).Close()
	gone("the client hangs up")

	ws := dialThrough(t, m[0], m[1])
	ws.Send(wire.CloseFrame(4001, "bye"))
	if f, err := ws.ReadFrame(); err != nil || f.Opcode != wire.Close || string(f.Payload) != "\x0f\xa1bye" {
		t.Errorf("got %v %q %v; want the close frame back", f.Opcode, f.Payload, err)
	}
	expectEnd(ws)
	gone("the client closes")

	ws = dialThrough(t, m[0], m[1])
	ws.Send(wire.Frame{Opcode: wire.Text, Payload: []byte("4x"), Unmasked: true})
	if f, err := ws.ReadFrame(); err != nil || f.Opcode != wire.Close || string(f.Payload) != "\x03\xea" {
		t.Errorf("got %v %q %v; want a close frame with 1002", f.Opcode, f.Payload, err)
	}
	expectEnd(ws)
	gone("the owner closes")

	ws = dialThrough(t, m[0], m[1])
	if err := ws.Conn.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEnd(ws)
	gone("the client ends its half")
}

// A draining node lets go of the clients that it leads to others, spread over the time that it has.
func TestDrain(t *testing.T) {
	_, m := newCluster(t, 2)
	var all []*wire.WebSocket
	for range 10 {
		all = append(all, dialThrough(t, m[0], m[1]))
	}
	const window = time.Second
	told := make(chan time.Time, len(all))
	before := m[1].heard.Load()
	for _, ws := range all {
		go func() {
			ws.SetReadDeadline(time.Now().Add(patience))
			f, err := ws.ReadFrame()
			told <- time.Now()
			if !errors.Is(err, io.EOF) {
				t.Errorf("got %q %v", f.Payload, err)
			}
			if err := ws.SendText("4last words"); err != nil { // it may have been in the middle of it
				t.Error(err)
			}
			ws.Close()
		}()
	}
	m[0].Drain(t.Context(), window)
	first := <-told
	last := first
	for range len(all) - 1 {
		last = <-told
	}
	if spread := last.Sub(first); spread < window/2 {
		t.Errorf("all were told within %v", spread)
	}
	until(t, "the last words are heard", func() bool { return m[1].heard.Load() == before+int64(len(all)) })
	if s := m[0].Stats(); s.Tunnels != 0 {
		t.Errorf("%+v", s)
	}
	if got := m[0].request(t, "POST", target("polling", m[1].open(t)), "4x"); got.Code != 200 {
		t.Errorf("requests are not forwarded any more: %d", got.Code)
	}
}

// A client that reads nothing is given up, although the owner cannot see it.
func TestAClientThatReadsNothing(t *testing.T) {
	_, m := newCluster(t, 2, func(o *Options) { o.AnswerTimeout = time.Second })
	ws := dialThrough(t, m[0], m[1])
	text := "4" + strings.Repeat("x", 500_000)
	go func() {
		for ws.SendText(text) == nil { // each comes back
		}
	}()
	until(t, "the tunnel and the session end",
		func() bool { return m[0].Stats().Tunnels == 0 && m[1].engine.Sessions() == 0 })
}
