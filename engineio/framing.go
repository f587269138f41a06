package engineio

// The door for transports of other packages: whatever brings a connection, and says how packets stand on it, is a
// transport.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// A Framing puts packets on a connection and takes them off again: it is what a transport of another package brings,
// beside the connections; see Server.ServeStream. Its methods are called from many goroutines at once.
type Framing interface {
	// Name is the transport's name in Options.Transports, in the handshake's list of upgrades, and of
	// Session.Transport.
	Name() string
	// AppendPacket appends a packet to b as it stands on the connection. A text packet begins with its type, a binary
	// one is the data of a message (Engine.IO protocol, "Packet encoding").
	AppendPacket(b, packet []byte, binary bool) []byte
	// NewDecoder returns the decoder of one connection. A packet of more than limit bytes is an error.
	NewDecoder(limit int) Decoder
}

// A Decoder takes the bytes of one connection apart into packets.
type Decoder interface {
	// Decode takes bytes as they come and calls packet with each packet that is whole. data belongs to packet. An error
	// of packet ends the decoding and is returned as it is. After any error Decode is not called again.
	Decode(b []byte, packet func(data []byte, binary bool) error) error
}

// ServeStream serves the client of a connection whose packets stand in that framing. As with Node.js's WebTransport its
// first packet is "0", which opens a session, or `0{"sid":"…"}`, which upgrades one that polls; it has
// Options.UpgradeTimeout for it. r is the request that the connection came with, for AllowRequest and the handshake.
//
// ServeStream takes conn over and returns when the first packet has been dealt with, while the session goes on. After
// an error conn is closed: where Options do not have the transport, or the client is refused or says something else.
func (srv *Server) ServeStream(conn net.Conn, f Framing, r *http.Request) error {
	c := &framed{by: f, decoder: f.NewDecoder(srv.opts.MaxHTTPBufferSize)}
	c.framing, c.form = c, &form{framing: f}
	c.take = func(data []byte, binary bool) error {
		if c.session == nil {
			return c.begin(srv, conn, r, data, binary)
		}
		return c.packet(data, binary)
	}
	err := srv.allowStream(f, r)
	if err == nil {
		err = c.readFirst(conn, srv.opts.UpgradeTimeout)
	}
	if err != nil {
		_ = conn.Close()
		return fmt.Errorf("engineio: %s: %w", f.Name(), err)
	}
	c.conn.Start()
	return nil
}

// allowStream makes the checks of a handshake (Server.verify) that matter here.
func (srv *Server) allowStream(f Framing, r *http.Request) error {
	var refused *refusal
	switch {
	case !srv.opts.CORS.admits(r, srv.opts.CORS.allows(r.Header.Get("Origin"))):
		refused = refuseOrigin(r.Header.Get("Origin"))
	case !srv.opts.allows(f.Name()):
		refused = refuse(UnknownTransport).about(ErrorContext{Transport: f.Name()})
	default:
		refused = srv.refuseWhenClosing()
	}
	if refused == nil {
		return nil
	}
	srv.connectionError(r, refused)
	return errors.New(refused.message)
}

// A framed is a stream with packets in the framing of another package.
type framed struct {
	stream
	by      Framing
	decoder Decoder
	take    func(data []byte, binary bool) error
}

// readFirst reads until the first packet has been dealt with. There is no error once the stream has a session.
func (c *framed) readFirst(conn net.Conn, timeout time.Duration) error {
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	buf := make([]byte, 1<<10)
	for c.session == nil {
		n, err := conn.Read(buf)
		if n > 0 {
			if err := c.feed(buf[:n]); err != nil && c.session == nil {
				return err
			} else if err != nil { // what came behind the first packet was wrong
				c.giveUp(err)
				return nil
			}
		}
		if err != nil && c.session == nil {
			return err
		}
	}
	return nil
}

var (
	errFirstPacket = errors.New("the first packet does not open or upgrade a session")
	errNoUse       = errors.New("the session cannot be upgraded")
)

// begin opens a session, or makes the stream the probe of one, as the first packet asks.
func (c *framed) begin(srv *Server, conn net.Conn, r *http.Request, data []byte, binary bool) error {
	p, ok := decodePacket(data)
	if binary || !ok || p.kind != packetOpen {
		return errFirstPacket
	}
	if len(p.data) == 0 {
		id, guest, err := srv.admitStream(r)
		if err != nil {
			return err
		}
		c.attach(srv.newSession(id, &query{revision: "4"}, newOpening(r), guest, srv.nextFlusher()), conn)
		srv.openOn(&c.stream, nil)
		return nil
	}
	var asked struct {
		SID string `json:"sid"`
	}
	if json.Unmarshal(p.data, &asked) != nil {
		return errFirstPacket
	}
	s := srv.session(asked.SID)
	if s == nil {
		return errors.New(UnknownSID.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.takesProbe() {
		return errNoUse
	}
	c.attach(s, conn)
	s.beginProbe(&c.stream)
	return nil
}

// attach puts the stream on its connection.
func (c *framed) attach(s *Session, conn net.Conn) {
	_ = conn.SetReadDeadline(time.Time{})
	c.session = s
	c.conn = netloop.New(conn, &s.flusher.loop, c)
}

func (c *framed) name() string                { return c.by.Name() }
func (c *framed) feed(b []byte) error         { return c.decoder.Decode(b, c.take) }
func (c *framed) encode(packet string) []byte { return c.by.AppendPacket(nil, []byte(packet), false) }
func (c *framed) closing(error) *Message      { return nil }
func (c *framed) answersClosing() bool        { return false }
