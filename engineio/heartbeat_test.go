package engineio

import (
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestPingTimeout(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: 20 * time.Millisecond, PingTimeout: 30 * time.Millisecond}})
	c := h.openWS()
	began := time.Now()
	c.want(ws.OpText, "2")
	c.wantEnd(0)
	if took := time.Since(began); took < 45*time.Millisecond {
		t.Errorf("closed after %v", took)
	}
	h.peer(c.sid).wantClose(t, ReasonPingTimeout)

	poll := h.openPoll()
	if got := poll.poll(); got == "2" { // on a slow machine PingTimeout may be over already
		poll.wantPollOrGone("1")
	}
	poll.peer().wantClose(t, ReasonPingTimeout)
	poll.wantGone()
}

func (c *pollClient) wantPollOrGone(want string) {
	c.t.Helper()
	a, err := c.request("GET", c.params, "")
	if err != nil || a.body != want && a.body != goneBody {
		c.t.Errorf("%v %v, want %q", a, err, want)
	}
}

// The first ping comes an interval after the handshake, the next ones an interval after the pong.
func TestPingInterval(t *testing.T) {
	const interval = 30 * time.Millisecond
	h := start(t, setup{opts: Options{PingInterval: interval, PingTimeout: patience}})
	c := h.openWS()
	for i := range 5 {
		began := time.Now()
		c.want(ws.OpText, "2")
		if took := time.Since(began); i > 0 && took < interval-time.Millisecond {
			t.Errorf("ping %d after %v", i, took)
		}
		c.send("3")
	}
	poll := h.openPoll()
	for range 3 {
		poll.wantPoll("2")
		poll.post("3")
	}
	if got := append(h.peer(c.sid).closes(), poll.peer().closes()...); len(got) > 0 {
		t.Errorf("closed: %v", got)
	}
}

// A pause, while it lasts, is not held against a client: its pong may be among what is not being read.
func TestPauseStopsTheHeartbeat(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: time.Hour, PingTimeout: 50 * time.Millisecond}})
	c := h.openWS()
	p := h.peer(c.sid)
	p.Pause()
	p.Pause()
	p.beat() // the interval is over
	c.want(ws.OpText, "2")
	for range 3 {
		p.beat() // and so is the time for the pong
	}
	p.Resume()
	p.beat()
	if got := p.closes(); len(got) != 0 {
		t.Fatalf("closed: %v", got)
	}
	p.Resume()
	p.wantClose(t, ReasonPingTimeout)
}

// The heartbeat's timer may fire just before Close, and get the lock just after it. Once it then took itself for the
// timer of the close, and cut the connection before the close frame was written.
func TestLateHeartbeatLeavesACloseAlone(t *testing.T) {
	h := start(t, setup{})
	c := h.openWS()
	s := h.peer(c.sid).Session
	s.Close(ReasonForcedClose)
	s.beat()
	if !s.heartbeat.Reset(time.Minute) { // the timer was stopped
		t.Error("the connection is cut")
	}
	c.wantEnd(0)
}
