package engineio

// What the tests share: a server behind a real listener. Its clients are in clients_test.go.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// net/http lingers for half a second on a connection that it closes over an error.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// patience is how long a test waits for what must come. Only what is broken takes as long.
const patience = 20 * time.Second

// eventually waits until ok reports true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

// A received message.
type received struct {
	data   string
	binary bool
}

// A peer is the server's end of a session, and a Handler that records what it gets.
type peer struct {
	*Session
	mu        sync.Mutex
	got       []received
	reasons   []Reason
	onMessage func(p *peer, data []byte, binary bool)
	onClose   func(Reason)
}

func (p *peer) OnMessage(data []byte, binary bool) {
	p.mu.Lock()
	p.got = append(p.got, received{string(data), binary})
	p.mu.Unlock()
	if p.onMessage != nil {
		p.onMessage(p, data, binary)
	}
}

func (p *peer) OnClose(reason Reason) {
	p.mu.Lock()
	p.reasons = append(p.reasons, reason)
	p.mu.Unlock()
	if p.onClose != nil {
		p.onClose(reason)
	}
}

func (p *peer) messages() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.got...)
}

func (p *peer) closes() []Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Reason(nil), p.reasons...)
}

// wantClose waits for OnClose, and checks that it came once and with that reason.
func (p *peer) wantClose(t testing.TB, want Reason) {
	t.Helper()
	eventually(t, "OnClose", func() bool { return len(p.closes()) > 0 })
	if got := p.closes(); len(got) != 1 || got[0] != want {
		t.Errorf("closed with %q, want once %q", got, want)
	}
}

// echo sends back what it gets.
func echo(p *peer, data []byte, binary bool) {
	if binary {
		p.Send(NewBinaryMessage(data, MessageOptions{}))
	} else {
		p.Send(NewTextMessage(data, nil, MessageOptions{}))
	}
}

func text(s string) *Message { return NewTextMessage([]byte(s), nil, MessageOptions{}) }

// A host is a Server behind an HTTP server.
type host struct {
	t testing.TB
	*Server
	network, addr string
	http          *http.Client
	logs          *logBuffer

	mu    sync.Mutex
	peers []*peer
}

// A setup says how a host differs from the usual.
type setup struct {
	opts         Options
	closeTimeout time.Duration                           // default: 5 s
	message      func(p *peer, data []byte, binary bool) // what the peer does with a message
	connect      func(*peer)
	handler      func(*peer) Handler // in the peer's place
	listener     net.Listener        // default: on 127.0.0.1
	except       []string            // of Listener
	prepare      func(*http.Server)  // is called before it serves
	serve        func(*http.Server, net.Listener) error
	dial         func(ctx context.Context, network, addr string) (net.Conn, error)
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a host until the test ends, and then checks that nothing of it is left.
func start(t testing.TB, s setup) *host {
	t.Helper()
	h := &host{t: t, logs: new(logBuffer)}
	if s.opts.Logger == nil {
		s.opts.Logger = slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	h.Server = NewServer(s.opts, func(session *Session) Handler {
		p := &peer{Session: session, onMessage: s.message}
		h.mu.Lock()
		h.peers = append(h.peers, p)
		h.mu.Unlock()
		if s.connect != nil {
			s.connect(p)
		}
		if s.handler != nil {
			return s.handler(p)
		}
		return p
	})
	h.Server.closeTimeout = cmp.Or(s.closeTimeout, 5*time.Second)
	if s.listener == nil {
		var err error
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	h.network, h.addr = s.listener.Addr().Network(), s.listener.Addr().String()
	if s.dial == nil {
		s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, h.network, h.addr)
		}
	}
	transport := &http.Transport{DialContext: s.dial, MaxIdleConnsPerHost: 100, DisableCompression: true}
	h.http = &http.Client{Transport: transport, Timeout: patience}
	errorLog := slog.NewLogLogger(slog.NewTextHandler(h.logs, nil), slog.LevelError)
	server := &http.Server{Handler: h.Server, ErrorLog: errorLog}
	if s.prepare != nil {
		s.prepare(server)
	}
	if s.serve == nil {
		s.serve = (*http.Server).Serve
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.serve(server, h.Listener(s.listener, s.except...))
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Server.Shutdown(ctx)
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
		eventually(t, "the sessions' end", func() bool {
			h.Server.mu.Lock()
			defer h.Server.mu.Unlock()
			return len(h.Server.sessions)+len(h.Server.leaving)+h.Server.ending == 0
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, p := range h.peers {
			if n := len(p.closes()); n != 1 {
				t.Errorf("session %s: OnClose called %d times: %v", p.ID(), n, p.closes())
			}
		}
		if logs := h.logs.String(); strings.Contains(logs, "panic") || strings.Contains(logs, "superfluous") {
			t.Errorf("the HTTP server logged an error: %s", logs)
		}
	})
	return h
}

// peer returns the server's end of a session.
func (h *host) peer(sid string) *peer {
	h.t.Helper()
	var found *peer
	eventually(h.t, "session "+sid, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, p := range h.peers {
			if p.ID() == sid {
				found = p
			}
		}
		return found != nil
	})
	return found
}

// url is the URL of a request with these parameters, such as "transport=polling".
func (h *host) url(scheme, params string) string {
	return scheme + "://" + "server.example/engine.io/?EIO=4&" + params
}

// An answer is one of HTTP.
type answer struct {
	status int
	body   string
	header http.Header
}

// request makes a request and reads the answer.
func (h *host) request(method, params, body string, header ...string) (answer, error) {
	var r io.Reader
	if body != "" || method == http.MethodPost {
		r = strings.NewReader(body)
	}
	return h.do(context.Background(), method, h.url("http", params), r, header...)
}

func (h *host) do(ctx context.Context, method, url string, body io.Reader, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b), resp.Header}, err
}

func (h *host) want(method, params, body string, status int, wantBody string, header ...string) answer {
	h.t.Helper()
	a, err := h.request(method, params, body, header...)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, params, err)
	}
	if a.status != status || a.body != wantBody {
		h.t.Errorf("%s %s: %d %q, want %d %q", method, params, a.status, clip(a.body), status, clip(wantBody))
	}
	return a
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + fmt.Sprintf("... (%d bytes)", len(s))
	}
	return s
}

// A greeting is the data of an open packet.
type greeting struct {
	SID          string
	Upgrades     []string
	PingInterval int
	PingTimeout  int
	MaxPayload   int
}

func parseGreeting(t testing.TB, packet string) greeting {
	t.Helper()
	var g greeting
	if !strings.HasPrefix(packet, "0") || json.Unmarshal([]byte(packet[1:]), &g) != nil || len(g.SID) != 20 {
		t.Fatalf("not an open packet: %q", packet)
	}
	return g
}

// testStream is the stream that a session uses.
func testStream(s *Session) *stream { return s.transport.(*stream) }

// dialTiny connects with the smallest receive buffer, so that the server's writes soon block.
func dialTiny(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctl := c.Control(func(fd uintptr) { err = setReceiveBuffer(fd, 2<<10) }); ctl != nil {
			return ctl
		}
		return err
	}}
	return d.DialContext(ctx, network, addr)
}

// tinyHost is a host with tiny buffers: its clients' for receiving, its own for sending.
func tinyHost(t testing.TB, s setup) *host {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	s.listener = tinyListener{l}
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialTiny(ctx, "tcp", addr) }
	return start(t, s)
}

type tinyListener struct{ net.Listener }

func (l tinyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// block sends until the client's connection takes no more, and far more waits than the buffers on the way could take.
func (p *peer) block(t testing.TB) (sent int) {
	t.Helper()
	m := text(strings.Repeat("b", 20_000))
	eventually(t, "the connection to block", func() bool {
		p.Session.mu.Lock()
		queued, blocked := p.queued, testStream(p.Session).blocked
		p.Session.mu.Unlock()
		if queued < 1<<20 {
			p.Send(m)
			sent++
			return false
		}
		return blocked
	})
	return sent
}
