package engineio

// Shutdown: everybody at once, and its limit.

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestShutdown(t *testing.T) {
	told := make(chan struct{})
	h := start(t, setup{connect: func(p *peer) {
		p.onClose = func(Reason) { <-told } // Shutdown waits for it
	}})
	c := h.openWS()
	waiting := h.openPoll()
	wait := waiting.startPoll()
	between := h.openPoll()
	peers := []*peer{h.peer(c.sid), waiting.peer(), between.peer()}
	for _, p := range peers {
		p.Send(text("queued"))
	}
	if a := <-wait; a.body != "4queued" {
		t.Errorf("poll: %q", a.body)
	}
	wait = waiting.startPoll()

	result := make(chan error, 1)
	go func() { result <- h.Shutdown(t.Context()) }()
	c.want(ws.OpText, "4queued")
	c.wantEnd(0)
	if a := <-wait; a.body != "1" {
		t.Errorf("waiting poll: %q", a.body)
	}
	eventually(t, "the session between two polls to be closing", func() bool {
		p := peers[2]
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.phase == phaseClosing
	})
	between.wantPoll("4queued")
	between.wantPoll("6\x1e1")
	select {
	case err := <-result:
		t.Errorf("Shutdown returned %v before OnClose", err)
	default:
	}
	close(told)
	if err := <-result; err != nil {
		t.Error(err)
	}
	for _, p := range peers {
		p.wantClose(t, ReasonShutdown)
	}
	if n := h.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	h.want("GET", "transport=polling", "", 503, jsonError(4, "server shutting down"))
	refused := h.rawUpgrade("GET", "transport=websocket")
	b, _ := io.ReadAll(refused.answer.Body)
	if status := refused.answer.StatusCode; status != 503 || !strings.Contains(string(b), "shutting down") {
		t.Errorf("%d %q", status, b)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// Clients that do not leave are cut when the context is done.
func TestShutdownCuts(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{PingInterval: time.Hour}, closeTimeout: time.Hour})
	silent := h.openWS()
	blocked := h.openWS()
	h.peer(blocked.sid).block(t)
	poll := h.openPoll() // that never polls again
	slow := h.openPoll()
	body := slow.slowPost(10, "4abc")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	silent.want(ws.OpClose, "")
	silent.wantEOF()
	blocked.wantGoneProbe()
	for _, p := range []*peer{h.peer(silent.sid), h.peer(blocked.sid), poll.peer(), slow.peer()} {
		p.wantClose(t, ReasonShutdown)
	}
	if b, err := io.ReadAll(body); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 400") {
		t.Errorf("the unfinished POST: %q %v", b, err)
	}
	eventually(t, "everybody's end", func() bool {
		h.Server.mu.Lock()
		defer h.Server.mu.Unlock()
		return len(h.Server.sessions)+len(h.Server.leaving)+h.Server.ending == 0
	})
}

func TestShutdownWithNobody(t *testing.T) {
	srv := NewServer(Options{}, nil)
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestShutdownWhileProbing(t *testing.T) {
	h := start(t, setup{closeTimeout: 50 * time.Millisecond})
	c := h.openPoll()
	w := c.probe()
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	w.wantGoneProbe()
	c.peer().wantClose(t, ReasonShutdown)
}
