package engineio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
	"github.com/gobwas/ws"
)

// A wsConn is a WebSocket connection: a session's transport, or a probe that may become one. A loop reads it, or a
// goroutine of its own, until it ends; the session's queue is what writes it.
type wsConn struct {
	conn    net.Conn          // nil where there is a socket
	sock    *socket           // nil where reading and writing may wait, as with TLS
	deflate *wsframe.Deflater // nil where permessage-deflate has not been agreed upon
	session *Session
	frames  wsframe.Reader
	expiry  *time.Timer // of a probe
	probing atomic.Bool // not the session's transport yet
	closed  atomic.Bool

	over bool // of who reads: nothing more counts
}

// IsUpgrade reports whether r asks for another protocol on its connection (RFC 9110, section 7.8).
func IsUpgrade(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" && plainhttp.HasToken(r.Header.Values("Connection"), "upgrade")
}

// checkWebSocket checks a WebSocket handshake (RFC 6455, section 4.2.1) and answers one that fails, in the words of the
// ws package that Node's server uses.
func checkWebSocket(w http.ResponseWriter, r *http.Request) bool {
	version := r.Header.Get("Sec-WebSocket-Version")
	switch {
	case r.Method != http.MethodGet:
		refuseUpgrade(w, http.StatusMethodNotAllowed, "Invalid HTTP method")
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		refuseUpgrade(w, http.StatusBadRequest, "Invalid Upgrade header")
	case !wsframe.ValidKey(r.Header.Get("Sec-WebSocket-Key")):
		refuseUpgrade(w, http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Key header")
	case version != "13" && version != "8":
		w.Header().Set("Sec-WebSocket-Version", "13, 8")
		refuseUpgrade(w, http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Version header")
	default:
		return true
	}
	return false
}

// acceptWebSocket takes the connection over from net/http and returns it with the bytes that accept the handshake, which
// are still to be written, and those that the client has sent already.
func (srv *Server) acceptWebSocket(w http.ResponseWriter, r *http.Request) (c *wsConn, answer, early []byte, err error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // the HTTP server's limits end here
		_ = conn.Close()
		return nil, nil, nil, err
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		_, _ = io.ReadFull(buffered.Reader, early) // it is in memory
	}
	c = srv.newWSConn()
	c.conn = conn

	answer = wsframe.AppendAccept(answer, r.Header.Get("Sec-WebSocket-Key"))
	if offered := r.Header.Get("Sec-WebSocket-Protocol"); offered != "" {
		first, _, _ := strings.Cut(offered, ",")
		answer = plainhttp.AppendField(answer, "Sec-WebSocket-Protocol", strings.TrimSpace(first))
	}
	if agreed := srv.deflater.Negotiate(r.Header.Values("Sec-WebSocket-Extensions")); agreed != "" {
		c.deflate, c.frames.Deflate = srv.deflater, true
		answer = plainhttp.AppendField(answer, "Sec-WebSocket-Extensions", agreed)
	}
	if srv.opts.CORS != nil {
		srv.opts.CORS.Handle(w, r)
	}
	answer = plainhttp.AppendHeader(answer, w.Header()) // those, and what middleware has set
	return c, append(answer, "\r\n"...), early, nil
}

func (srv *Server) newWSConn() *wsConn {
	c := new(wsConn)
	c.frames = wsframe.Reader{Sink: c, Limit: srv.opts.MaxHTTPBufferSize}
	return c
}

// serve has the connection read from now on. early are bytes that came with the handshake.
func (c *wsConn) serve(early []byte) {
	if c.sock == nil {
		go c.read(early)
		return
	}
	c.received(early)
	c.sock.join()
}

// takeSocket puts the connection on one of the server's loops, where it is one for that.
func (c *wsConn) takeSocket() {
	if c.sock = newSocket(c.conn, &c.session.flusher.loop, c); c.sock != nil {
		c.conn = nil
	}
}

// close ends the connection as it is; its reader ends over that.
func (c *wsConn) close() {
	switch {
	case c.closed.Swap(true):
	case c.sock != nil:
		c.sock.cut()
	default:
		go c.conn.Close() // TLS says goodbye, and waits where the client reads nothing
	}
}

// closeAfter gives the client so much time to end the connection.
func (c *wsConn) closeAfter(d time.Duration) { time.AfterFunc(d, c.close) }

// hangUp ends the writing, which the client takes for the end; the reader then waits for the client's. Where the
// connection cannot be ended by halves it is closed.
func (c *wsConn) hangUp() {
	if c.sock != nil {
		c.sock.hangUp()
	} else if half, ok := c.conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		c.close()
	}
}

// writeAll writes b, waiting for the client as long as it takes.
func (c *wsConn) writeAll(b []byte) error {
	if c.sock != nil {
		return c.sock.writeAll(b)
	}
	_, err := c.conn.Write(b)
	return err
}

// read reads the connection to its end, where no loop does.
func (c *wsConn) read(early []byte) {
	defer c.gone()
	c.received(early)
	buf := make([]byte, 4<<10)
	for {
		if !c.probing.Load() {
			c.session.awaitResume(context.Background())
		}
		n, err := c.conn.Read(buf)
		c.received(buf[:n])
		if err != nil {
			return
		}
	}
}

func (c *wsConn) paused() bool { return !c.probing.Load() && c.session.holdBack() }

func (c *wsConn) woken() {}

// received takes the bytes that come. Those of a connection that is over are read as well: one closed with bytes unread
// is reset, and the close frame lost.
func (c *wsConn) received(b []byte) {
	if c.over || len(b) == 0 {
		return
	}
	c.session.flusher.traffic.bytesReceived.Add(int64(len(b)))
	if err := c.frames.Feed(b); err != nil {
		c.over = true
		c.breach(err)
		c.closeAfter(breachTimeout)
	}
}

// breachTimeout is how long a client that is being hung up on may take to read why, and to end the connection.
const breachTimeout = 2 * time.Second

// errOver ends the reading of a connection that has said all it may.
var errOver = errors.New("engineio: connection is over")

// breach deals with a client that broke the rules of RFC 6455.
func (c *wsConn) breach(err error) {
	switch {
	case err == errOver:
	case c.probing.Load():
		c.closeProbe(wsframe.CloseCode(err))
	default:
		c.session.fail(ReasonTransportError, closeFrame(wsframe.CloseCode(err)), true)
	}
}

// gone is the end of the reading.
func (c *wsConn) gone() {
	c.close()
	if c.expiry != nil {
		c.expiry.Stop()
	}
	if c.probing.Load() {
		c.session.dropProbe(c)
		return
	}
	c.session.cut(ReasonTransportClose)
	c.session.srv.lingered(c.session)
}

// Message gets what the client sends. A session that is over takes no more notice of it, but the connection is still
// read, for the client's close frame.
func (c *wsConn) Message(data []byte, binary bool) error {
	if c.probing.Load() {
		return c.session.probeMessage(c, data, binary)
	}
	if binary {
		c.session.receive(packet{kind: packetMessage, binary: true, data: data})
	} else if p, ok := decodePacket(data); ok {
		c.session.receive(p)
	} else {
		c.session.fail(ReasonParseError, closeFrame(0), false)
	}
	return nil
}

// Control answers pings and the closing handshake.
func (c *wsConn) Control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		if c.probing.Load() {
			if !c.session.probedBy(c) { // closed meanwhile
				return errOver
			}
			return c.writeProbe(wsframe.Append(nil, ws.OpPong, payload))
		}
		c.session.sendControl(newControl(wsframe.Append(nil, ws.OpPong, payload)))
	case ws.OpClose:
		if _, err := wsframe.ParseClose(payload); err != nil {
			return err
		}
		if c.probing.Load() {
			if c.session.dropProbe(c) { // else this is the answer to ours
				_ = c.writeProbe(wsframe.Append(nil, ws.OpClose, payload))
			}
			c.close()
			return errOver
		}
		// The client's code and reason go back to it, then the server ends the connection (RFC 6455, section 7.1.1).
		c.session.closedByClient(newControl(wsframe.Append(nil, ws.OpClose, payload)))
		return errOver
	}
	return nil
}

// sendControl queues WebSocket bytes of this package's own.
func (s *Session) sendControl(m *Message) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.enqueue(m)
	if s.queued > s.srv.opts.MaxQueueBytes { // somebody sends pings and reads no pongs
		s.abandon(ReasonSlowClient)
		return
	}
	s.schedule()
}

// closedByClient ends a session whose client has sent a close frame. A client that answers ours is hung up on.
func (s *Session) closedByClient(echo *Message) {
	s.mu.Lock()
	closed, listens, conn := s.state == stateClosed, s.listens, s.ws
	s.mu.Unlock()
	if listens { // it has been let go, and this is its answer
		s.cut(ReasonShutdown)
		return
	}
	if closed {
		conn.close()
		return
	}
	s.fail(ReasonTransportClose, echo, true)
}
