package engineio

// Drain, and what Shutdown has in common with it.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// drain drains h in the background.
func (h *host) drain(ctx context.Context, window time.Duration) <-chan error {
	result := make(chan error, 1)
	go func() { result <- h.Drain(ctx, window) }()
	return result
}

// refusing waits until h takes no new sessions.
func (h *host) refusing() {
	h.t.Helper()
	eventually(h.t, "new sessions are refused", func() bool {
		a, err := h.request(http.MethodGet, "transport=polling", "")
		return err == nil && a.status == http.StatusServiceUnavailable && a.body == jsonError(4, "server shutting down")
	})
}

// Sessions end one after the other, all over the window, and are served until their turn.
func TestDrainSpreads(t *testing.T) {
	const clients, window = 100, 2 * time.Second
	var mu sync.Mutex
	var ends []time.Time
	h := start(t, setup{message: echo, connect: func(p *peer) {
		p.onClose = func(Reason) {
			mu.Lock()
			defer mu.Unlock()
			ends = append(ends, time.Now())
		}
	}})
	var order []int // the clients, in the order in which they were let go
	var wg sync.WaitGroup
	for i := range clients {
		c := h.openWS()
		wg.Go(func() {
			for {
				op, b, err := c.tryRead()
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				if op == ws.OpClose {
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					c.write(ws.OpClose, string(b))
					c.wantEOF()
					return
				}
			}
		})
	}
	late := h.openPoll()
	begin := time.Now()
	result := h.drain(t.Context(), window)
	h.refusing()
	for posts := 0; len(late.peer().closes()) == 0; posts++ {
		a, err := h.request(http.MethodPost, late.params, "4still")
		if err != nil || a.status != http.StatusOK && (a.body != goneBody) {
			t.Errorf("POST %d of an open session: %d %q %v", posts, a.status, a.body, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	wg.Wait()
	if slices.IsSorted(order) {
		t.Error("the clients went in the order in which they had come")
	}
	// Each session has a slot of its own, so no tenth of the window gets many more than a tenth of the clients.
	var tenths [10]int
	for _, at := range ends {
		tenths[min(9, int(at.Sub(begin)*10/window))]++
	}
	t.Logf("ends in each tenth of the window: %v", tenths)
	if most := slices.Max(tenths[:]); len(ends) != clients+1 || most > 30 {
		t.Errorf("%d ends, in the tenths of the window %v", len(ends), tenths)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown after it: %v", err)
	}
}

// Queued messages reach the client before the close frame, and what it says until it answers that is delivered.
func TestDrainHearsTheClientOut(t *testing.T) {
	heard := make(chan string, 10)
	h := start(t, setup{message: func(_ *peer, data []byte, _ bool) { heard <- string(data) }})
	c := h.openWS()
	p := h.peer(c.sid)
	p.Send(text("queued"))
	result := h.drain(t.Context(), 0)
	c.want(ws.OpText, "4queued")
	c.want(ws.OpClose, "")
	c.send("4said before the close frame came")
	if got := <-heard; got != "said before the close frame came" {
		t.Errorf("heard %q", got)
	}
	if p.Send(text("too late")) {
		t.Error("a message is queued after the close frame")
	}
	if len(p.closes()) > 0 {
		t.Error("OnClose came before the client's end")
	}
	c.write(ws.OpClose, "")
	c.wantEOF()
	if err := <-result; err != nil {
		t.Error(err)
	}
	p.wantClose(t, ReasonShutdown)
}

// A waiting poll gets the close packet, but only when the POST under way beside it has been delivered.
func TestDrainHearsAPollingClientOut(t *testing.T) {
	heard := make(chan string, 10)
	h := start(t, setup{message: func(_ *peer, data []byte, _ bool) { heard <- string(data) }})
	c := h.openPoll()
	wait := c.startPoll()
	pr, pw := io.Pipe()
	posted := make(chan answer, 1)
	go func() {
		a, err := h.do(context.Background(), http.MethodPost, h.url("http", c.params), pr)
		if err != nil {
			a.body = err.Error()
		}
		posted <- a
	}()
	if _, err := pw.Write([]byte("4half")); err != nil {
		t.Fatal(err)
	}
	c.wantPosting()
	idle := h.openPoll() // between two polls
	result := h.drain(t.Context(), 0)
	eventually(t, "the client's turn", func() bool {
		s := c.peer().Session
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.phase == phaseClosing
	})
	if _, err := pw.Write([]byte(" and half")); err != nil {
		t.Fatal(err)
	}
	_ = pw.Close()
	if a := <-posted; a.status != http.StatusOK || a.body != "ok" {
		t.Errorf("POST: %d %q", a.status, a.body)
	}
	if got := <-heard; got != "half and half" {
		t.Errorf("heard %q", got)
	}
	if a := <-wait; a.body != "1" {
		t.Errorf("poll: %q", a.body)
	}
	c.want(http.MethodPost, c.params, "4on its way when the close packet came", http.StatusOK, "ok")
	if got := <-heard; got != "on its way when the close packet came" {
		t.Errorf("heard %q", got)
	}
	if len(c.peer().closes()) > 0 {
		t.Error("OnClose came before the client could be heard out")
	}
	idle.wantPoll("6\x1e1")
	if err := <-result; err != nil {
		t.Error(err)
	}
	c.peer().wantClose(t, ReasonShutdown)
	c.wantGone()
}

// A POST that waits for a paused handler is answered when its session ends.
func TestDrainOfAPausedPollingClient(t *testing.T) {
	h := start(t, setup{message: func(p *peer, _ []byte, _ bool) { p.Pause() }})
	c := h.openPoll()
	wait := c.startPoll()
	result := h.drain(t.Context(), 0)
	if a := <-wait; a.body != "1" {
		t.Errorf("poll: %q", a.body)
	}
	c.want(http.MethodPost, c.params, "4enough", http.StatusOK, "ok")
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// owing is a Finisher: it owes its client something.
type owing struct {
	*peer
	finish func(context.Context)
}

func (o owing) Finish(ctx context.Context) { o.finish(ctx) }

// Drain waits for Finish, and the session goes on meanwhile.
func TestDrainWaitsForFinish(t *testing.T) {
	began, owed := make(chan *Session, 1), make(chan struct{})
	h := start(t, setup{message: echo, handler: func(p *peer) Handler {
		return owing{p, func(context.Context) { began <- p.Session; <-owed }}
	}})
	c := h.openWS()
	result := make(chan error, 1)
	go func() { result <- h.Drain(t.Context(), 0) }()
	s := <-began
	c.send("4ask")
	c.want(ws.OpText, "4ask")
	s.Send(text("owed"))
	close(owed)
	c.want(ws.OpText, "4owed")
	c.wantEnd(0)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// Clients that ignore the close frame, or do not poll any more, are given up after answerTimeout and not closeTimeout.
func TestDrainAndShutdownGiveUpTheSilent(t *testing.T) {
	for name, end := range map[string]func(*host) error{
		"Drain":    func(h *host) error { return h.Drain(t.Context(), 0) },
		"Shutdown": func(h *host) error { return h.Shutdown(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{opts: Options{PingInterval: time.Hour}, closeTimeout: time.Hour})
			silent := h.openWS()
			poll := h.openPoll()
			closing := h.openWS() // closed before, and does not answer either
			h.peer(closing.sid).Close(ReasonForcedClose)
			closing.want(ws.OpClose, "")
			if err := end(h); err != nil {
				t.Error(err)
			}
			silent.want(ws.OpClose, "")
			silent.wantEOF()
			closing.wantEOF()
			h.peer(silent.sid).wantClose(t, ReasonShutdown)
			poll.peer().wantClose(t, ReasonShutdown)
			h.peer(closing.sid).wantClose(t, ReasonForcedClose)
		})
	}
}

// When its context is done, Drain leaves the remaining sessions open and Shutdown cuts them.
func TestDrainEndsWithItsContext(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: time.Hour}, closeTimeout: time.Hour})
	c := h.openWS()
	ctx, cancel := context.WithCancel(t.Context())
	result := h.drain(ctx, time.Hour)
	h.refusing()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if h.Sessions() != 1 {
		t.Error("the session ended before its turn")
	}
	if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	h.peer(c.sid).wantClose(t, ReasonShutdown)
}

func TestDrainWithNobody(t *testing.T) {
	srv := NewServer(Options{}, nil)
	for range 2 {
		if err := srv.Drain(t.Context(), time.Hour); err != nil {
			t.Error(err)
		}
	}
}

// A session whose turn comes in the middle of an upgrade ends on the new transport.
func TestDrainWhileUpgrading(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	p := c.peer()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	p.Send(text("queued"))
	result := h.drain(t.Context(), 0)
	eventually(t, "the client's turn", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.phase == phaseClosing
	})
	w.send("5")
	w.want(ws.OpText, "4queued")
	w.wantEnd(0)
	if err := <-result; err != nil {
		t.Error(err)
	}
	p.wantClose(t, ReasonShutdown)
}
