package engineio

// Upgrades: probes that succeed, fail, and meet with other things.

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

// probe opens a second connection for the session.
func (c *pollClient) probe() *wsClient {
	c.t.Helper()
	return c.dial("transport=websocket&sid=" + c.sid)
}

// upgrade takes the session to WebSocket, with no poll waiting.
func (c *pollClient) upgrade() *wsClient {
	c.t.Helper()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	w.send("5")
	eventually(c.t, "the upgrade", func() bool { return c.peer().Transport() == "websocket" })
	return w
}

func TestUpgrade(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openPoll()
	wait := c.startPoll()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	if a := <-wait; a.body != "6" {
		t.Errorf("the waiting poll: %q", a.body)
	}
	c.wantPoll("6") // the next poll does not wait either
	c.peer().Send(text("queued"))
	w.write(ws.OpPing, "x")
	w.want(ws.OpPong, "x")
	w.send("5")
	w.want(ws.OpText, "4queued")
	w.send("4hello")
	w.want(ws.OpText, "4hello")
	c.want("GET", c.params, "", 400, jsonError(3, "Bad request"))
	c.want("POST", c.params, "4x", 400, jsonError(3, "Bad request"))
	second := c.probe()
	second.wantEnd(0)
	w.send("4still")
	w.want(ws.OpText, "4still")
	w.write(ws.OpClose, "")
	w.wantEnd(0)
	c.peer().wantClose(t, ReasonTransportClose)
}

func TestUpgradeEndsWaitingPoll(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	wait := c.startPoll()
	w := c.probe()
	w.send("5") // without a probe; Node.js takes it too
	if a := <-wait; a.status != 200 || a.body != "6" {
		t.Errorf("%d %q", a.status, a.body)
	}
	c.peer().Send(text("there"))
	w.want(ws.OpText, "4there")
}

// A probe that comes to nothing leaves the session polling.
func TestFailedProbes(t *testing.T) {
	h := start(t, setup{opts: Options{MaxHTTPBufferSize: 1000}, message: echo})
	c := h.openPoll()
	for name, tt := range map[string]struct {
		send string
		code uint16
	}{
		"message":  {wstest.Frame(0x81, "4hello"), 0},
		"ping":     {wstest.Frame(0x81, "2xyz"), 0},
		"empty":    {wstest.Frame(0x81, ""), 0},
		"binary":   {wstest.Frame(0x82, "2probe"), 0},
		"binary 5": {wstest.Frame(0x82, "5"), 0},
		"garbage":  {"GET / HTTP/1.1\r\n\r\n", 1002},
		"too big":  {wstest.Frame(0x81, strings.Repeat("x", 1001)), 1009},
		"UTF-8":    {wstest.Frame(0x81, "\xff"), 1007},
		"close":    {wstest.Frame(0x88, "\x0f\xa0"), 4000},
	} {
		for _, probed := range []bool{false, true} {
			w := c.probe()
			if probed {
				w.send("2probe")
				w.want(ws.OpText, "3probe")
			}
			_ = w.tryWriteRaw([]byte(tt.send))
			w.wantEnd(tt.code)
			p := c.peer()
			eventually(t, name+": the probe to be forgotten", func() bool {
				p.Session.mu.Lock()
				defer p.Session.mu.Unlock()
				return p.polling.probe == nil && !p.polling.probed
			})
		}
	}
	w := c.probe() // its connection breaks
	_ = w.conn.Close()
	p := c.peer()
	eventually(t, "the probe to be forgotten", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.polling.probe == nil
	})
	c.post("4on")
	c.wantPoll("4on")
	c.upgrade().send("4up")
	eventually(t, "the message", func() bool { return len(p.messages()) == 2 })
}

func TestProbeTimeout(t *testing.T) {
	h := start(t, setup{opts: Options{UpgradeTimeout: 30 * time.Millisecond}, message: echo})
	c := h.openPoll()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	w.want(ws.OpClose, "")
	// What comes too late must not keep the polls from waiting.
	w.send("2probe")
	w.send("5")
	w.wantEOF()
	p := c.peer()
	p.Session.mu.Lock()
	if p.polling.probed || p.transport.name() == transportWebSocket {
		t.Error("a probe that timed out has an effect")
	}
	p.Session.mu.Unlock()
	c.post("4on")
	c.wantPoll("4on")
}

func TestConcurrentProbes(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openPoll()
	first := c.probe()
	p := c.peer()
	eventually(t, "the probe", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.polling.probe != nil
	})
	c.probe().wantEnd(0)
	first.send("2probe")
	first.want(ws.OpText, "3probe")
	first.send("5")
	first.send("4hello")
	first.want(ws.OpText, "4hello")
}

func TestCloseWhileProbing(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	c.post("1")
	w.wantGoneProbe()
	c.peer().wantClose(t, ReasonTransportClose)
}

// wantGoneProbe waits for the connection's end, with or without a close frame.
func (c *wsClient) wantGoneProbe() {
	c.t.Helper()
	for {
		if _, _, err := c.tryRead(); err != nil {
			if isTimeout(err) {
				c.t.Error("the probe outlives its session")
			}
			return
		}
	}
}

// A session that is closed in the middle of an upgrade sends what is left, and its goodbye, on the new transport.
func TestClosingSessionUpgrades(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	p := c.peer()
	p.Send(text("last"))
	p.Close(ReasonForcedClose)
	w.send("5")
	w.want(ws.OpText, "4last")
	w.wantEnd(0)
	p.wantClose(t, ReasonForcedClose)
	c.wantGone()
}

// What either side sends during an upgrade arrives once and in order.
func TestUpgradeUnderLoad(t *testing.T) {
	const count, rounds = 2000, 20
	h := start(t, setup{opts: Options{PingInterval: time.Hour}})
	for round := range rounds {
		c := h.openPoll()
		p := c.peer()
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range count {
				if !p.Send(text(strconv.Itoa(i))) {
					t.Errorf("round %d: message %d refused", round, i)
					return
				}
				if i%50 == 0 {
					time.Sleep(50 * time.Microsecond) // so that the upgrade falls into the middle
				}
			}
		})
		next := 0
		check := func(packet string) {
			t.Helper()
			if packet == "6" {
				return
			}
			if packet != "4"+strconv.Itoa(next) {
				t.Fatalf("round %d: got %q, want message %d", round, packet, next)
			}
			next++
		}
		sent := 0
		post := func() {
			c.post(fmt.Sprintf("4%d\x1e4%d", sent, sent+1))
			sent += 2
		}
		polled := func() {
			for packet := range strings.SplitSeq(c.poll(), "\x1e") {
				check(packet)
			}
		}
		for range round % 5 {
			if next < count { // otherwise nothing may be left to poll for
				polled()
			}
			post()
		}
		w := c.probe()
		w.send("2probe")
		post()
		polled()
		w.want(ws.OpText, "3probe")
		if round%2 == 0 {
			polled()
			post()
		}
		w.send("5")
		for range 10 {
			w.send("4" + strconv.Itoa(sent))
			sent++
		}
		for next < count {
			_, b := w.read()
			check(string(b))
		}
		sending.Wait()
		eventually(t, "the client's messages", func() bool { return len(p.messages()) == sent })
		for i, m := range p.messages() {
			if m.data != strconv.Itoa(i) {
				t.Fatalf("round %d: the server got %q, want %d", round, m.data, i)
			}
		}
		p.Session.mu.Lock()
		if p.queued != 0 && !testStream(p.Session).scheduled {
			t.Errorf("round %d: %d bytes still on the account", round, p.queued)
		}
		p.Session.mu.Unlock()
		_ = w.conn.Close()
	}
}

// The messages of a POST that pauses the session are not overtaken by those on the next transport.
func TestOrderAcrossUpgradeWithPause(t *testing.T) {
	entered := make(chan struct{}, 1)
	h := start(t, setup{message: func(p *peer, data []byte, _ bool) {
		if string(data) == "0" {
			p.Pause()
			entered <- struct{}{}
		}
	}})
	c := h.openPoll()
	posted := make(chan error, 1)
	go func() {
		_, err := h.request(http.MethodPost, c.params, "40\x1e41")
		posted <- err
	}()
	<-entered
	w := c.upgrade()
	w.send("42")
	c.peer().Resume()
	if err := <-posted; err != nil {
		t.Fatal(err)
	}
	p := c.peer()
	eventually(t, "all messages", func() bool { return len(p.messages()) == 3 })
	for i, m := range p.messages() {
		if m.data != fmt.Sprint(i) {
			t.Errorf("message %d: %q", i, m.data)
		}
	}
}

// A probe whose session ends is closed as one that takes too long is, as Node.js has it.
func TestAProbeWhoseSessionEnds(t *testing.T) {
	for name, end := range map[string]func(*pollClient){
		"by a close packet": func(c *pollClient) { c.post("1") },
		"by a breach":       func(c *pollClient) { c.want("POST", c.params, "4a\x1ex", 200, "ok") },
		"by the program":    func(c *pollClient) { c.peer().Close(ReasonForcedClose); _ = c.poll() },
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, setup{})
			c := h.openPoll()
			w := c.probe()
			w.send("2probe")
			w.want(ws.OpText, "3probe")
			end(c)
			w.wantEnd(0)
		})
	}
}
