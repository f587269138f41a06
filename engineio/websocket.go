package engineio

// The WebSocket transport (RFC 6455): a stream of frames.

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A webSocket is a stream framed as WebSocket.
type webSocket struct {
	stream
	frames wsframe.Reader
}

// newWebSocket returns the transport of s on a connection; see attach.
func newWebSocket(s *Session, q query) *webSocket {
	c := new(webSocket)
	c.form = s.webSocketForm(q)
	c.session, c.framing = s, c
	c.frames = wsframe.Reader{Sink: c, Limit: s.srv.opts.MaxHTTPBufferSize}
	return c
}

func (c *webSocket) name() string        { return transportWebSocket }
func (c *webSocket) feed(b []byte) error { return c.frames.Feed(b) }
func (c *webSocket) encode(packet string) []byte {
	return wsframe.Append(nil, ws.OpText, []byte(packet))
}
func (c *webSocket) answersClosing() bool { return true }

func (c *webSocket) closing(over error) *Message {
	if over == nil {
		return emptyCloseFrame
	}
	return newControl(wsframe.AppendClose(nil, wsframe.CloseCode(over)))
}

var emptyCloseFrame = newControl(wsframe.AppendClose(nil, 0))

// Message gets what the client sends.
func (c *webSocket) Message(data []byte, binary bool) error { return c.packet(data, binary) }

// Control answers pings and the closing handshake.
func (c *webSocket) Control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		pong := wsframe.Append(nil, ws.OpPong, payload)
		if c.probing.Load() {
			return c.writeProbe(pong)
		}
		c.session.sendOwn(newControl(pong))
	case ws.OpClose:
		if _, err := wsframe.ParseClose(payload); err != nil {
			return err
		}
		// The client's code and reason go back to it, then the server ends the connection (RFC 6455, section 7.1.1).
		answer := wsframe.Append(nil, ws.OpClose, payload)
		if c.probing.Load() {
			c.leaveProbe(answer)
		} else {
			c.closedByClient(newControl(answer))
		}
		return errOver
	}
	return nil
}

// IsUpgrade reports whether r asks for another protocol on its connection (RFC 9110, section 7.8).
func IsUpgrade(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" && plainhttp.HasToken(r.Header.Values("Connection"), "upgrade")
}

// checkWebSocket checks a WebSocket handshake (RFC 6455, section 4.2.1) and answers one that fails, in the words of the
// ws package that Node.js's server uses.
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

// A takenConn is a connection taken over from net/http by a WebSocket handshake.
type takenConn struct {
	net.Conn
	srv    *Server
	early  []byte            // what the client has sent already
	answer []byte            // accepts the handshake; still to be written
	agreed wsframe.Agreement // upon permessage-deflate
}

// acceptWebSocket takes the connection of a handshake over from net/http.
func (srv *Server) acceptWebSocket(w http.ResponseWriter, r *http.Request, q query) (*takenConn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // the HTTP server's limits end here
		_ = conn.Close()
		return nil, err
	}
	c := &takenConn{Conn: conn, srv: srv}
	if n := buffered.Reader.Buffered(); n > 0 {
		c.early = make([]byte, n)
		_, _ = io.ReadFull(buffered.Reader, c.early) // it is in memory
	}
	answer := wsframe.AppendAccept(nil, r.Header.Get("Sec-WebSocket-Key"))
	if offered := r.Header.Get("Sec-WebSocket-Protocol"); offered != "" {
		first, _, _ := strings.Cut(offered, ",")
		answer = plainhttp.AppendField(answer, "Sec-WebSocket-Protocol", strings.TrimSpace(first))
	}
	c.agreed = srv.negotiate(r.Header.Values("Sec-WebSocket-Extensions"), q)
	if c.agreed.Deflates() {
		answer = plainhttp.AppendField(answer, "Sec-WebSocket-Extensions", c.agreed.Answer)
	}
	answer = plainhttp.AppendHeader(answer, w.Header()) // those, and what middleware has set
	c.answer = append(answer, "\r\n"...)
	return c, nil
}

// attach puts c on a connection that net/http has let go.
func (c *webSocket) attach(conn *takenConn) {
	c.agree(conn.agreed)
	c.conn = netloop.New(conn.Conn, &c.session.flusher.loop, c)
}

// reject closes a connection that nobody wants, with an empty close frame.
func (c *takenConn) reject() {
	defer c.Close()
	c.srv.endContext(c.agreed.TakesOver())
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write(emptyCloseFrame.frames); err != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	var b [64]byte
	for { // until the client has had it
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}
