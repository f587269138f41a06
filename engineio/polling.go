package engineio

// HTTP long-polling (Engine.IO protocol, "HTTP long-polling"): a GET waits until there is something to send and takes
// it, up to maxAnswer, a POST brings what the client sends. There may be one of each at a time.
//
// What a GET or a POST does to its session is decided here, whichever way it came in: through net/http (http.go) or
// the fast listener (fastserve_linux.go), which read the request and write the answer.

import (
	"bytes"
	"net/http"
	"time"
)

// overtakenTimeout is how long a POST that ends the session waits for a poll. A client that polls always has one under
// way; where it ends the session at the same time, on another connection, the POST may have overtaken it.
const overtakenTimeout = 100 * time.Millisecond

// polling is the transport. Its fields are guarded by the session's mu.
type polling struct {
	session   *Session
	payloads  payloads
	poll      *poll         // the GET that waits for messages
	answering *poll         // the GET whose answer is being written, one at a time
	abortPost func()        // ends the reading of a POST's body, while that is still coming; may be nil
	overtaken chan struct{} // closed when a poll comes, or will not; made by who waits for it
	resumed   chan struct{} // closed when a POST may be read on; made by who waits for it
	probe     *stream       // a connection that may become the transport in this one's place
	posting   bool          // there is a POST
	probed    bool          // the probe has been answered, so polls are to end soon
	opened    bool          // by a GET, which is its first poll
	returned  bool          // the client has made another request since
	awaited   bool          // the heartbeat has yet to look whether it has
}

// A poll is a GET that waits.
type poll struct {
	waiter  waiter
	polling *polling // set by beginPoll
	batch   []*Message
	copied  []byte // the answer's body where it is a copy of the batch, which is then nil
	size    int    // of batch or copied, on the session's account until the answer is written
	late    bool   // it came when the session was closing already
}

// A waiter is a request that a poll came with. Its methods are called with the session's mu held.
type waiter interface {
	// answer is called once, when p has its batch: nil where the session is no longer polling. The waiter writes it and
	// calls polling.answered.
	answer(p *poll)
	// abort is called while the answer is being written: a client that does not read it within breachTimeout is hung up
	// on.
	abort(p *poll)
}

func (t *polling) name() string         { return transportPolling }
func (t *polling) congested() bool      { return t.poll == nil || t.answering != nil }
func (t *polling) reads() bool          { return !t.congested() && len(t.session.queue) == 0 }
func (t *polling) answersGoodbye() bool { return false }
func (t *polling) resumeReading()       {} // a POST waits in Session.awaitResume

// isPolling reports whether the session uses its polling transport. mu is held.
func (s *Session) isPolling() bool { return s.polling != nil && s.transport == transport(s.polling) }

// wake gives what is queued to the poll that waits, if there is one and the one before it has been answered: a client
// that reads no answers is not to get more of them.
func (t *polling) wake() {
	if p, s := t.poll, t.session; p != nil && len(s.queue) > 0 && t.answering == nil {
		t.answering = p
		var batch []*Message
		batch, p.size = s.takeSome(maxAnswer)
		t.give(batch)
	}
}

// underway is what stands on the session's account for an answer that is being written. mu is held.
func (t *polling) underway() int {
	if t == nil || t.answering == nil {
		return 0
	}
	return t.answering.size
}

// built notes what the answer to p takes until it is written.
func (t *polling) built(p *poll, body answerBody) {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if body.shared {
		return
	}
	p.batch, p.copied = nil, body.bytes
	if t.answering == p && s.phase != phaseClosed {
		s.account(len(body.bytes) - p.size)
		p.size = len(body.bytes)
	}
}

// give ends the wait of the poll with an answer.
func (t *polling) give(batch []*Message) {
	p := t.poll
	t.poll, p.batch = nil, batch
	p.waiter.answer(p)
}

// release ends the wait of a poll, if there is one, with nothing to say.
func (t *polling) release() {
	if t.poll != nil {
		t.give([]*Message{noopPacket})
	}
}

// goodbye gives the close packet to a poll that waits. It does not go with what is queued: Node.js's client would
// take a DISCONNECT packet before it for the end of the connection, and connect again. A client that is still heard
// has it when its POST has been dealt with.
func (t *polling) goodbye(lastWords) bool {
	s := t.session
	if t.poll == nil || len(s.queue) > 0 || s.stillHeard && t.posting {
		return false
	}
	if t.poll.late {
		s.enqueue(noopPacket) // Node.js's answer is "6" and "1"
	}
	s.enqueue(closePacket)
	t.wake()
	return true
}

// leave ends what waits when the session goes on to another transport. A poll that has come since the probe was
// answered is refused: its client had left polling. One of a client that did not probe is released, as Node.js has it.
func (t *polling) leave() {
	if t.poll != nil && t.probed {
		t.give(nil)
	}
	t.release()
	t.pollCame()
	t.probe, t.probed = nil, false
}

// cut tells a poll that waits, and keeps answers and bodies that do not get on from holding their requests.
func (t *polling) cut() {
	if t.poll != nil {
		t.give([]*Message{closePacket})
	}
	if t.answering != nil {
		t.answering.waiter.abort(t.answering)
	}
	t.stopPost()
	t.pollCame()
}

// stopPost ends a POST whose body is still coming, as nobody wants it any more.
func (t *polling) stopPost() {
	if t.abortPost != nil {
		t.abortPost()
	}
}

// pollCame ends the wait for a poll that a POST has overtaken.
func (t *polling) pollCame() {
	if t.overtaken != nil {
		close(t.overtaken)
		t.overtaken = nil
	}
}

// A pollVerdict says what becomes of a GET or a POST.
type pollVerdict uint8

const (
	pollTaken   pollVerdict = iota
	pollTwice               // there is one already: the session has ended over it, and the answer is an empty 400
	pollLeft                // the session has left polling
	pollUnknown             // the session is over
)

// beginPoll has a GET wait for messages. Where it is taken its waiter gets the answer, perhaps before beginPoll
// returns.
func (s *Session) beginPoll(p *poll) pollVerdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.polling
	switch {
	case !s.isPolling():
		return pollLeft
	case s.phase == phaseClosed:
		return pollUnknown
	case t.poll != nil:
		s.end(endCut, ReasonTransportError)
		return pollTwice
	}
	t.returned, t.opened = t.opened, true
	p.polling, p.late = t, s.phase == phaseClosing
	t.poll = p
	t.pollCame()
	if s.phase == phaseClosing && len(s.queue) == 0 {
		s.sayGoodbye(lastWords{})
	} else {
		t.wake()
	}
	if t.probed && t.poll == p {
		time.AfterFunc(pollWhileProbed, func() { t.releaseLate(p) })
	}
	return pollTaken
}

// releaseLate ends the wait of a poll that came while the client was about to leave polling.
func (t *polling) releaseLate(p *poll) {
	t.session.mu.Lock()
	defer t.session.mu.Unlock()
	if t.poll == p {
		t.release()
	}
}

// hungUp is called when the client of a poll has gone. It reports false where the answer is on its way already.
func (t *polling) hungUp(p *poll) bool {
	t.session.mu.Lock()
	defer t.session.mu.Unlock()
	if t.poll != p {
		return false
	}
	t.poll = nil
	t.session.end(endCut, ReasonTransportError)
	return true
}

// answered ends p, whose answer is written or has come to nothing. stalled says that its client has taken nothing of
// it for Options.WriteTimeout: that ends the session, unless it has left polling and has no use for the answer.
func (t *polling) answered(p *poll, stalled bool) {
	if t.endAnswer(p, stalled) {
		t.session.tellDrain()
	}
}

// endAnswer is answered; it reports whether nothing is queued any more.
func (t *polling) endAnswer(p *poll, stalled bool) (drained bool) {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	p.copied = nil
	if t.answering != p {
		return false
	}
	drained = len(s.queue) == 0
	if stalled && s.isPolling() {
		s.endSlow(slowStalled)
	}
	t.answering = nil
	s.wrote(p.size)
	t.wake()
	if s.isPolling() && s.phase == phaseClosed && t.answering == nil {
		s.stopTimeout()
		s.srv.lingered(s)
	}
	return drained
}

// beginPost makes a POST the one that the session has under way. abort, which may be nil, is called with mu held when
// its body is not wanted any more, until postRead.
func (s *Session) beginPost(abort func()) pollVerdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.polling
	switch {
	case !s.isPolling():
		return pollLeft
	case t.posting:
		s.end(endCut, ReasonTransportError)
		return pollTwice
	}
	t.posting, t.abortPost, t.returned = true, abort, true
	return pollTaken
}

// postRead notes that the body of a POST has come.
func (t *polling) postRead() {
	t.session.mu.Lock()
	defer t.session.mu.Unlock()
	t.abortPost = nil
}

// passPost forgets a POST that another reader will begin anew.
func (t *polling) passPost() {
	t.session.mu.Lock()
	defer t.session.mu.Unlock()
	t.posting = false
}

// endPost ends a POST.
func (t *polling) endPost() {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	t.posting, t.abortPost = false, nil
	if s.phase == phaseClosing && s.isPolling() {
		s.sayGoodbye(lastWords{}) // it has waited for this
	}
}

// receivePayload deals with the packets of a POST. It may wait, for overtakenTimeout at most, where there is a close
// packet.
func (s *Session) receivePayload(contentType string, body []byte) {
	length := len(body)
	payload, next := s.polling.payloads.open(contentType, body)
	for more := true; more; {
		var p packet
		var ok bool
		p, payload, more, ok = next(payload)
		switch {
		case !ok:
			s.lockAndEnd(endCut, ReasonParseError)
			return
		case p.kind == packetClose:
			s.polling.awaitPoll()
			s.mu.Lock()
			s.polling.release()
			s.end(endCut, ReasonTransportClose)
			s.mu.Unlock()
			return
		}
		if p.data = detached(p.data, length); !s.receive(p) {
			return
		}
	}
}

// detached returns a message of a body that may be kept: a copy where it is only a small part, as it would keep the
// whole body in memory.
func detached(data []byte, body int) []byte {
	const share, small = 4, 1 << 10
	if body <= small || len(data) >= body/share {
		return data
	}
	return bytes.Clone(data)
}

// awaitPoll waits a moment for the poll that a POST has overtaken, which is to be answered and not refused.
func (t *polling) awaitPoll() {
	s := t.session
	s.mu.Lock()
	if t.poll != nil || s.phase != phaseOpen || !s.isPolling() {
		s.mu.Unlock()
		return
	}
	if t.overtaken == nil {
		t.overtaken = make(chan struct{})
	}
	came := t.overtaken
	s.mu.Unlock()
	select {
	case <-came:
	case <-time.After(overtakenTimeout):
	}
}

// refusal is what the client of a GET or POST that has not been taken is told.
func (v pollVerdict) refusal() *refusal {
	switch v {
	case pollTwice:
		return &refusal{status: http.StatusBadRequest}
	case pollUnknown:
		return refuse(UnknownSID)
	default:
		return refuse(BadRequest)
	}
}
