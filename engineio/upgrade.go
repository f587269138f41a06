package engineio

// An upgrade moves a polling session to a stream (Engine.IO protocol, "Upgrade"): the client probes a new connection
// with "2probe", the server answers "3probe" and ends the polls, the client ends its polling and says "5". From then on
// the queue goes to the new connection, so nothing is lost or overtaken.

import "time"

const (
	probePing = "2probe"
	probePong = "3probe"
	// pollWhileProbed bounds how long a poll may still wait when the client is about to leave polling. Node.js looks
	// every 100 ms too.
	pollWhileProbed = 100 * time.Millisecond
	// probeEndTimeout is how long the client of a probe that is being closed may take to end the connection.
	probeEndTimeout = time.Second
)

// takesProbe reports whether the session has use for a probe. mu is held.
func (s *Session) takesProbe() bool {
	return !s.srv.opts.NoUpgrades && s.phase == phaseOpen && s.isPolling() && s.polling.probe == nil
}

// beginProbe makes c, which has its connection, the session's probe for as long as an upgrade may take. mu is held.
func (s *Session) beginProbe(c *stream) {
	s.polling.returned = true
	c.probing.Store(true)
	c.expiry = time.AfterFunc(s.srv.opts.UpgradeTimeout, func() { c.closeProbe(nil) })
	s.polling.probe = c
}

// probePacket deals with what a client sends on a probe.
func (c *stream) probePacket(data []byte, binary bool) error {
	s := c.session
	switch {
	case !s.isProbe(c): // closed meanwhile
		return errOver
	case !binary && string(data) == probePing:
		if err := c.writeProbe(c.framing.encode(probePong)); err != nil {
			return err
		}
		s.probeAnswered(c)
		s.tellUpgrade(c.name(), false)
		return nil
	case !binary && len(data) > 0 && packetType(data[0]) == packetUpgrade && s.upgrade(c):
		s.tellUpgrade(c.name(), true)
		return nil
	}
	c.closeProbe(nil)
	return errOver
}

func (s *Session) isProbe(c *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polling.probe == c
}

// probeAnswered has the polls end, so that the client can leave polling.
func (s *Session) probeAnswered(c *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polling.probe == c { // and not timed out meanwhile
		s.polling.probed = true
		s.polling.release()
	}
}

// upgrade makes c the session's transport; it reports false where the session has ended meanwhile.
func (s *Session) upgrade(c *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polling.probe != c || s.phase == phaseClosed {
		return false
	}
	s.polling.leave()
	s.transport = c
	c.probing.Store(false)
	s.srv.upgrades.Add(1)
	if s.phase == phaseClosing { // the rest goes this way, and the goodbye
		s.sayGoodbye(lastWords{})
	} else if len(s.queue) > 0 {
		c.wake()
	}
	return true
}

// dropProbe forgets a probe that has come to nothing; the session goes on polling. It reports false where c is no probe
// of the session, or no longer. mu is held.
func (s *Session) dropProbe(c *stream) bool {
	if s.polling.probe != c {
		return false
	}
	s.polling.probe, s.polling.probed = nil, false
	return true
}

// endProbe is dropProbe where mu is not held.
func (c *stream) endProbe() bool {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.dropProbe(c)
}

// closeProbe ends a probe in the framing's words, over an error or without one, unless it has become the transport or
// has been ended already.
func (c *stream) closeProbe(over error) {
	if !c.endProbe() {
		return
	}
	var err error
	if m := c.framing.closing(over); m != nil {
		err = c.writeProbe(m.wire(c.form))
	}
	if err == nil {
		c.conn.CloseWrite()
	}
	c.closeIn(probeEndTimeout)
}

// leaveProbe ends a probe whose client has said goodbye. answer goes to the client unless that was its own answer.
func (c *stream) leaveProbe(answer []byte) {
	if c.endProbe() {
		_ = c.writeProbe(answer)
	}
	c.conn.Close()
}

// writeProbe writes to a probe. There is little to write, and a client that takes none of it is given up.
func (c *stream) writeProbe(b []byte) error {
	if n, err := c.conn.TryWrite(b); err != nil || n < len(b) {
		c.conn.Close()
		return errOver
	}
	c.session.flusher.traffic.sent(0, len(b))
	return nil
}
