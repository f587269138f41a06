package socketio

import (
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// What a listener hears of: its client's events, whoever sends them, and neither acknowledgements nor others' events.
func TestOutgoingListenersHearEmitsAndBroadcasts(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	c, d := srv.connect(), srv.connect()
	s := c.socket()
	s.Join("room")
	s.On("ask", func(e *Event) error { return e.Ack("answer") })
	s.OnAnyOutgoing(n.handler("2"))
	first := s.PrependAnyOutgoing(n.handler("1"))

	emits := []error{
		s.Emit("a", 1), srv.To("room").Emit("b", []byte{1}), srv.Emit("c", "all"), s.Volatile().Emit("v"),
		srv.To("elsewhere").Emit("d"), d.socket().Emit("e"), s.Broadcast().Emit("f"),
	}
	for _, err := range emits {
		if err != nil {
			t.Error(err)
		}
	}
	c.send(`21["ask"]`)
	c.settle()
	n.want(t, `1:a1 2:a1 1:b{"_placeholder":true,"num":0} 2:b{"_placeholder":true,"num":0} `+
		`1:c"all" 2:c"all" 1:v 2:v`)

	first.Off()
	_ = srv.Emit("g")
	c.settle()
	n.want(t, "2:g")
	s.OffAnyOutgoing()
	_ = srv.Emit("h")
	c.settle()
	n.want(t, "")
	if srv.main.overheard.Load() != 0 {
		t.Error("broadcasts still look for listeners")
	}
}

func TestOutgoingListenersHearWhatIsAsked(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	c := srv.connect()
	c.socket().OnAnyOutgoing(n.handler("out"))
	go func() { _, _ = srv.Timeout(patience).EmitWithAck(t.Context(), "all") }()
	id, _ := between(c.read(), "2", "[")
	c.send("3" + id + "[]")
	go func() { _, _ = c.socket().EmitWithAck(t.Context(), "one") }()
	id, _ = between(c.read(), "2", "[")
	c.send("3" + id + "[]")
	eventually(t, "both events", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return len(n.got) == 2 })
	n.want(t, "out:all out:one")
}

// A listener may use the socket, and whatever else, also in a broadcast that holds locks.
func TestOutgoingListenersMayDoAnything(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
	c := srv.connect()
	s := c.socket()
	s.OnAnyOutgoing(func(e *Event) error {
		if e.Name() == "news" {
			e.Socket().Join("heard")
			if err := e.Ack(); err != ErrNoAck {
				t.Errorf("Ack: %v", err)
			}
			return srv.To("heard").Emit("echo")
		}
		return nil
	})
	_ = srv.Emit("news")
	for _, want := range []string{`2["news",`, `2["echo",`} {
		if f := c.read(); !strings.HasPrefix(f, want) {
			t.Errorf("received %s, want %s…", f, want)
		}
	}
}

// A slow listener does not make memory of what it misses.
func TestOutgoingListenersMissWhatIsTooMuch(t *testing.T) {
	srv := newTestServer(t, Options{MaxInboundBytes: 10_000})
	var n notes
	c := srv.connect()
	s := c.socket()
	release := make(chan struct{})
	s.OnAnyOutgoing(func(e *Event) error {
		<-release
		n.add(e.Name())
		return nil
	})
	for range 1000 {
		_ = s.Emit("x", strings.Repeat("x", 100))
	}
	close(release)
	c.settle()
	n.mu.Lock()
	got := len(n.got)
	n.mu.Unlock()
	if got < 10 || got > 40 {
		t.Errorf("%d of 1000 events were kept in 10,000 bytes", got)
	}
	if !strings.Contains(srv.logs.String(), "OnAnyOutgoing are too slow") {
		t.Error("the log does not say so")
	}
	if c.pauses.Load() != 0 {
		t.Error("the client is made to wait for it")
	}
	_ = s.Emit("later")
	c.settle()
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := n.got[len(n.got)-1]; last != "later" {
		t.Errorf("the last event told is %s", last)
	}
}

// A socket that ends, however it does, leaves nothing for broadcasts to look for.
func TestOutgoingListenersEndWithTheirSocket(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.Use(func(s *Socket) error {
		s.OnAnyOutgoing(func(*Event) error { return nil })
		_ = s.Emit("early") // is no sign that the client did not wait
		if string(s.Handshake().Auth.JSON()) == "{}" {
			return nil
		}
		return ErrDisconnected
	})
	c := srv.dial()
	c.send("0")
	c.want(`2["early"]`)
	c.connected()
	c.drop(engineio.ReasonTransportClose)
	refused := srv.dial()
	refused.send(`0{"token":1}`)
	refused.want(`2["early"]`, `4{"message":"socketio: the socket is not connected"}`)
	refused.settle()
	eventually(t, "nobody to listen", func() bool { return srv.main.overheard.Load() == 0 })
	refused.send("0") // it has not been disconnected over the event that it was sent
	refused.want(`2["early"]`)
	refused.connected()
}
