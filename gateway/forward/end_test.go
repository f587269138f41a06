package forward

// What becomes of what is forwarded when a node ends.

import (
	"context"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestAKilledOwnerIsUnknownAtOnce(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	ws, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	ws.SendText("2probe")
	expectText(t, ws, "3probe")
	polling := m[1].open(t)
	pending, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer pending.Close()
	if _, err := pending.Write(wire.Request{Method: "GET", Target: target("polling", polling)}.Bytes()); err != nil {
		t.Fatal(err)
	}
	until(t, "the poll is forwarded", func() bool { return m[1].Stats().Received == 2 })

	m[1].server.CloseClientConnections()
	m[1].stop()
	ws.SetReadDeadline(time.Now().Add(patience))
	f, err := ws.ReadFrame()
	if err == nil && f.Opcode == wire.Close { // of the owner's, which ends its probe; whether it still gets out is open
		f, err = ws.ReadFrame()
	}
	if err == nil {
		t.Errorf("the tunnel goes on: %v %q", f.Opcode, f.Payload)
	}
	pending.SetReadDeadline(time.Now().Add(patience))
	answer, err := pending.ReadResponse("GET")
	if err != nil {
		t.Fatal(err)
	}
	// The owner may have answered the poll itself before it went.
	if answer.Code != 400 && string(answer.Body) != "1" {
		t.Errorf("the pending poll: %d %q", answer.Code, answer.Body)
	}
	expectUnknown(t, "the next request", m[0].request(t, "GET", target("polling", polling), ""))
}

// A node that stops ends what it forwards; a poll is answered as by a node that knows nothing of it.
func TestCut(t *testing.T) {
	_, m := newCluster(t, 2)
	sid, polling := m[1].open(t), m[1].open(t)
	ws, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	c, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(wire.Request{Method: "GET", Target: target("polling", polling)}.Bytes()); err != nil {
		t.Fatal(err)
	}
	until(t, "the poll is forwarded", func() bool { return m[1].Stats().Received == 2 })
	m[0].Cut()
	c.SetReadDeadline(time.Now().Add(patience))
	answer, err := c.ReadResponse("GET")
	if err != nil {
		t.Fatal(err)
	}
	expectUnknown(t, "the poll", answer)
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err == nil {
		t.Errorf("the tunnel goes on: %q", f.Payload)
	}
	expectUnknown(t, "another", m[0].request(t, "GET", target("polling", polling), ""))
	refused, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if refused == nil || refused.Answer.Code != 400 {
		t.Errorf("WebSocket: %+v, %v", refused, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m[0].Close(ctx); err != nil {
		t.Error(err)
	}
}
