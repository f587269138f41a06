package engineio

// Clients that do not read: what they hold is bounded, in time and all together.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// tinyHosts are hosts with clients that have tiny receive buffers, one for each way to a session.
var tinyHosts = map[string]func(testing.TB, setup) *host{
	"fast listener": func(t testing.TB, s setup) *host { return tinyClients(t, s, listen(t, "tcp", "127.0.0.1:0")) },
	"net/http":      tinyHost,
	"no socket": func(t testing.TB, s setup) *host {
		return tinyClients(t, s, opaqueListener{tinyListener{listen(t, "tcp", "127.0.0.1:0")}})
	},
}

func tinyClients(t testing.TB, s setup, l net.Listener) *host {
	s.listener = l
	addr := l.Addr().String()
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialTiny(ctx, "tcp", addr) }
	return start(t, s)
}

// get sends a poll and reads nothing.
func (c *pollClient) get() {
	c.t.Helper()
	conn, err := c.http.Transport.(*http.Transport).DialContext(context.Background(), "", "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /engine.io/?EIO=4&%s HTTP/1.1\r\nHost: server.example\r\n\r\n", c.params)
}

func (h *host) wantStalled(p *peer) {
	h.t.Helper()
	p.wantClose(h.t, ReasonSlowClient)
	const line = "closed a client that takes nothing"
	eventually(h.t, "the log line", func() bool { return strings.Contains(h.logs.String(), line) })
	if st := h.Stats(); st.StalledClients != 1 || st.SlowClients != 1 || st.ShedClients != 0 {
		h.t.Errorf("%+v", st)
	}
}

// A client that takes nothing for WriteTimeout is ended, on a connection and as the reader of an answer.
func TestStalledClients(t *testing.T) {
	opts := Options{WriteTimeout: 200 * time.Millisecond, PingInterval: time.Hour}
	half := text(strings.Repeat("x", 500_000))
	for name, host := range tinyHosts {
		t.Run(name+", stream", func(t *testing.T) {
			h := host(t, setup{opts: opts})
			c := h.openWS()
			p := h.peer(c.sid)
			for range 8 {
				p.Send(half)
			}
			h.wantStalled(p)
			_ = c.conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, c.r); isTimeout(err) {
				t.Error("the connection does not end")
			}
		})
		for answer, messages := range map[string][]*Message{
			"of one message": {text(strings.Repeat("x", 3<<20))}, "of two messages": {half, half},
		} {
			t.Run(name+", answer "+answer, func(t *testing.T) {
				h := host(t, setup{opts: opts})
				c := h.openPoll()
				p := c.peer()
				for _, m := range messages {
					p.Send(m)
				}
				c.get()
				h.wantStalled(p)
				p.wantNoAccount(t)
			})
		}
	}
}

// A client that reads slowly takes something all the time, and stays.
func TestSlowReadersStay(t *testing.T) {
	const timeout = time.Second
	for name, host := range tinyHosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, setup{opts: Options{WriteTimeout: timeout, PingInterval: time.Hour}})
			c := h.openWS()
			p := h.peer(c.sid)
			m := text(strings.Repeat("x", 1_000_000))
			start := time.Now()
			for range 3 {
				p.Send(m)
			}
			buf := make([]byte, 50_000)
			_ = c.conn.SetReadDeadline(time.Now().Add(patience))
			for left := 3 * len(m.frames); left > 0; left -= len(buf[:min(left, len(buf))]) {
				if _, err := io.ReadFull(c.r, buf[:min(left, len(buf))]); err != nil {
					t.Fatal(err)
				}
				time.Sleep(timeout / 30)
			}
			if took := time.Since(start); took < 3*timeout/2 {
				t.Errorf("it has read everything within %v", took)
			}
			if got := p.closes(); len(got) > 0 {
				t.Errorf("closed: %v", got)
			}
			p.wantNoAccount(t)
		})
	}
}

// Where too much waits for all together those go for whom the most waits, and only as many as it takes.
func TestTotalQueue(t *testing.T) {
	const limit = 10 << 20
	h := tinyHost(t, setup{opts: Options{MaxTotalQueueBytes: limit, PingInterval: time.Hour}})
	blocked := func(megabytes int) *peer {
		p := h.peer(h.openWS().sid)
		for range megabytes {
			p.Send(text(strings.Repeat("x", 1<<20)))
		}
		return p
	}
	small := []*peer{blocked(1), blocked(1), blocked(2)}
	polls := h.openPoll().peer()
	polls.Send(text(strings.Repeat("x", 1<<20)))
	large := blocked(7) // 12 MB in all
	large.wantClose(t, ReasonSlowClient)
	eventually(t, "the log line", func() bool { return strings.Contains(h.logs.String(), "too much waits for all") })
	if st := h.Stats(); st.ShedClients != 1 || st.SlowClients != 1 {
		t.Errorf("%+v", st)
	}
	for _, p := range append(small, polls) {
		if got := p.closes(); len(got) > 0 {
			t.Errorf("one for whom little waits was closed: %v", got)
		}
	}
}

// What waits for many is held once, and so counts once.
func TestTotalQueueCountsMessagesOnce(t *testing.T) {
	const limit, clients = 10 << 20, 12
	h := tinyHost(t, setup{opts: Options{MaxTotalQueueBytes: limit, PingInterval: time.Hour}})
	var peers []*peer
	for i := range clients {
		if i%2 == 0 {
			peers = append(peers, h.peer(h.openWS().sid))
			continue
		}
		c := h.openPoll()
		c.get()
		peers = append(peers, c.peer())
	}
	for range 4 {
		m := text(strings.Repeat("x", 1<<20))
		for _, p := range peers {
			p.Send(m)
		}
	}
	looks := h.budget.looks.Load()
	eventually(t, "another look at all", func() bool { return h.budget.looks.Load() > looks+1 })
	if h.accounts() <= limit {
		t.Errorf("%d bytes on all accounts", h.accounts())
	}
	for _, p := range peers {
		if got := p.closes(); len(got) > 0 {
			t.Errorf("closed: %v", got)
		}
	}
}

// An answer that is not read stays on the account when its client has gone on to another transport, whose queue has an
// account of its own.
func TestAnswerUnderwayBehindAnUpgrade(t *testing.T) {
	for name, host := range tinyHosts {
		t.Run(name, func(t *testing.T) {
			h := host(t, setup{opts: Options{PingInterval: time.Hour}, message: echo})
			c := h.openPoll()
			p := c.peer()
			answer := text(strings.Repeat("x", 3<<20))
			p.Send(answer)
			c.get()
			eventually(t, "the answer", func() bool {
				p.Session.mu.Lock()
				defer p.Session.mu.Unlock()
				return p.polling.answering != nil
			})
			w := c.upgrade()
			w.send("4on")
			w.want(ws.OpText, "4on")
			eventually(t, "the account of the answer alone", func() bool {
				p.Session.mu.Lock()
				defer p.Session.mu.Unlock()
				return p.queued == answer.size()
			})
			p.Session.mu.Lock()
			p.end(endCut, ReasonForcedClose)
			testStream(p.Session).wake() // as it may have been on the flusher's list
			p.Session.mu.Unlock()
			eventually(t, "the flusher", func() bool {
				p.Session.mu.Lock()
				defer p.Session.mu.Unlock()
				return !testStream(p.Session).scheduled
			})
			p.Session.mu.Lock()
			if p.queued != 0 || p.counted != 0 {
				t.Errorf("%d bytes on the account of a session that is over, %d counted", p.queued, p.counted)
			}
			p.Session.mu.Unlock()
			eventually(t, "the end of the answer", func() bool {
				p.Session.mu.Lock()
				defer p.Session.mu.Unlock()
				return p.polling.answering == nil
			})
			p.wantNoAccount(t)
		})
	}
}
