package mux

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// One that reads nothing keeps nobody waiting, and no more than its window in memory; when it reads, it gets all.
func TestAStreamThatReadsNothing(t *testing.T) {
	p := newPair(t, Options{})
	near, far := p.open(t)
	_, deaf := adopt(near, 0)
	deaf.pause(true)
	full, _ := adopt(far, 0)
	const much = 20 * window
	written := make(chan error, 1)
	go func() { written <- full.WriteAll(bytes.Repeat([]byte("x"), much)) }()

	var others sync.WaitGroup
	for range 100 {
		others.Go(func() {
			near, err := p.client.Open()
			if err != nil {
				t.Error(err)
				return
			}
			_ = near.SetDeadline(time.Now().Add(patience))
			conn, err := p.listener.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			go func() { _, _ = conn.Write(make([]byte, 5*window)); conn.Close() }() // whose it is does not matter
			if n, _ := io.Copy(io.Discard, near); n != 5*window {
				t.Errorf("%d bytes", n)
			}
		})
	}
	others.Wait()
	p.client.mu.Lock()
	kept := len(near.stream.inbox)
	p.client.mu.Unlock()
	if kept > window || deaf.len() > 0 {
		t.Errorf("%d bytes are kept, %d received", kept, deaf.len())
	}
	select {
	case err := <-written:
		t.Errorf("written into nothing: %v", err)
	default:
	}
	deaf.pause(false)
	near.stream.ResumeReading()
	until(t, "everything is received", func() bool { return deaf.len() == much })
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// A window that stays shut is a peer that takes nothing.
func TestAWindowThatStaysShut(t *testing.T) {
	p := newPair(t, Options{})
	near, far := p.open(t)
	c, h := adopt(far, 50*time.Millisecond)
	if err := c.WriteAll(make([]byte, window+1)); !errors.Is(err, netloop.ErrStalled) || !c.Stalled() {
		t.Errorf("%v, stalled %v", err, c.Stalled())
	}
	c.Close()
	until(t, "the handler knows", h.isClosed)
	if n, err := io.Copy(io.Discard, near); n != window || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	// And so says who finds out at the far end.
	near, far = p.open(t)
	c, h = adopt(far, 0)
	near.stream.reset(resetStalled)
	until(t, "the handler knows", h.isClosed)
	if !c.Stalled() {
		t.Error("it does not say that the client has stalled")
	}
}

// What has come before the end is not lost, also where it is read later, and the far end has gone by then.
func TestTheEndStandsBehindWhatHasCome(t *testing.T) {
	for name, end := range map[string]func(*Stream){
		"half": func(s *Stream) { _ = s.CloseWrite() }, "gone": func(s *Stream) { _ = s.CloseWrite(); s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, Options{})
			near, far := p.open(t)
			_, h := adopt(far, 0)
			h.pause(true)
			_, _ = near.Write([]byte("last words"))
			end(near)
			until(t, "the end has come", func() bool {
				p.server.mu.Lock()
				defer p.server.mu.Unlock()
				return far.stream.ended && (name == "half" || len(p.server.streams) == 0)
			})
			if h.isClosed() {
				t.Error("it is over before it is read")
			}
			h.pause(false)
			far.stream.ResumeReading()
			until(t, "the handler knows", h.isClosed)
			if h.len() != len("last words") {
				t.Errorf("received %d bytes", h.len())
			}
			until(t, "nothing is left", func() bool { return p.client.Streams()+p.server.Streams() == 0 })
		})
	}
}

// A write that waits ends with the stream, from whichever side.
func TestAWaitingWriteEnds(t *testing.T) {
	for name, end := range map[string]func(near *Stream, c netloop.Conn){
		"closed here":  func(_ *Stream, c netloop.Conn) { c.Close() },
		"closed there": func(s *Stream, _ netloop.Conn) { s.Close() },
		"ended there":  func(s *Stream, _ netloop.Conn) { _ = s.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, Options{})
			near, far := p.open(t)
			c, h := adopt(far, 0)
			written := make(chan error, 1)
			go func() { written <- c.WriteAll(make([]byte, 2*window)) }()
			until(t, "the window is shut", func() bool {
				p.server.mu.Lock()
				defer p.server.mu.Unlock()
				return far.stream.credit == 0
			})
			end(near, c)
			if err := <-written; err == nil {
				t.Error("everything has been written")
			}
			until(t, "the handler knows", h.isClosed)
		})
	}
}
