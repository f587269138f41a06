package mux

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is not a measure of anything.
const patience = 30 * time.Second

func tcpPair(t testing.TB) (a, b *net.TCPConn) {
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
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// A pair is two nodes, so to say: a session, and the listener of its streams.
type pair struct {
	client, server *Session
	listener       net.Listener
}

func newPair(t testing.TB, o Options) pair {
	t.Helper()
	a, b := tcpPair(t)
	p := pair{client: Client(a, nil, o), server: Server(b, nil, o)}
	p.listener = p.server.Listener()
	t.Cleanup(func() {
		p.client.Close()
		p.server.Close()
		<-p.client.Done()
		<-p.server.Done()
	})
	return p
}

// open opens a stream, and returns both ends.
func (p pair) open(t testing.TB) (near, far *Stream) {
	t.Helper()
	near, err := p.client.Open()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := p.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	far = conn.(*Stream)
	_ = near.SetDeadline(time.Now().Add(patience))
	_ = far.SetDeadline(time.Now().Add(patience))
	return near, far
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// A handler records what it gets.
type handler struct {
	mu       sync.Mutex
	paused   bool
	received bytes.Buffer
	closed   int
}

func (h *handler) Paused() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.paused
}

func (h *handler) pause(paused bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paused = paused
}

func (h *handler) Received(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.received.Write(b)
}

func (h *handler) Closed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed++
}

func (h *handler) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.received.Len()
}

func (h *handler) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed == 1
}

// adopt makes a stream the connection of a new handler, and starts it.
func adopt(s *Stream, timeout time.Duration) (netloop.Conn, *handler) {
	h := new(handler)
	c := netloop.New(s, &netloop.Loop{WriteTimeout: timeout}, h)
	c.Start()
	return c, h
}

// expect reads what must come.
func expect(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %.100q, %v; want %.100q", got, err, want)
	}
}
