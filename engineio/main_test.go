package engineio

// What the tests share: a server behind a real listener, and clients that speak the protocol byte for byte.

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come. Nothing takes as long unless it is broken.
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

// A peer is the server's end of a session in a test: it records what the handler gets.
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

// wantClose waits for OnClose and checks its reason, and that it came once.
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

// A setup says what is not usual about a host.
type setup struct {
	opts         Options
	closeTimeout time.Duration
	message      func(p *peer, data []byte, binary bool) // default: nothing
	connect      func(*peer)
	handler      func(*peer) Handler // in the peer's place
	listener     net.Listener        // default: on 127.0.0.1
	prepare      func(*http.Server)  // before it serves
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

// start runs a host until the test ends, and then sees to it that nothing of it is left.
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
	server := &http.Server{Handler: h.Server, ErrorLog: slog.NewLogLogger(slog.NewTextHandler(h.logs, nil), slog.LevelError)}
	if s.prepare != nil {
		s.prepare(server)
	}
	if s.serve == nil {
		s.serve = (*http.Server).Serve
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.serve(server, h.Listener(s.listener))
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
			t.Errorf("the HTTP server complains: %s", logs)
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

// url is the URL of a request with those parameters, such as "transport=polling".
func (h *host) url(scheme, params string) string {
	return scheme + "://" + "server.example/engine.io/?EIO=4&" + params
}

// An answer of HTTP.
type answer struct {
	status int
	body   string
	header http.Header
}

// request makes a request and reads its answer.
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

// The open packet of a handshake.
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

// A pollClient is a client on the polling transport.
type pollClient struct {
	*host
	sid    string
	params string
}

// poll opens a session by polling.
func (h *host) openPoll() *pollClient {
	h.t.Helper()
	a, err := h.request(http.MethodGet, "transport=polling", "")
	if err != nil || a.status != http.StatusOK {
		h.t.Fatalf("handshake: %v %v", a, err)
	}
	sid := parseGreeting(h.t, strings.SplitN(a.body, "\x1e", 2)[0]).SID
	return &pollClient{h, sid, "transport=polling&sid=" + sid}
}

func (c *pollClient) peer() *peer { return c.host.peer(c.sid) }

// poll makes one poll and returns its answer's body.
func (c *pollClient) poll() string {
	c.t.Helper()
	a, err := c.request(http.MethodGet, c.params, "")
	if err != nil || a.status != http.StatusOK {
		c.t.Fatalf("poll: %d %q %v", a.status, a.body, err)
	}
	return a.body
}

func (c *pollClient) wantPoll(want string) {
	c.t.Helper()
	if got := c.poll(); got != want {
		c.t.Errorf("poll: %q, want %q", clip(got), clip(want))
	}
}

// postHead is the head of a POST whose body has length bytes.
func (c *pollClient) postHead(length int) string {
	return fmt.Sprintf("POST /engine.io/?EIO=4&%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", c.params, length)
}

// wantPosting waits until the server knows of a POST.
func (c *pollClient) wantPosting() {
	c.t.Helper()
	s := c.peer().Session
	eventually(c.t, "the POST", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.polling.posting
	})
}

// startPoll makes a poll that waits, and returns when the server has it.
func (c *pollClient) startPoll() <-chan answer {
	c.t.Helper()
	result := make(chan answer, 1)
	go func() {
		a, err := c.request(http.MethodGet, c.params, "")
		if err != nil {
			a.body = err.Error()
		}
		result <- a
	}()
	p := c.peer()
	eventually(c.t, "the poll", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.polling.poll != nil || len(result) > 0
	})
	return result
}

func (c *pollClient) post(body string) {
	c.t.Helper()
	c.want(http.MethodPost, c.params, body, http.StatusOK, "ok")
}

const goneBody = `{"code":1,"message":"Session ID unknown"}`

func (c *pollClient) wantGone() {
	c.t.Helper()
	c.want(http.MethodGet, c.params, "", http.StatusBadRequest, goneBody)
}

// A wsClient is a client on a WebSocket connection.
type wsClient struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	sid  string
	mu   sync.Mutex // of writing

	answer *http.Response // of rawUpgrade
}

// dial opens a WebSocket connection, without a session being expected.
func (h *host) dial(params string, header ...string) *wsClient {
	h.t.Helper()
	c, err := h.tryDial(params, header...)
	if err != nil {
		h.t.Fatalf("WebSocket handshake: %v", err)
	}
	h.t.Cleanup(func() { _ = c.conn.Close() })
	return c
}

func (h *host) tryDial(params string, header ...string) (*wsClient, error) {
	fields := make(http.Header)
	for i := 0; i < len(header); i += 2 {
		fields.Set(header[i], header[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dial := h.http.Transport.(*http.Transport).DialContext
	conn, r, _, err := ws.Dialer{NetDial: dial, Header: ws.HandshakeHeaderHTTP(fields)}.Dial(ctx, h.url("ws", params))
	if err != nil {
		return nil, err
	}
	if r == nil { // else it holds what came with the handshake's answer
		r = bufio.NewReader(conn)
	}
	return &wsClient{t: h.t, conn: conn, r: r}, nil
}

// openWS opens a session on WebSocket.
func (h *host) openWS(header ...string) *wsClient {
	h.t.Helper()
	c := h.dial("transport=websocket", header...)
	op, b := c.read()
	if op != ws.OpText {
		h.t.Fatalf("opcode %v instead of the open packet", op)
	}
	c.sid = parseGreeting(h.t, string(b)).SID
	return c
}

// tryRead reads one frame.
func (c *wsClient) tryRead() (ws.OpCode, []byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	header, err := ws.ReadHeader(c.r)
	if err != nil {
		return 0, nil, err
	}
	if header.Masked || !header.Fin {
		return 0, nil, fmt.Errorf("the server sends a frame with header %+v", header)
	}
	b := make([]byte, header.Length)
	_, err = io.ReadFull(c.r, b)
	return header.OpCode, b, err
}

func (c *wsClient) read() (ws.OpCode, []byte) {
	c.t.Helper()
	op, b, err := c.tryRead()
	if err != nil {
		c.t.Fatalf("reading a frame: %v", err)
	}
	return op, b
}

func (c *wsClient) want(op ws.OpCode, body string) {
	c.t.Helper()
	if gotOp, got := c.read(); gotOp != op || string(got) != body {
		c.t.Errorf("got opcode %v %q, want %v %q", gotOp, clip(string(got)), op, clip(body))
	}
}

// wantEnd waits for the close frame and for the end of the connection, passing over what comes before. Code 0 means a
// frame without one.
func (c *wsClient) wantEnd(code uint16) {
	c.t.Helper()
	for {
		op, b, err := c.tryRead()
		if err != nil {
			c.t.Errorf("connection ended without a close frame: %v", err)
			return
		}
		if op != ws.OpClose {
			continue
		}
		var got uint16
		if len(b) >= 2 {
			got = binary.BigEndian.Uint16(b)
		}
		if got != code {
			c.t.Errorf("closed with code %d, want %d", got, code)
		}
		c.write(ws.OpClose, string(b))
		c.wantEOF()
		return
	}
}

// wantEOF waits for the end of the connection.
func (c *wsClient) wantEOF() {
	c.t.Helper()
	if op, b, err := c.tryRead(); err == nil {
		c.t.Errorf("got opcode %v %q instead of the end", op, b)
	} else if isTimeout(err) {
		c.t.Errorf("the connection does not end")
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func (c *wsClient) tryWrite(op ws.OpCode, payload string) error {
	return c.tryWriteRaw([]byte(wstest.Frame(0x80|byte(op), payload)))
}

func (c *wsClient) tryWriteRaw(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.conn.Write(b)
	return err
}

// write sends a frame; a server that has ended the connection meanwhile shows in what is read.
func (c *wsClient) write(op ws.OpCode, payload string) { _ = c.tryWrite(op, payload) }

func (c *wsClient) send(payload string) { c.write(ws.OpText, payload) }

// openRaw opens a session on WebSocket with a handshake of its own, for headers that the WebSocket library keeps to
// itself.
func (h *host) openRaw(header ...string) *wsClient {
	h.t.Helper()
	c := h.rawUpgrade(http.MethodGet, "transport=websocket", header...)
	if c.answer.StatusCode != http.StatusSwitchingProtocols {
		h.t.Fatalf("status %d", c.answer.StatusCode)
	}
	op, b := c.read()
	if op != ws.OpText {
		h.t.Fatalf("opcode %v instead of the open packet", op)
	}
	c.sid = parseGreeting(h.t, string(b)).SID
	return c
}

// rawUpgrade makes a WebSocket handshake with headers that replace the usual ones, and reads its answer. A header with
// an empty value is left out.
func (h *host) rawUpgrade(method, params string, header ...string) *wsClient {
	h.t.Helper()
	fields := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			fields.Del(header[i])
		} else {
			fields.Set(header[i], header[i+1])
		}
	}
	conn, err := h.http.Transport.(*http.Transport).DialContext(context.Background(), "", "")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s /engine.io/?EIO=4&%s HTTP/1.1\r\nHost: server.example\r\n", method, params)
	_ = fields.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		h.t.Fatal(err)
	}
	c := &wsClient{t: h.t, conn: conn, r: bufio.NewReader(conn)}
	if c.answer, err = http.ReadResponse(c.r, nil); err != nil {
		h.t.Fatalf("reading the handshake's answer: %v", err)
	}
	return c
}

// testStream is the stream that a session uses.
func testStream(s *Session) *stream { return s.transport.(*stream) }
