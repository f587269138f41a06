package client

// The heartbeat (Engine.IO protocol, "Heartbeat"): the server pings, the client answers, and ends the session where no
// ping comes. It is one timer a session.

import "time"

// startHeartbeat is called once, when the session opens. mu is held.
func (s *Session) startHeartbeat() {
	s.heartbeat = time.AfterFunc(s.patience(), s.beat)
	s.expiry = wall(s.patience())
}

// patience is how long the next ping may take.
func (s *Session) patience() time.Duration { return s.handshake.PingInterval + s.handshake.PingTimeout }

// wall is the time in d from now by the wall clock.
func wall(d time.Duration) time.Time { return time.Now().Round(0).Add(d) }

// resetHeartbeat begins the wait for the next ping. mu is held.
func (s *Session) resetHeartbeat() {
	if s.heartbeat == nil || s.phase == phaseClosed {
		return
	}
	s.heartbeat.Reset(s.patience())
	s.expiry = wall(s.patience())
}

// beat is what the timer does.
func (s *Session) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase == phaseClosed:
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
func (s *Session) beatPaused() {
	if s.heartbeat != nil && s.phase != phaseClosed {
		s.heartbeat.Reset(min(s.handshake.PingInterval, s.handshake.PingTimeout) / 2)
	}
}

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

// expired reports whether the next ping is overdue, and ends the session if so: the timer does not count the time for
// which the system has slept. mu is held.
func (s *Session) expired() bool {
	if s.paused || !time.Now().Round(0).After(s.expiry) {
		return false
	}
	s.end(ReasonPingTimeout, nil)
	return true
}
