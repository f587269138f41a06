package engineio

// The heartbeat (Engine.IO protocol, "Heartbeat"): the server pings, the client answers. In revision 3 it is the client
// that pings, so its session always awaits a beat. It is one timeout a session, which also bounds how long a client may
// take to leave.

import (
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/timeouts"
)

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
	s.heartbeat = &timeouts.Timeout[*Session]{Of: s}
	s.setTimeout(first)
}

// setTimeout sets the timeout, and forgets what it was set to before. mu is held.
func (s *Session) setTimeout(d time.Duration) { s.srv.beats.Start(s.heartbeat, d) }

// stopTimeout stops it. mu is held.
func (s *Session) stopTimeout() { s.srv.beats.Stop(s.heartbeat) }

// due is what the timeout does.
func (s *Session) due(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.srv.beats.Running(s.heartbeat) { // else it was on its way when it was set again
		s.beat(late)
	}
}

// beat is a ping when the interval is over, the end when no pong came, and the end of the wait for a client that takes
// too long to leave. mu is held.
func (s *Session) beat(late time.Duration) {
	switch {
	case s.phase != phaseOpen:
		s.end(endCut, s.reason)
	case s.polling != nil && s.polling.awaited:
		if !s.polling.returned {
			s.miss(endCut, late)
			return
		}
		s.polling.awaited = false
		s.setTimeout(s.firstBeat() - s.srv.returnTimeout())
	case s.revision == revision3 && s.pauses > 0: // its beat may wait behind what is not being read
		s.setTimeout(s.beatTimeout())
	case s.revision != revision3 && (!s.awaitsBeat || s.pauses > 0):
		// While the session is paused the pong may wait behind what is not being read. The client still wants its
		// pings, and a write is what shows that it is gone.
		s.awaitsBeat = true
		s.setTimeout(s.beatTimeout())
		s.enqueue(pingPacket)
		s.tellQueued(pingPacket)
		s.transport.wake()
	default:
		s.miss(endFail, late)
	}
}

// miss ends a session whose client has said nothing in its time. If this process has slept, the client may have said
// something that has not been read, and has a second time. mu is held.
func (s *Session) miss(how ending, late time.Duration) {
	if late < timeouts.Nap || s.excused {
		s.end(how, ReasonPingTimeout)
		return
	}
	s.excused = true
	s.setTimeout(s.beatTimeout())
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
		s.awaitsBeat, s.excused = s.revision == revision3, false
		s.setTimeout(s.firstBeat())
	}
	if s.revision == revision3 {
		s.answer(pongPacket)
	} else {
		s.spend(0)
	}
}
