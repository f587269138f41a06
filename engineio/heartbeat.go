package engineio

// The heartbeat (Engine.IO protocol, "Heartbeat"): the server pings, the client answers. In revision 3 it is the client
// that pings, so its session always awaits a beat. It is one timer a session, which also bounds how long a client may
// take to leave.

import "time"

// minReturnTimeout is how long the client of a polling handshake may take for its next request, at least.
const minReturnTimeout = 10 * time.Second

// returnTimeout is how long it may take: as long as for the answer to a ping. Who has made a handshake polls at once,
// and one that does not costs as much as one that stays.
func (srv *Server) returnTimeout() time.Duration { return max(srv.opts.PingTimeout, minReturnTimeout) }

// startHeartbeat is called once. mu is held.
func (s *Session) startHeartbeat() {
	s.awaitsBeat = s.revision == revision3
	first := s.firstBeat()
	if t := s.srv.returnTimeout(); s.polling != nil && t < first {
		s.polling.awaited, first = true, t
	}
	s.heartbeat = time.AfterFunc(first, s.beat)
}

// beat is what the timer does: a ping when the interval is over, the end when no pong came, and the end of the wait for
// a client that takes too long to leave.
func (s *Session) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase != phaseOpen && s.srv.clock() < s.cutAt:
		// It was on its way when the session began to end, which has set the timer again.
	case s.phase != phaseOpen:
		s.end(endCut, s.reason)
	case s.polling != nil && s.polling.awaited:
		s.polling.awaited = false
		if !s.polling.returned {
			s.end(endCut, ReasonPingTimeout)
			return
		}
		s.heartbeat.Reset(s.firstBeat() - s.srv.returnTimeout())
	case s.revision == revision3 && s.pauses > 0: // its beat may wait behind what is not being read
		s.heartbeat.Reset(s.beatTimeout())
	case s.revision != revision3 && (!s.awaitsBeat || s.pauses > 0):
		// While the session is paused the pong may wait behind what is not being read. The client still wants its
		// pings, and a write is what shows that it is gone.
		s.awaitsBeat = true
		s.heartbeat.Reset(s.beatTimeout())
		s.enqueue(pingPacket)
		s.tellQueued(pingPacket)
		s.transport.wake()
	default:
		s.end(endFail, ReasonPingTimeout)
	}
}

// firstBeat is when the timer is due first.
func (s *Session) firstBeat() time.Duration {
	if s.revision == revision3 {
		return s.beatTimeout()
	}
	return s.srv.opts.PingInterval
}

// beatTimeout is how long the client may take for a beat that is awaited.
func (s *Session) beatTimeout() time.Duration {
	if s.revision == revision3 {
		return s.srv.opts.PingInterval + s.srv.opts.PingTimeout
	}
	return s.srv.opts.PingTimeout
}

// heard takes the client's beat, which begins the next interval.
func (s *Session) heard() {
	s.beginInterval()
	s.tellHeartbeat()
}

func (s *Session) beginInterval() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == phaseOpen {
		s.awaitsBeat = s.revision == revision3
		s.heartbeat.Reset(s.firstBeat())
	}
	if s.revision == revision3 {
		s.answer(pongPacket)
	} else {
		s.spend(0)
	}
}

// giveUpIn gives the client of a session that is ending so much time to leave. mu is held.
func (s *Session) giveUpIn(d time.Duration) {
	s.cutAt = s.srv.clock() + d
	s.heartbeat.Reset(d)
}
