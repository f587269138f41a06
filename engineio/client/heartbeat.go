package client

// The heartbeat (Engine.IO protocol, "Heartbeat"): the server pings, the client answers, and ends the session where no
// ping comes. It is one timer a session.

import "time"

// startHeartbeat is called once, when the session opens. mu is held.
func (s *Session) startHeartbeat() {
	s.expiry = time.Now().Add(s.patience())
	s.heartbeat = time.AfterFunc(s.patience(), s.beat)
}

// patience is how long the next ping may take.
func (s *Session) patience() time.Duration { return s.handshake.PingInterval + s.handshake.PingTimeout }

// resetHeartbeat begins the wait for the next ping. mu is held.
func (s *Session) resetHeartbeat() { s.beatIn(s.patience()) }

// beatIn sets the timer anew. mu is held.
func (s *Session) beatIn(d time.Duration) {
	if s.heartbeat == nil || s.phase == phaseClosed {
		return
	}
	s.expiry = time.Now().Add(d) // no later than the timer
	s.heartbeat.Reset(d)
}

// beat is what the timer does.
func (s *Session) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase == phaseClosed || time.Now().Before(s.expiry): // over, or set anew while this waited for mu
	case s.paused:
		// A ping may wait behind what is not being read. An answer that the server has not asked for counts as well: it
		// begins its next interval.
		s.sendPong()
		s.beatPaused()
	default:
		s.end(ReasonPingTimeout, nil)
	}
}

// beatPaused sets the timer so that the server has an answer in time to whatever it has sent. mu is held.
func (s *Session) beatPaused() { s.beatIn(min(s.handshake.PingInterval, s.handshake.PingTimeout) / 2) }

// ping answers a ping of the server's.
func (s *Session) ping() {
	s.mu.Lock()
	if s.phase == phaseOpen || s.phase == phaseClosing {
		s.sendPong()
		if !s.paused {
			s.resetHeartbeat()
		}
	}
	s.mu.Unlock()
	if f := s.endpoint.opts.OnPing; f != nil {
		f(s)
	}
}

func (s *Session) sendPong() {
	s.push(packet{kind: packetPong, noCompress: true})
	s.transport.flush()
}

// expired reports whether the next ping is overdue by the wall clock, and ends the session if so: the timer does not
// count the time for which the system has slept. mu is held.
func (s *Session) expired() bool {
	if s.paused || !time.Now().Round(0).After(s.expiry.Round(0)) {
		return false
	}
	s.end(ReasonPingTimeout, nil)
	return true
}
