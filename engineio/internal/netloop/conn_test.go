package netloop_test

// All implementations of Conn keep the same promises.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// wrapped is a connection that is no plain socket, as TLS is none.
type wrapped struct{ *net.TCPConn }

// A handler records what it gets.
type handler struct {
	mu       sync.Mutex
	changed  sync.Cond
	paused   bool
	asked    int // how often it has been asked
	received bytes.Buffer
	closed   bool
}

func newHandler() *handler {
	h := new(handler)
	h.changed.L = &h.mu
	return h
}

func (h *handler) Paused() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	h.changed.Broadcast()
	return h.paused
}

func (h *handler) Received(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.received.Write(b)
	h.changed.Broadcast()
}

func (h *handler) Closed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		panic("closed twice")
	}
	h.closed = true
	h.changed.Broadcast()
}

// await waits until ok, which is called with mu held.
func (h *handler) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	timeout := time.AfterFunc(patience, func() { panic("still waiting: " + what) })
	defer timeout.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !ok() {
		h.changed.Wait()
	}
}

func (h *handler) awaitBytes(t *testing.T, want string) {
	t.Helper()
	h.await(t, want, func() bool { return h.received.Len() >= len(want) })
	if got := h.received.String(); got != want {
		t.Errorf("received %.100q, want %.100q", got, want)
	}
}

func (h *handler) awaitClosed(t *testing.T) {
	t.Helper()
	h.await(t, "the end", func() bool { return h.closed })
}

// wraps make a connection one for each implementation.
var wraps = map[string]func(*testing.T, *net.TCPConn) net.Conn{
	"plain":   func(_ *testing.T, c *net.TCPConn) net.Conn { return c },
	"wrapped": func(_ *testing.T, c *net.TCPConn) net.Conn { return wrapped{c} },
	"stream":  tunnelled,
}

// tunnelled is a stream that another process, so to say, has joined with c.
func tunnelled(t *testing.T, c *net.TCPConn) net.Conn {
	here, there := tcpPair(t)
	_ = there.SetDeadline(time.Time{})
	client, server := mux.Client(there, nil, mux.Options{}), mux.Server(here, nil, mux.Options{})
	over := make(chan struct{})
	stream, err := client.Open()
	if err != nil {
		t.Fatal(err)
	}
	joint := mux.NewLoop(0).Join(c, stream, func() { close(over) })
	joint.Start(nil, nil)
	conn, err := server.Listener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		joint.Close() // a peer that takes nothing would keep it
		client.Close()
		<-client.Done()
		<-server.Done()
		<-over
	})
	return conn
}

// eachConn runs a test with a started connection of each implementation, and its peer.
func eachConn(t *testing.T, test func(t *testing.T, c netloop.Conn, h *handler, peer *net.TCPConn)) {
	for name, wrap := range wraps {
		t.Run(name, func(t *testing.T) {
			conn, peer := tcpPair(t)
			h := newHandler()
			c := netloop.New(wrap(t, conn), new(netloop.Loop), h)
			c.Start()
			test(t, c, h, peer)
			c.Close()
			h.awaitClosed(t)
		})
	}
}

func tcpPair(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialed.Close() })
	_ = dialed.SetDeadline(time.Now().Add(patience))
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

func TestConnReadsAndWrites(t *testing.T) {
	eachConn(t, func(t *testing.T, c netloop.Conn, h *handler, peer *net.TCPConn) {
		_, _ = io.WriteString(peer, "hello")
		h.awaitBytes(t, "hello")
		if n, err := c.TryWrite([]byte("there")); n != 5 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		var b [5]byte
		if _, err := io.ReadFull(peer, b[:]); err != nil || string(b[:]) != "there" {
			t.Errorf("%q %v", b, err)
		}
		_ = peer.Close()
		h.awaitClosed(t)
	})
}

// What cannot be written at once is not taken, and WriteAll waits for the peer; nothing is lost or overtaken.
func TestConnWaitsForItsPeer(t *testing.T) {
	eachConn(t, func(t *testing.T, c netloop.Conn, _ *handler, peer *net.TCPConn) {
		chunk := []byte(strings.Repeat("0123456789abcdef", 4<<10))
		sent, rest := 0, []byte(nil)
		for rest == nil {
			n, err := c.TryWrite(chunk)
			if err != nil {
				t.Fatal(err)
			}
			if sent += n; n < len(chunk) {
				rest = chunk[n:]
			}
			if sent > 1<<30 {
				t.Fatal("it takes everything")
			}
		}
		written := make(chan error, 1)
		go func() {
			err := c.WriteAll(rest)
			c.CloseWrite()
			written <- err
		}()
		got, err := io.ReadAll(peer)
		if err != nil || len(got) != sent+len(rest) || len(got)%16 != 0 {
			t.Fatalf("%d bytes of %d, %v", len(got), sent+len(rest), err)
		}
		for i := range got {
			if got[i] != chunk[i%16] {
				t.Fatalf("byte %d is out of order", i)
			}
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

// The end of the writing stands behind what has been written, and the peer may still send.
func TestConnCloseWrite(t *testing.T) {
	eachConn(t, func(t *testing.T, c netloop.Conn, h *handler, peer *net.TCPConn) {
		_, _ = c.TryWrite([]byte("last"))
		c.CloseWrite()
		if got, err := io.ReadAll(peer); string(got) != "last" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		_, _ = io.WriteString(peer, "answer")
		h.awaitBytes(t, "answer")
	})
}

// A paused handler gets nothing, and everything after ResumeReading.
func TestConnPauses(t *testing.T) {
	eachConn(t, func(t *testing.T, c netloop.Conn, h *handler, peer *net.TCPConn) {
		_, _ = io.WriteString(peer, "a")
		h.awaitBytes(t, "a")
		h.mu.Lock()
		h.paused = true
		asked := h.asked
		h.mu.Unlock()
		// One that waits in Read gets what comes before it asks again.
		_, _ = io.WriteString(peer, "b")
		h.await(t, "a question", func() bool { return h.asked > asked })
		_, _ = io.WriteString(peer, "c")
		time.Sleep(20 * time.Millisecond) // for what must not come
		h.mu.Lock()
		if got := h.received.String(); strings.Contains(got, "c") {
			t.Errorf("received %q in the pause", got)
		}
		h.paused = false
		h.mu.Unlock()
		c.ResumeReading()
		h.awaitBytes(t, "abc")
	})
}

// A connection that is closed ends a pause, and a write that waits.
func TestConnCloseEndsEverything(t *testing.T) {
	eachConn(t, func(t *testing.T, c netloop.Conn, h *handler, peer *net.TCPConn) {
		h.mu.Lock()
		h.paused = true
		h.mu.Unlock()
		_, _ = io.WriteString(peer, "unread")
		chunk := make([]byte, 1<<20)
		n, err := c.TryWrite(chunk)
		for err == nil && n == len(chunk) {
			n, err = c.TryWrite(chunk)
		}
		if err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() { written <- c.WriteAll(chunk[n:]) }()
		c.Close()
		c.Close()
		if err := <-written; err == nil {
			t.Error("written to a closed connection")
		}
		h.awaitClosed(t)
		if _, err := c.TryWrite([]byte("x")); err == nil {
			t.Error("a closed connection takes bytes")
		}
		c.ResumeReading()
		c.CloseWrite()
	})
}

// A peer that takes nothing ends the writing, after the time that it has.
func TestConnStalls(t *testing.T) {
	const timeout = 100 * time.Millisecond
	for name, wrap := range wraps {
		t.Run(name, func(t *testing.T) {
			conn, _ := tcpPair(t)
			h := newHandler()
			c := netloop.New(wrap(t, conn), &netloop.Loop{WriteTimeout: timeout}, h)
			c.Start()
			start := time.Now()
			if err := c.WriteAll(make([]byte, 64<<20)); !errors.Is(err, netloop.ErrStalled) {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took < timeout {
				t.Errorf("after %v", took)
			}
			if !c.Stalled() {
				t.Error("the connection does not say that it has stalled")
			}
			c.Close()
			h.awaitClosed(t)
		})
	}
}

func TestReplay(t *testing.T) {
	here, there := tcpPair(t)
	defer here.Close()
	_, _ = io.WriteString(there, " and late")
	_ = there.CloseWrite()
	r := netloop.NewReplay(here, []byte("early"))
	if got, err := io.ReadAll(r); string(got) != "early and late" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if err := r.CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(there); len(got) != 0 || err != nil {
		t.Errorf("%q %v", got, err)
	}
	_ = r.Close()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
