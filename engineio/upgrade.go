package engineio

import (
	"encoding/binary"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
	"github.com/gobwas/ws"
)

// An upgrade moves a polling session to WebSocket (Engine.IO protocol, "Upgrade"): the client probes a new connection
// with "2probe", the server answers "3probe" and ends the polls, the client ends its polling and says "5". From then on
// the queue goes to the new connection, so nothing is lost or overtaken.

const (
	probePing = "2probe"
	// pollWhileProbed bounds how long a poll may still wait when the client is about to leave polling. Node looks every
	// 100 ms too.
	pollWhileProbed = 100 * time.Millisecond
)

var probePong = wsframe.Append(nil, ws.OpText, []byte("3probe"))

// serveUpgrade accepts a WebSocket connection for a session that polls. One that has no use for it gets it closed.
func (srv *Server) serveUpgrade(w http.ResponseWriter, r *http.Request, s *Session) {
	c, answer, early, err := srv.acceptWebSocket(w, r)
	if err != nil {
		refuse(BadRequest).writeJSON(w)
		return
	}
	if _, err := c.conn.Write(answer); err != nil {
		c.close()
		return
	}
	if s == nil {
		c.reject()
		return
	}
	c.session = s
	s.mu.Lock()
	taken := s.takesProbe()
	if taken {
		c.takeSocket()
		c.beginProbe()
	}
	s.mu.Unlock()
	if !taken {
		c.reject()
		return
	}
	c.serve(early)
}

// takesProbe reports whether the session has use for a probe. It is called with mu held.
func (s *Session) takesProbe() bool {
	return !s.srv.opts.NoUpgrades && s.ws == nil && s.probe == nil && s.state == stateOpen
}

// beginProbe makes c its session's probe, for as long as an upgrade may take. It is called with the session's mu held.
func (c *wsConn) beginProbe() {
	c.probing.Store(true)
	c.expiry = time.AfterFunc(c.session.srv.opts.UpgradeTimeout, func() { c.closeProbe(0) })
	c.session.probe = c
}

// reject closes a connection that nobody wants, with an empty close frame.
func (c *wsConn) reject() {
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.conn.Write(emptyCloseFrame.frames); err == nil {
		c.hangUp()
		var b [64]byte
		for err == nil { // until the client has had it
			_, err = c.conn.Read(b[:])
		}
	}
	c.close()
}

// probeMessage deals with what a client sends on a probe.
func (s *Session) probeMessage(c *wsConn, data []byte, isBinary bool) error {
	switch {
	case !s.probedBy(c): // closed meanwhile
		return errOver
	case !isBinary && string(data) == probePing:
		if err := c.writeProbe(probePong); err != nil {
			return err
		}
		s.mu.Lock()
		if s.probe == c { // and not timed out meanwhile
			s.probed = true
			s.releasePoll()
		}
		s.mu.Unlock()
		return nil
	case !isBinary && len(data) > 0 && packetType(data[0]) == packetUpgrade && s.upgrade(c):
		return nil
	}
	c.closeProbe(0)
	return errOver
}

// upgrade makes c the session's transport; it reports false where the session has ended meanwhile.
func (s *Session) upgrade(c *wsConn) bool {
	s.mu.Lock()
	if s.probe != c || s.state == stateClosed {
		s.mu.Unlock()
		return false
	}
	if p := s.poll; p != nil && s.probed { // it has come since, from a client that had left polling
		s.poll = nil
		p.give(nil)
	}
	s.releasePoll() // of a client that did not probe, which Node lets pass
	s.ws, s.probe, s.probed = c, nil, false
	c.probing.Store(false)
	s.srv.upgrades.Add(1)
	if p := s.answering; p != nil { // from here on the account is that of the connection's queue
		s.queued -= p.size
		p.size = 0
	}
	if s.state == stateDraining && s.listens {
		s.sayGoodbye()
		return true
	}
	if s.state == stateDraining { // closed while it was polling: the rest goes this way, and the goodbye
		s.linger(emptyCloseFrame, false)
		go s.over()
		return true
	}
	if len(s.queue) > 0 {
		s.schedule()
	} else {
		s.mu.Unlock()
	}
	return true
}

// releasePoll ends a waiting poll, with nothing to say. It is called with mu held.
func (s *Session) releasePoll() {
	if p := s.poll; p != nil {
		s.poll = nil
		p.give([]*Message{noopPacket})
	}
}

func (s *Session) probedBy(c *wsConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probe == c
}

// dropProbe forgets a probe that has come to nothing; the session goes on polling. It reports false where c is no probe
// of the session, or no longer.
func (s *Session) dropProbe(c *wsConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe != c {
		return false
	}
	s.probe, s.probed = nil, false
	return true
}

// closeProbe ends a probe with a close frame, unless it has become the transport or has been ended already. The client
// has a second to end the connection.
func (c *wsConn) closeProbe(code uint16) {
	if !c.session.dropProbe(c) {
		return
	}
	var payload []byte
	if code != 0 {
		payload = binary.BigEndian.AppendUint16(nil, code)
	}
	if c.writeProbe(wsframe.Append(nil, ws.OpClose, payload)) == nil {
		c.hangUp()
	}
	c.closeAfter(time.Second)
}

// writeProbe writes to a probe; there is little to write, and a client that takes none of it is given up on.
func (c *wsConn) writeProbe(b []byte) error {
	var n int
	var err error
	if c.sock != nil {
		n, err = c.sock.write(b)
	} else {
		_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, err = c.conn.Write(b)
		_ = c.conn.SetWriteDeadline(time.Time{})
	}
	if err != nil || n < len(b) {
		c.close()
		return errOver
	}
	c.session.flusher.traffic.sent(0, n)
	return nil
}
