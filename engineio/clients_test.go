package engineio

// The tests' clients, which speak the protocol byte for byte: one polls, one is on WebSocket.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

// A pollClient is a client on the polling transport.
type pollClient struct {
	*host
	sid    string
	params string
}

// openPoll opens a session by polling.
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

// poll polls once and returns the body of the answer.
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

// startPoll begins a poll and returns when the server has it.
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

// dial opens a WebSocket connection, and expects nothing on it.
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
	if r == nil { // otherwise it holds what came right behind the handshake's answer
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

// wantEnd reads up to the close frame, checks its code, answers it, and waits for the connection's end. Code 0 stands
// for a close frame without a code.
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

// write sends a frame. A connection that has ended shows in what is read.
func (c *wsClient) write(op ws.OpCode, payload string) { _ = c.tryWrite(op, payload) }

func (c *wsClient) send(payload string) { c.write(ws.OpText, payload) }

// openRaw is openWS with headers that the WebSocket library does not let a program set.
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

// rawUpgrade makes a WebSocket handshake and reads its answer. The headers given replace the usual ones; an empty value
// removes one.
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
