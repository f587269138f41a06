package mux

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// discard is a connection that takes everything.
type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error)      { return len(b), nil }
func (discard) SetWriteDeadline(time.Time) error { return nil }
func (discard) Close() error                     { return nil }

func nopTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// A breach ends the session, with an error that says which.
func TestBreaches(t *testing.T) {
	open := func(id uint32) []byte { return appendHead(nil, 0, frameOpen, id) }
	windowOf := func(b []byte, n ...byte) []byte { return append(appendHead(b, 4, frameWindow, 1), n...) }
	for want, b := range map[string][]byte{
		"unknown type":      []byte("GET / HTTP/1.1\r\n\r\n"),
		"has not been open": appendData(nil, 1, []byte("x")),
		"cannot be opened":  append(open(2), open(2)...),
		"cannot be  opened": append(open(2), open(1)...), // they only grow
		"may send":          appendData(open(1), 1, make([]byte, window+1)),
		"may  send":         appendData(appendHead(open(1), 0, frameEnd, 1), 1, []byte("x")),
		"ends twice":        appendHead(appendHead(open(1), 0, frameEnd, 1), 0, frameEnd, 1),
		"window":            windowOf(open(1), 0, 0, 0, 0),
		" window":           windowOf(windowOf(open(1), 0x3f, 0, 0, 0), 0x3f, 0, 0, 0),
	} {
		a, b2 := tcpPair(t)
		s := Server(b2, b, Options{})
		select {
		case <-s.Done():
		case <-time.After(patience):
			t.Fatalf("%s: the session goes on", want)
		}
		var breach protocolError
		want = strings.Join(strings.Fields(want), " ")
		if err := s.Err(); !errors.As(err, &breach) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		a.Close()
	}
	// Nor can a server open streams.
	a, b := tcpPair(t)
	defer b.Close()
	s := Client(a, appendHead(nil, 0, frameOpen, 1), Options{})
	<-s.Done()
	if s.Err() == nil {
		t.Error("a client's session accepts a stream")
	}
	if _, err := s.Open(); !errors.Is(err, s.Err()) {
		t.Errorf("opened on a session that is over: %v", err)
	}
}

// A peer that has us answer and reads nothing is given up.
func TestAPeerThatReadsNoAnswers(t *testing.T) {
	a, b := tcpPair(t)
	defer a.Close()
	s := Server(b, nil, Options{})
	pings := make([]byte, 0, 64<<10)
	for len(pings) < cap(pings) {
		pings = appendHead(pings, 0, framePing, 0)
	}
	_ = a.SetWriteDeadline(time.Now().Add(patience))
	for range 10_000 {
		if _, err := a.Write(pings); err != nil {
			break
		}
	}
	<-s.Done()
	var breach protocolError
	if err := s.Err(); !errors.As(err, &breach) {
		t.Errorf("got %v", err)
	}
}

// A connection that breaks ends all streams, whatever they are at.
func TestABrokenConnection(t *testing.T) {
	p := newPair(t, Options{})
	var handlers []*handler
	for range 10 {
		near, far := p.open(t)
		_, h1 := adopt(near, 0)
		_, h2 := adopt(far, 0)
		h2.pause(true)
		handlers = append(handlers, h1, h2)
	}
	reading, _ := p.open(t)
	_, waiting := p.open(t)
	c, _ := p.open(t)
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := reading.Read(make([]byte, 1)); err == nil {
			t.Error("something has been read")
		}
	})
	all.Go(func() {
		if err := waiting.stream.WriteAll(make([]byte, 10*window)); err == nil {
			t.Error("everything has been written")
		}
	})
	all.Go(func() {
		if _, err := c.Write(make([]byte, 10*window)); err == nil {
			t.Error("everything has been written")
		}
	})
	until(t, "a write waits", func() bool {
		p.server.mu.Lock()
		defer p.server.mu.Unlock()
		return waiting.stream.credit == 0
	})
	p.client.conn.Close()
	all.Wait()
	for i, h := range handlers {
		until(t, "the handler knows", h.isClosed)
		if i%2 == 0 && h.len() > 0 {
			t.Errorf("it has received %d bytes", h.len())
		}
	}
	if p.client.Streams() != 0 || p.server.Err() == nil {
		t.Errorf("%d streams are left", p.client.Streams())
	}
}

// 100,000 streams come and go, in all the ways in which they end, and leave nothing behind.
func TestManyStreams(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	p := newPair(t, Options{})
	served := make(chan struct{})
	go func() {
		defer close(served)
		for i := range n {
			conn, err := p.listener.Accept()
			if err != nil {
				t.Errorf("stream %d: %v", i, err)
				return
			}
			c, _ := adopt(conn.(*Stream), time.Minute)
			_, _ = c.TryWrite([]byte("hello"))
			switch i % 3 {
			case 0:
				c.Close()
			case 1:
				c.CloseWrite()
			}
		}
	}()
	before := runtime.NumGoroutine()
	const most = 1000
	ways := make(chan struct{}, most)
	for i := range n {
		ways <- struct{}{}
		near, err := p.client.Open()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer func() { <-ways }()
			if i%2 == 0 {
				_, _ = near.Write([]byte("hello"))
				_ = near.CloseWrite()
				_ = near.SetReadDeadline(time.Now().Add(patience))
				_, _ = io.Copy(io.Discard, near)
			}
			near.Close()
		}()
	}
	<-served
	until(t, "all streams are over", func() bool {
		return p.client.Streams() == 0 && p.server.Streams() == 0 && runtime.NumGoroutine() <= before
	})
	p.client.mu.Lock()
	defer p.client.mu.Unlock()
	if p.client.last != uint32(n) || len(p.client.waiting) > 0 {
		t.Errorf("%d opened, %d wait", p.client.last, len(p.client.waiting))
	}
}

// A quiet session is asked whether it is there; one that does not answer is over.
func TestLiveness(t *testing.T) {
	p := newPair(t, Options{Timeout: 200 * time.Millisecond})
	near, far := p.open(t)
	time.Sleep(time.Second) // in which nobody says anything; on a machine without any time it may end all the same
	if err := p.client.Err(); err == nil {
		_, _ = near.Write([]byte("x"))
		expect(t, far, "x")
	} else if !errors.Is(err, ErrSilent) {
		t.Error(err)
	}

	a, b := tcpPair(t)
	defer b.Close()
	s := Client(a, nil, Options{Timeout: 100 * time.Millisecond})
	<-s.Done()
	if !errors.Is(s.Err(), ErrSilent) {
		t.Errorf("got %v", s.Err())
	}
}

// A shared connection that takes nothing is given up, and so are those who wait for it.
func TestAConnectionThatStandsStill(t *testing.T) {
	a, b := tcpPair(t)
	defer b.Close()
	s := Client(a, nil, Options{Timeout: 300 * time.Millisecond})
	s.look.Stop() // or it is found out by its silence
	var all sync.WaitGroup
	var written atomic.Int32 // into the kernel's buffers
	for range 200 {
		st, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		st.stream.credit = maxCredit
		s.mu.Unlock()
		all.Go(func() {
			switch _, err := st.Write(make([]byte, 1<<20)); {
			case err == nil:
				written.Add(1)
			case !errors.Is(err, netloop.ErrStalled):
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if n := written.Load(); n > 100 {
		t.Errorf("%d MiB have been written to nobody", n)
	}
	<-s.Done()
	if !errors.Is(s.Err(), netloop.ErrStalled) {
		t.Errorf("got %v", s.Err())
	}
}

// A client's session without streams is closed, and one with a stream is not.
func TestIdle(t *testing.T) {
	p := newPair(t, Options{Idle: 50 * time.Millisecond})
	near, err := p.client.Open()
	if err != nil { // it was idle already
		<-p.server.Done()
		return
	}
	time.Sleep(200 * time.Millisecond)
	if err := p.client.Err(); err != nil {
		t.Errorf("with a stream: %v", err)
	}
	near.Close()
	<-p.client.Done()
	<-p.server.Done()
	if err := p.client.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := p.client.Open(); !errors.Is(err, ErrClosed) {
		t.Errorf("opened: %v", err)
	}
}

func TestNumbersRunOut(t *testing.T) {
	p := newPair(t, Options{})
	p.client.mu.Lock()
	p.client.last = 1<<32 - 2
	p.client.mu.Unlock()
	p.open(t)
	if _, err := p.client.Open(); err == nil {
		t.Error("a number is used again")
	}
}

// What is written while the connection is busy goes out together.
func TestWritesGather(t *testing.T) {
	a, b := net.Pipe() // each write waits for its reader
	defer b.Close()
	s := Client(a, nil, Options{})
	const n = 1000
	for range n {
		st, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1<<20)
	reads, total := 0, 0
	for ; total < n*(2*headBytes+5); reads++ {
		m, err := b.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		total += m
	}
	if reads > 20 {
		t.Errorf("%d writes for %d messages", reads, n)
	}
	s.Close()
	<-s.Done()
}

// Bytes that fill the reader's buffer to the last are handed on, although nothing follows: the peer may wait for their
// windows before it says more.
func TestAFullBuffer(t *testing.T) {
	a, b := net.Pipe() // a read gets what one write has, up to its buffer's length
	s := Client(a, nil, Options{})
	defer func() { b.Close(); s.Close(); <-s.Done() }()
	stream, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	stream.stream.gatherBy(new(gatherer))
	go io.Copy(io.Discard, b)
	_, h := adopt(stream, 0)
	const frames = readBytes / maxData
	data := appendData(nil, 1, make([]byte, readBytes-frames*headBytes))
	if len(data) != readBytes {
		t.Fatalf("%d bytes", len(data))
	}
	if _, err := b.Write(data); err != nil {
		t.Fatal(err)
	}
	until(t, "the handler has it all", func() bool { return h.len() == readBytes-frames*headBytes })
}
