package client

// What a session does with a server that says nothing, reads nothing or breaks off an answer, and behind its own sleep.

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// TestSilenceIsAPingTimeout takes no time: the server and the session run in a bubble.
func TestSilenceIsAPingTimeout(t *testing.T) {
	for name, pings := range map[string]int{"no ping": 0, "three pings, then none": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := Options{Transports: []string{WebSocket}, DialContext: pipeTo(t, func(c net.Conn,
					in *bufio.Reader) {
					_, _ = c.Write(text(openPacket))
					for range pings {
						time.Sleep(25 * time.Second)
						_, _ = c.Write(text("2"))
						var pong [7]byte // masked
						_, _ = io.ReadFull(in, pong[:])
					}
					untilClosed(in)
				})}
				began := time.Now()
				p := mustDial(t, "http://silent.test", opts)
				e := <-p.ended
				want := time.Duration(pings)*25*time.Second + 45*time.Second
				if took := time.Since(began); e.reason != ReasonPingTimeout || took != want {
					t.Errorf("ended with %q after %v, want %v", e.reason, took, want)
				}
				p.stop()
			})
		})
	}
}

// TestAPausedSessionKeepsItsHeartbeat: its server ends whom it does not hear from for 45 s.
func TestAPausedSessionKeepsItsHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pongs atomic.Int32
		opts := Options{Transports: []string{WebSocket}, DialContext: pipeTo(t, func(c net.Conn, in *bufio.Reader) {
			_, _ = c.Write(text(openPacket))
			for {
				_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
				var pong [7]byte // masked
				if _, err := io.ReadFull(in, pong[:]); err != nil {
					return
				}
				pongs.Add(1)
			}
		})}
		p := mustDial(t, "http://busy.test", opts)
		p.Pause()
		time.Sleep(time.Hour)
		select {
		case e := <-p.ended:
			t.Errorf("ended with %v", e)
		default:
		}
		if n := pongs.Load(); n < 180 || n > 400 {
			t.Errorf("%d pongs in an hour", n)
		}
		p.Resume()
		p.Close()
		<-p.ended
		p.stop()
	})
}

// TestResumeAtThePongOfAPause: the timer for what a paused session says by itself fires as it is resumed. It took that
// for the server's silence, and was over.
func TestResumeAtThePongOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := Options{Transports: []string{WebSocket}, DialContext: pipeTo(t, func(c net.Conn, in *bufio.Reader) {
			_, _ = c.Write(text(openPacket))
			_, _ = io.Copy(io.Discard, in)
		})}
		p := mustDial(t, "http://busy.test", opts)
		for range 1000 {
			p.Pause()
			time.Sleep(10 * time.Second)
			p.Resume()
			synctest.Wait()
		}
		began := time.Now()
		if e, took := <-p.ended, time.Since(began); e.reason != ReasonPingTimeout || took != 45*time.Second {
			t.Errorf("ended with %q %v after the last", e.reason, took)
		}
		p.stop()
	})
}

// TestASessionThatSleptIsOver: the timers of a system that sleeps stand still, the wall clock does not.
func TestASessionThatSleptIsOver(t *testing.T) {
	p := mustDial(t, scripted(t, func(c net.Conn, in *bufio.Reader) { c.Write(text(openPacket)); untilClosed(in) }),
		Options{Transports: []string{WebSocket}})
	p.mu.Lock()
	p.expiry = p.expiry.Add(-time.Hour)
	p.mu.Unlock()
	if err := p.Send(Message{Data: []byte("x")}); !errors.Is(err, ErrClosed) {
		t.Errorf("sending: %v", err)
	}
	p.wantEnd(ReasonPingTimeout)
}

// pipeTo connects to a scripted server in memory.
func pipeTo(t *testing.T, play func(net.Conn, *bufio.Reader)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go playOn(theirs, play)
		return ours, nil
	}
}

// TestASlowServerBoundsTheQueue: one that reads nothing.
func TestASlowServerBoundsTheQueue(t *testing.T) {
	release := make(chan struct{})
	url := scripted(t, func(c net.Conn, _ *bufio.Reader) {
		_, _ = c.Write(text(openPacket))
		<-release
	})
	defer close(release)
	p := mustDial(t, url, Options{
		Transports: []string{WebSocket}, MaxQueueBytes: 1 << 20, WriteTimeout: 300 * time.Millisecond,
	})
	full := false
	for { // the system's buffers take some megabytes first
		err := p.Send(Message{Data: make([]byte, 1<<16)})
		if errors.Is(err, ErrClosed) {
			break
		}
		if err != nil && !errors.Is(err, ErrQueueFull) {
			t.Fatal(err)
		}
		if err != nil {
			full = true
			time.Sleep(time.Millisecond)
		}
	}
	if !full {
		t.Error("the queue has never been full")
	}
	p.wantEnd(ReasonTransportError)
}

// TestABrokenPollIsNotAskedAgain: net/http would, over another connection, and what the first had on its way be lost.
func TestABrokenPollIsNotAskedAgain(t *testing.T) {
	var polls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("sid") == "":
			_, _ = io.WriteString(w, openPacket)
		case polls.Add(1) == 1:
			_, _ = io.WriteString(w, "4over a connection that has been used")
		case polls.Load() == 2:
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		default:
			_, _ = io.WriteString(w, "4behind what is lost")
		}
	}))
	defer server.Close()
	p := mustDial(t, server.URL, Options{Transports: []string{Polling}})
	p.want("over a connection that has been used")
	p.wantEnd(ReasonTransportError)
	if n := polls.Load(); n != 2 {
		t.Errorf("%d polls", n)
	}
}

// TestCloseWaitsForAnUpgradeThatFails: the polls can end the session once the probe has come to nothing.
func TestCloseWaitsForAnUpgradeThatFails(t *testing.T) {
	leave, polls := make(chan struct{}), make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			conn, in, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Write(append(wsframe.AppendAccept(nil, r.Header.Get("Sec-WebSocket-Key")), "\r\n"...))
			<-polls
			_, _ = conn.Write(text("3probe"))
			go untilClosed(in)
			<-leave
		case r.URL.Query().Get("sid") == "":
			_, _ = io.WriteString(w, openPacket)
		case r.Method == http.MethodGet: // a poll that does not end as it should
			polls <- struct{}{}
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, "ok")
		}
	}))
	defer server.Close()
	p := mustDial(t, server.URL, Options{})
	leaving := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.leaving
	}
	for !leaving() {
		time.Sleep(time.Millisecond)
	}
	p.Close()
	select {
	case e := <-p.ended:
		t.Errorf("ended in the middle of an upgrade: %v", e)
	case <-time.After(50 * time.Millisecond):
	}
	close(leave)
	if err := receive(t, "the upgrade's end", p.upgraded); err == nil {
		t.Error("it has been upgraded")
	}
	p.wantEnd(ReasonForcedClose)
}
