package engineio

// The heartbeat (Engine.IO protocol, "Heartbeat"): the server pings, the client answers. It is one timer a session,
// which also bounds how long a client may take to leave.

import "time"

// minReturnTimeout is how long the client of a polling handshake may take for its next request, at least.
const minReturnTimeout = 10 * time.Second

// returnTimeout is how long it may take: as long as for the answer to a ping. Who has made a handshake polls at once,
// and one that does not costs as much as one that stays.
func (srv *Server) returnTimeout() time.Duration { return max(srv.opts.PingTimeout, minReturnTimeout) }

// startHeartbeat is called once. mu is held.
func (s *Session) startHeartbeat() {
	first := s.srv.opts.PingInterval
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
		s.heartbeat.Reset(s.srv.opts.PingInterval - s.srv.returnTimeout())
	case !s.awaitsPong:
		s.awaitsPong = true
		s.heartbeat.Reset(s.srv.opts.PingTimeout)
		s.enqueue(pingPacket)
		s.transport.wake()
	case s.pauses > 0: // the pong may wait behind what is not being read
		s.heartbeat.Reset(s.srv.opts.PingTimeout)
	default:
		s.end(endFail, ReasonPingTimeout)
	}
}

// pong begins the next interval.
func (s *Session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spend(0)
	if s.phase == phaseOpen {
		s.awaitsPong = false
		s.heartbeat.Reset(s.srv.opts.PingInterval)
	}
}

// giveUpIn gives the client of a session that is ending so much time to leave. mu is held.
func (s *Session) giveUpIn(d time.Duration) {
	s.cutAt = s.srv.clock() + d
	s.heartbeat.Reset(d)
}
