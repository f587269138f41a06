package socketio

// What the tests of this package share: a server without an Engine.IO server, and clients whose sessions are in memory.

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is no measure of speed.
const patience = 20 * time.Second

// testServer is a Server whose messages can be read back.
type testServer struct {
	*Server
	t  testing.TB
	mu sync.Mutex
	// sent are the messages made so far, and what is in them.
	sent map[*engineio.Message][]string
	opts map[*engineio.Message]engineio.MessageOptions
	logs syncBuffer
}

func newTestServer(t testing.TB, opts Options) *testServer {
	srv := &testServer{t: t, sent: map[*engineio.Message][]string{},
		opts: map[*engineio.Message]engineio.MessageOptions{}}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(&srv.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	srv.Server = newServer(opts)
	srv.newMessage = func(e parser.Encoded, opts engineio.MessageOptions) *engineio.Message {
		m := new(engineio.Message)
		frames := []string{string(e.Data)}
		for _, a := range e.Attachments {
			frames = append(frames, fmt.Sprintf("<bin %x>", a))
		}
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.sent[m], srv.opts[m] = frames, opts
		return m
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return srv
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// testClient is a client with a session in memory. Its methods are for one goroutine, but for those of session.
type testClient struct {
	pauses    atomic.Int32 // calls of Pause without their Resume
	srv       *testServer
	conn      *conn
	handshake *engineio.Handshake
	ctx       context.Context
	replace   *strings.Replacer // in what it sends; may be nil
	protocol  int               // 4 where it is 0
	sid       string            // of the main namespace's socket, once connected
	pid       string
	delivered func() // if not nil: called when a message has reached the client, before Send returns

	mu        sync.Mutex
	frames    []string // received and not yet read
	arrived   chan struct{}
	closed    bool
	reason    engineio.Reason
	congested bool // drops what is volatile
	messages  []*engineio.Message
}

func (srv *testServer) dial() *testClient { return srv.dialWith(0) }

// dialWith is dial with a revision of Engine.IO, 4 where it is 0.
func (srv *testServer) dialWith(protocol int) *testClient {
	u, _ := url.Parse("/socket.io/?EIO=4&transport=websocket&room=a&room=b")
	c := &testClient{
		srv: srv, ctx: context.Background(), protocol: protocol, arrived: make(chan struct{}, 1),
	}
	c.handshake = &engineio.Handshake{
		Header: http.Header{"User-Agent": {"test"}}, URL: u, Host: "example.test", RemoteAddr: "192.0.2.7:4711",
		Time: time.Unix(1700000000, 0),
	}
	c.conn = srv.newConn(c)
	srv.t.Cleanup(func() { c.drop(engineio.ReasonTransportClose) })
	return c
}

// connect is dial and a connection to the main namespace.
func (srv *testServer) connect() *testClient {
	srv.t.Helper()
	c := srv.dial()
	c.send("0")
	c.connected()
	return c
}

// connected reads the answer to a CONNECT of the main namespace.
func (c *testClient) connected() {
	c.srv.t.Helper()
	f := c.read()
	c.sid, _ = between(f, `"sid":"`, `"`)
	c.pid, _ = between(f, `"pid":"`, `"`)
	if !strings.HasPrefix(f, "0{") || len(c.sid) != 20 {
		c.srv.t.Fatalf("connect: got %s", f)
	}
}

func between(s, before, after string) (string, bool) {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, after)
	return s, ok
}

func (c *testClient) socket() *Socket { return c.srv.Socket(c.sid) }

// send delivers frames as the client's; "<bin 0102>" is a binary one.
func (c *testClient) send(frames ...string) {
	c.srv.t.Helper()
	for _, f := range frames {
		if c.replace != nil {
			f = c.replace.Replace(f)
		}
		if h, ok := between(f, "<bin ", ">"); ok && strings.HasPrefix(f, "<bin ") {
			b, err := hex.DecodeString(h)
			if err != nil {
				c.srv.t.Fatal(err)
			}
			c.conn.OnMessage(b, true)
			continue
		}
		c.conn.OnMessage([]byte(f), false)
	}
}

// read is the next frame that the client got; "" once its session is closed.
func (c *testClient) read() string {
	c.srv.t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		if len(c.frames) > 0 {
			f := c.frames[0]
			c.frames = c.frames[1:]
			c.mu.Unlock()
			return f
		}
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return ""
		}
		select {
		case <-c.arrived:
		case <-deadline:
			c.srv.t.Fatalf("nothing received in %v", patience)
		}
	}
}

// want reads frames and compares; <SID> stands for any id.
func (c *testClient) want(frames ...string) {
	c.srv.t.Helper()
	for _, want := range frames {
		got := c.read()
		if masked := maskSID(got); masked != want && got != want {
			c.srv.t.Fatalf("received %s, want %s", got, want)
		}
	}
}

func maskSID(f string) string {
	if sid, ok := between(f, `{"sid":"`, `"`); ok {
		return strings.Replace(f, sid, "<SID>", 1)
	}
	return f
}

// wantNothing sends the client a last event and checks that it is the first to arrive.
func (c *testClient) wantNothing() {
	c.srv.t.Helper()
	s := c.socket()
	if s == nil {
		c.srv.t.Fatal("wantNothing: not connected")
		return
	}
	m := c.srv.newMessage(parser.Encoded{Data: []byte(`2["that was all"]`)}, engineio.MessageOptions{})
	s.session.Send(m)
	c.want(`2["that was all"]`)
}

// settle waits until the sockets of the client have nothing to do.
func (c *testClient) settle() {
	c.srv.t.Helper()
	eventually(c.srv.t, "the client's sockets are idle", func() bool {
		for _, s := range c.conn.all() {
			s.mu.Lock()
			running := s.inbox.running
			s.mu.Unlock()
			if running {
				return false
			}
		}
		return true
	})
}

// drop ends the session as a transport would.
func (c *testClient) drop(reason engineio.Reason) {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	c.mu.Unlock()
	if !already {
		c.conn.OnClose(reason)
	}
	c.wake()
}

func (c *testClient) wake() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

func (c *testClient) isClosed() (engineio.Reason, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason, c.closed
}

// The session interface.

func (c *testClient) ID() string                     { return "session" }
func (c *testClient) Handshake() *engineio.Handshake { return c.handshake }
func (c *testClient) Transport() string              { return "websocket" }
func (c *testClient) Context() context.Context       { return c.ctx }
func (c *testClient) Protocol() int                  { return cmp.Or(c.protocol, 4) }

func (c *testClient) Pause()  { c.pauses.Add(1) }
func (c *testClient) Resume() { c.pauses.Add(-1) }

func (c *testClient) Send(m *engineio.Message) bool {
	c.srv.mu.Lock()
	frames, volatile := c.srv.sent[m], c.srv.opts[m].Volatile
	c.srv.mu.Unlock()
	c.mu.Lock()
	if c.closed || c.congested && volatile {
		c.mu.Unlock()
		return false
	}
	c.frames = append(c.frames, frames...)
	c.messages = append(c.messages, m)
	c.wake()
	c.mu.Unlock()
	if c.delivered != nil {
		c.delivered()
	}
	return true
}

func (c *testClient) Close(reason engineio.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed, c.reason = true, reason
	c.wake()
	done := make(chan struct{})
	go func() { // as engineio does it: not on the goroutine that closes
		defer close(done)
		c.conn.OnClose(reason)
	}()
	c.srv.t.Cleanup(func() { <-done })
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}

func (w *workers) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}
