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
	p.pass(0) // the interval is over
	c.want(ws.OpText, "2")
	for range 3 {
		p.pass(0) // and so is the time for the pong
	}
	p.Resume()
	p.pass(0)
	if got := p.closes(); len(got) != 0 {
		t.Fatalf("closed: %v", got)
	}
	p.Resume()
	p.wantClose(t, ReasonPingTimeout)
}

// The heartbeat's timeout may be due just before Close, and get the lock just after it. Once it then took itself for
// that of the close, and cut the connection before the close frame was written.
func TestLateHeartbeatLeavesACloseAlone(t *testing.T) {
	h := start(t, setup{})
	c := h.openWS()
	s := h.peer(c.sid).Session
	s.Close(ReasonForcedClose)
	s.due(0)
	if !s.srv.beats.Running(s.heartbeat) {
		t.Error("the connection is cut")
	}
	c.wantEnd(0)
}

// A process that has slept gives its clients time again, once: their pongs may wait unread.
func TestAfterASleepClientsHaveASecondTime(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: 2 * time.Hour, PingTimeout: time.Hour}})
	away := h.peer(h.openPoll().sid)
	silent, back := h.openWS(), h.openWS()
	p, q := h.peer(silent.sid), h.peer(back.sid)
	p.pass(time.Minute) // the ping
	q.pass(time.Minute)
	for _, s := range []*peer{away, p, q} {
		if s.pass(time.Minute); len(s.closes()) > 0 {
			t.Fatal("it ends for what it may have said while the process slept")
		}
	}
	back.send("3")
	eventually(t, "the pong is taken", func() bool {
		q.Session.mu.Lock()
		defer q.Session.mu.Unlock()
		return !q.awaitsBeat
	})
	for range 2 { // the next ping, and a second time again
		if q.pass(time.Minute); len(q.closes()) > 0 {
			t.Fatal("one that has answered has no second time")
		}
	}
	for _, s := range []*peer{away, p, q} {
		s.pass(time.Minute)
		s.wantClose(t, ReasonPingTimeout)
	}
}

// pass has the session's timeout be due, and so late.
func (s *Session) pass(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopTimeout()
	s.beat(late)
}
