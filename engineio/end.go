package engineio

// The end of a session. There is one function that ends it, end, and the table of the ways in which it may; see
// ARCHITECTURE.md for the diagram.

import "time"

const (
	// closeTimeout is how long a client may take to answer a goodbye, or to fetch it by polling, before it is cut.
	// Node.js's figure for both transports.
	closeTimeout = 30 * time.Second
	// answerTimeout is how long the client of a server that ends may take over each step: for its handler to finish, to
	// poll, and to answer the goodbye once that is written. One that is there does so at once.
	answerTimeout = 3 * time.Second
	// lastPostTimeout is how long after its close packet a polling client of a server that drains is still heard: it
	// may have sent a POST before it had that packet, and nothing tells when it has it.
	lastPostTimeout = time.Second
	// breachTimeout is how long a client that is being hung up on may take to read why, and to end the connection.
	breachTimeout = 2 * time.Second
)

// A Reason says why a session ended, in the words that Socket.IO's users know.
type Reason string

const (
	ReasonTransportClose Reason = "transport close"      // the client closed the connection, or it broke
	ReasonTransportError Reason = "transport error"      // the client broke the transport's rules
	ReasonPingTimeout    Reason = "ping timeout"         // a ping went unanswered
	ReasonParseError     Reason = "parse error"          // the client sent what is no packet
	ReasonForcedClose    Reason = "forced close"         // the server closed it
	ReasonSlowClient     Reason = "slow client"          // it did not read, see Options.MaxQueueBytes and WriteTimeout
	ReasonShutdown       Reason = "server shutting down" // Server.Shutdown or Server.Drain
)

// A phase of a session's life. It only ever goes on to a later one.
type phase uint8

const (
	phaseOpen    phase = iota
	phaseClosing       // nothing new is queued; the client has yet to come for the goodbye, or to answer it
	phaseClosed        // OnClose has been called, or is about to be; the connection may linger over the goodbye
)

// An ending is a way in which a session ends.
type ending uint8

const (
	endClose    ending = iota // the program closes it
	endShutdown               // Shutdown closes it
	endDrain                  // Drain lets its client go
	endFail                   // the client broke the rules, fell silent, or said goodbye itself
	endCut                    // nothing can be said to the client any more, or there is no time for it
)

// endings says what each way of ending does.
var endings = [...]struct {
	writes   bool          // what is queued is still written, and a goodbye behind it; else it is dropped
	waits    bool          // also for a client that does not take it now; else such a client is cut
	hears    bool          // what the client sends counts until it has answered the goodbye
	patience time.Duration // how long a client may take until the goodbye can be said: to poll
}{
	endClose:    {writes: true, waits: true, patience: closeTimeout},
	endShutdown: {writes: true, waits: true, patience: answerTimeout},
	endDrain:    {writes: true, waits: true, hears: true, patience: answerTimeout},
	endFail:     {writes: true},
	endCut:      {},
}

// end ends the session, in one of the ways of the table. Whoever comes second only matters if it cuts. mu is held; end
// does not wait, and OnClose is called by another goroutine.
func (s *Session) end(how ending, reason Reason) { s.endWith(how, reason, lastWords{}) }

// endWith is end with particular last words to the client.
func (s *Session) endWith(how ending, reason Reason, last lastWords) {
	e := &endings[how]
	switch {
	case !e.writes:
		s.cut(reason)
		return
	case s.phase != phaseOpen:
		return
	case !e.waits && !s.transport.reads():
		s.cut(reason)
		return
	}
	s.phase, s.reason, s.stillHeard = phaseClosing, reason, e.hears
	if e.waits {
		s.setTimeout(min(e.patience, s.srv.closeTimeout))
	}
	if !e.hears {
		s.stopHearing()
	}
	s.sayGoodbye(last)
}

// fail is end for what a client did or did not do, where mu is not held.
func (s *Session) fail(reason Reason) { s.lockAndEnd(endFail, reason) }

// lockAndEnd is end where mu is not held.
func (s *Session) lockAndEnd(how ending, reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(how, reason)
}

// stopHearing ends what waits for a client to say more, or for a pause to end before it is heard. mu is held.
func (s *Session) stopHearing() {
	if s.polling != nil {
		s.polling.stopPost()
	}
	s.resumeReading()
}

// sayGoodbye has the transport closed behind what is queued, if the client can have it now; else its transport calls
// again. mu is held, and the session is closing.
func (s *Session) sayGoodbye(last lastWords) {
	if !s.transport.goodbye(last) {
		return
	}
	s.setTimeout(s.srv.closeTimeout)
	switch {
	case s.stillHeard && s.transport.answersGoodbye():
		return // the answer ends it
	case s.stillHeard:
		time.AfterFunc(lastPostTimeout, s.over)
	default:
		go s.over()
	}
	s.phase = phaseClosed
	s.srv.lingers(s)
}

// goodbyeWritten shortens the wait for the client of a server that ends: nothing but its answer is due. mu is held.
func (s *Session) goodbyeWritten() {
	if s.reason == ReasonShutdown {
		s.setTimeout(min(answerTimeout, s.srv.closeTimeout))
	}
}

// hurry shortens the wait for a client that is leaving for another reason than the server's end, which has come.
func (s *Session) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := min(answerTimeout, s.srv.closeTimeout)
	if s.phase != phaseOpen && s.reason != ReasonShutdown && s.srv.beats.Left(s.heartbeat) > limit {
		s.setTimeout(limit)
	}
}

// cut ends the session at once: what is queued is lost, a waiting poll is told, a connection is closed as it is. mu is
// held.
func (s *Session) cut(reason Reason) {
	if s.phase == phaseOpen {
		s.reason = reason
	}
	first := s.phase != phaseClosed
	s.phase, s.stillHeard = phaseClosed, false
	s.stopTimeout()
	clear(s.queue)
	s.queue = nil
	if p := s.polling; p != nil && p.answering != nil {
		p.answering.size = 0
	}
	s.account(-s.queued)
	s.transport.cut()
	if p := s.polling; p != nil && s.transport != transport(p) {
		p.cut() // an answer may still be under way behind an upgrade
	}
	s.resumeReading()
	if first {
		s.srv.remove(s) // its next request finds nothing
		go s.over()     // the caller may hold locks, of its own too
	}
}

// over takes leave of the registry and the handler. It is called once, with no lock held.
func (s *Session) over() {
	s.srv.remove(s)
	s.srv.door.Leave(s.guest)
	s.mu.Lock()
	s.told, s.stillHeard = true, false
	s.stopWaiting()
	s.resumeReading() // a last POST may wait for its handler
	handler, reason := s.handler, s.reason
	var probe *stream
	if s.polling != nil {
		probe = s.polling.probe
	}
	s.mu.Unlock()
	if probe != nil {
		probe.closeProbe(nil)
	}
	s.srv.turnover.count(reason)
	if reason == ReasonSlowClient {
		s.reportSlow()
	}
	if handler != nil {
		handler.OnClose(reason)
	}
	s.tellClose(reason)
	s.srv.forget()
}
