package engineio

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// A Handler gets what a session receives. Its methods are never called with a lock of this package held.
type Handler interface {
	// OnMessage gets each message in the order in which the client sent them, never two at once. data belongs to the
	// handler from then on. It must not block, as other clients may be waiting for their messages to be read; a handler
	// with enough to do calls Session.Pause.
	OnMessage(data []byte, binary bool)
	// OnClose is called exactly once, when the session is over. It does not wait for OnMessage: a message whose delivery
	// is under way may overlap it, or come just behind it; none follows that one.
	OnClose(reason Reason)
}

// A Reason says why a session ended, in the words that Socket.IO's users know.
type Reason string

const (
	ReasonTransportClose Reason = "transport close"      // the client closed the connection, or it broke
	ReasonTransportError Reason = "transport error"      // the client broke the transport's rules
	ReasonPingTimeout    Reason = "ping timeout"         // a ping went unanswered
	ReasonParseError     Reason = "parse error"          // the client sent what is no packet
	ReasonForcedClose    Reason = "forced close"         // the server closed it
	ReasonSlowClient     Reason = "slow client"          // more waited for the client than Options.MaxQueueBytes
	ReasonShutdown       Reason = "server shutting down" // Server.Shutdown or Server.Drain
)

// closeTimeout is how long a client may take to answer a close, or to fetch it by polling, before it is cut. Node's
// figure for both transports.
const closeTimeout = 30 * time.Second

// A Session is one Engine.IO connection with a client; it outlives a change of transport. All its methods may be called
// from any goroutine.
type Session struct {
	srv       *Server
	flusher   *flusher
	id        string
	opened    opening
	heartbeat *time.Timer

	// delivery keeps OnMessage to one call at a time while a session changes its transport. It is taken before mu.
	delivery sync.Mutex

	mu      sync.Mutex // guards all below; taken before flusher.mu and after nothing
	handler Handler    // nil until the server's connect function has returned
	state   sessionState
	ended   bool   // over has run
	listens bool   // it is being let go, but what its client sends still counts; see Drain
	reason  Reason // why it is over, or about to be

	// Receiving.
	pauses  int           // calls of Pause without their Resume
	resumed chan struct{} // closed when reading may go on; made by who waits for it
	held    bool          // a loop has not read what it might have

	// The heartbeat.
	awaited bool          // a pong is due
	cutAt   time.Duration // since the session began: when a client that is being closed is given up

	// Sending. Whoever sets scheduled sees to it that the queue is written, and alone writes until it is empty.
	queue     []*Message
	queued    int // bytes not yet written, those on their way included
	scheduled bool
	blocked   bool // the connection takes no more for now
	hangUp    bool // once the queue is written, end the connection

	// The transport in use is ws, or polling where that is nil.
	ws        *wsConn
	probe     *wsConn // a connection that may become ws
	probed    bool    // it has been answered, so polls are to end soon
	poll      *poll   // the GET that waits for messages
	answering *poll   // the GET whose answer is being written, one at a time
	posting   bool    // there is a POST
	// reading is the POST's while its body is being read.
	reading *http.ResponseController
}

type sessionState uint8

const (
	stateOpen     sessionState = iota
	stateDraining              // the client may still get what is queued, nothing new is
	stateClosed
)

// ID is the session's identifier, "sid" on the wire.
func (s *Session) ID() string { return s.id }

// Handshake is the request that opened the session. It is put together at every call.
func (s *Session) Handshake() *Handshake { return s.opened.handshake() }

// Transport is the name of the transport in use now: "polling" or "websocket".
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport()
}

func (s *Session) transport() string {
	if s.ws != nil {
		return transportWebSocket
	}
	return transportPolling
}

// Send queues m and returns at once; it never waits for the client. What one goroutine sends arrives in that order. It
// reports false where the message will not be sent: the session is closing or closed, or m is volatile and the client
// is not keeping up.
func (s *Session) Send(m *Message) bool { return s.SendAnd(m, nil) }

// SendAnd is Send, and calls queued, if that is not nil, when m is in the queue and nothing can have been written of it
// yet: whatever queued lets others send follows m, and the client cannot answer m before queued has returned. It is
// called with the session's lock held: it must not block, nor use the session.
func (s *Session) SendAnd(m *Message, queued func()) bool {
	s.mu.Lock()
	if s.state != stateOpen || m.volatile && s.congested() {
		s.mu.Unlock()
		return false
	}
	s.enqueue(m)
	if queued != nil {
		queued()
	}
	if s.queued > s.srv.opts.MaxQueueBytes && !s.dropVolatile() {
		s.abandon(ReasonSlowClient)
		return false
	}
	s.schedule()
	return true
}

// congested reports whether what is sent now would have to wait for the client.
func (s *Session) congested() bool {
	switch {
	case s.ws == nil:
		return s.poll == nil || s.answering != nil
	case s.ws.sock == nil: // a write that waits looks like any other
		return s.queued > gatherBytes
	default:
		return s.blocked
	}
}

// dropVolatile drops queued volatile messages and reports whether that brought the queue back under its bound.
func (s *Session) dropVolatile() bool {
	kept := s.queue[:0]
	for _, m := range s.queue {
		if m.volatile {
			s.queued -= m.size()
		} else {
			kept = append(kept, m)
		}
	}
	clear(s.queue[len(kept):])
	s.queue = kept
	return s.queued <= s.srv.opts.MaxQueueBytes
}

// schedule sees to it that the queue gets written. It is called with mu held and unlocks it.
func (s *Session) schedule() {
	switch {
	case s.ws == nil:
		s.answerPoll()
		s.mu.Unlock()
	case s.scheduled:
		s.mu.Unlock()
	case s.ws.sock == nil:
		s.scheduled = true
		s.mu.Unlock()
		go s.drain(s.ws, nil, 0)
	default:
		s.scheduled = true
		s.mu.Unlock()
		s.flusher.add(s)
	}
}

// Close ends the session: nothing more is read, what is queued is still sent, then the transport is closed the way the
// protocol asks for. It returns at once; the handler's OnClose gets reason when it is done. Later calls do nothing.
func (s *Session) Close(reason Reason) { s.close(reason, s.srv.closeTimeout) }

// close is Close with a time that a client that polls has to come for the rest.
func (s *Session) close(reason Reason, nextPoll time.Duration) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.reason = reason
	if s.ws != nil {
		s.linger(closeFrame(0), false)
		go s.over()
		return
	}
	s.state = stateDraining
	s.giveUpAfter(nextPoll)
	s.stopReading()
	s.readOn()
	if s.poll == nil || len(s.queue) > 0 { // the next poll learns of it; see servePoll
		s.mu.Unlock()
		return
	}
	s.finishPolling()
}

// finishPolling gives a draining session's last messages and the close packet to the poll that waits, which has
// closeTimeout to take them. It is called with mu held and unlocks it.
func (s *Session) finishPolling() {
	s.state = stateClosed
	s.enqueue(closePacket)
	s.answerPoll()
	s.giveUpAfter(s.srv.closeTimeout)
	s.srv.lingers(s)
	heardOut := time.Duration(0)
	if s.listens {
		heardOut = lastPost
	}
	s.mu.Unlock()
	time.AfterFunc(heardOut, s.over)
}

// giveUpAfter gives the client of a session that is being closed so much time for it. It is called with mu held.
func (s *Session) giveUpAfter(d time.Duration) {
	s.cutAt = time.Since(s.opened.at) + d
	s.heartbeat.Reset(d)
}

// enqueue puts m in the queue and on its account. It is called with mu held.
func (s *Session) enqueue(m *Message) {
	s.queue = append(s.queue, m)
	s.queued += m.size()
}

// stopReading ends a POST whose body is still coming, as nobody wants it any more. It is called with mu held.
func (s *Session) stopReading() {
	if s.reading != nil {
		_ = s.reading.SetReadDeadline(time.Unix(1, 0)) // where that cannot be done, the server's own limit ends it
	}
}

// linger closes the session but leaves its WebSocket connection to end by itself: frame is written behind what is
// queued, then the client has closeTimeout to answer it, or is hung up on where nothing more is due from it. It is
// called with mu held and unlocks it.
func (s *Session) linger(frame *Message, hangUp bool) {
	s.state = stateClosed
	s.hangUp = hangUp
	s.enqueue(frame)
	s.giveUpAfter(s.srv.closeTimeout)
	s.srv.lingers(s)
	s.readOn() // it is the client's close frame that is waited for now
	s.schedule()
}

// fail ends the session because of something the client did or did not do. A WebSocket client gets what is queued and
// frame; a waiting poll is told, and a client between two polls learns from its next one that the session is gone.
func (s *Session) fail(reason Reason, frame *Message, hangUp bool) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	if s.ws == nil || s.blocked {
		s.mu.Unlock()
		s.cut(reason)
		return
	}
	s.reason = reason
	s.linger(frame, hangUp)
	s.over()
}

// cut ends the session at once: what is queued is lost, a waiting poll is told, a connection is closed as it is.
func (s *Session) cut(reason Reason) {
	s.mu.Lock()
	s.abandon(reason)
}

// abandon is cut, called with mu held; it unlocks it.
func (s *Session) abandon(reason Reason) {
	ends := s.state != stateClosed
	if s.state == stateOpen {
		s.reason = reason
	}
	s.state, s.listens = stateClosed, false
	s.heartbeat.Stop()
	clear(s.queue)
	s.queue, s.queued = nil, 0
	conn := s.ws
	if p := s.poll; p != nil {
		s.poll = nil
		p.give([]*Message{closePacket})
	}
	if s.answering != nil {
		s.answering.abort()
	}
	s.stopReading()
	s.readOn()
	s.mu.Unlock()
	if conn != nil {
		conn.close()
	}
	if ends {
		s.srv.remove(s) // its next request finds nothing
		go s.over()     // the caller may be a sender with locks of its own
	}
}

// over takes leave of the registry and the handler, once.
func (s *Session) over() {
	s.srv.remove(s)
	s.mu.Lock()
	s.ended, s.listens = true, false
	s.readOn() // a last POST may wait for its handler
	handler, reason, probe := s.handler, s.reason, s.probe
	s.probe = nil
	s.mu.Unlock()
	if probe != nil {
		probe.close()
	}
	if reason == ReasonSlowClient { // here, as the sender that found out may hold locks
		s.srv.slowClients.Add(1)
		s.srv.opts.Logger.Warn("closed a slow client", "sid", s.id, "remote", s.opened.remoteAddr,
			"limit_bytes", s.srv.opts.MaxQueueBytes)
	}
	if handler != nil {
		handler.OnClose(reason)
	}
	s.srv.forget()
}

// setHandler ends the opening: from here on messages are delivered.
func (s *Session) setHandler(h Handler) {
	s.mu.Lock()
	s.handler = h
	ended, reason := s.ended, s.reason
	s.mu.Unlock()
	if ended {
		h.OnClose(reason)
	}
}

// takes reports whether what the client sends is delivered. It is called with mu held.
func (s *Session) takes() bool { return s.state == stateOpen || s.listens }

// deliver hands a message to the handler.
func (s *Session) deliver(data []byte, binary bool) {
	s.delivery.Lock()
	defer s.delivery.Unlock()
	s.mu.Lock()
	handler, takes := s.handler, s.takes()
	s.mu.Unlock()
	if takes {
		s.flusher.traffic.messagesReceived.Add(1)
		handler.OnMessage(data, binary)
	}
}

// Pause asks for no more messages, until as many calls of Resume have followed: nothing more is read from the client,
// which feels back-pressure, and its heartbeat is not held against it. What has been read already still comes.
func (s *Session) Pause() {
	s.mu.Lock()
	s.pauses++
	s.mu.Unlock()
}

// Resume undoes one Pause.
func (s *Session) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pauses--; s.pauses > 0 || !s.takes() {
		return
	}
	if s.state == stateOpen && s.awaited { // the pong may be among what has not been read
		s.heartbeat.Reset(s.srv.opts.PingTimeout)
	}
	s.readOn()
}

// readOn has the reading go on that a pause has stopped. It is called with mu held.
func (s *Session) readOn() {
	if s.resumed != nil {
		close(s.resumed)
		s.resumed = nil
	}
	if s.held && s.ws != nil && s.ws.sock != nil {
		s.ws.sock.resume()
	}
	s.held = false
}

// holdBack reports whether a loop is to leave unread what has come; readOn then has it look again.
func (s *Session) holdBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = s.pauses > 0 && s.takes()
	return s.held
}

// awaitResume waits as long as the session is paused, or ctx is done.
func (s *Session) awaitResume(ctx context.Context) {
	for {
		s.mu.Lock()
		if s.pauses == 0 || !s.takes() {
			s.mu.Unlock()
			return
		}
		if s.resumed == nil {
			s.resumed = make(chan struct{})
		}
		resumed := s.resumed
		s.mu.Unlock()
		select {
		case <-resumed:
		case <-ctx.Done():
			return
		}
	}
}

// receive deals with one packet; it reports false where the session has ended over it.
func (s *Session) receive(p packet) bool {
	switch p.kind {
	case packetMessage:
		s.deliver(p.data, p.binary)
	case packetPong:
		s.mu.Lock()
		if s.state == stateOpen {
			s.awaited = false
			s.heartbeat.Reset(s.srv.opts.PingInterval)
		}
		s.mu.Unlock()
	case packetPing: // only the server pings since revision 4
		s.fail(ReasonTransportError, closeFrame(0), false)
		return false
	}
	return true
}

// beat is what the heartbeat timer does: a ping when the interval is over, the end when no pong came, and the end of
// the wait when a client takes too long over a close.
func (s *Session) beat() {
	s.mu.Lock()
	switch {
	case s.state != stateOpen && time.Since(s.opened.at) < s.cutAt:
		s.mu.Unlock() // it was on its way when the session was closed; the timer will be back
	case s.state != stateOpen:
		s.mu.Unlock()
		s.cut(ReasonForcedClose)
	case !s.awaited:
		s.awaited = true
		s.heartbeat.Reset(s.srv.opts.PingTimeout)
		s.enqueue(pingPacket)
		s.schedule()
	case s.pauses > 0: // the pong may wait behind what is not being read
		s.heartbeat.Reset(s.srv.opts.PingTimeout)
		s.mu.Unlock()
	default:
		s.mu.Unlock()
		s.fail(ReasonPingTimeout, closeFrame(0), false)
	}
}

var (
	closePacket = newPacket(packetClose, "")
	pingPacket  = newPacket(packetPing, "")
	noopPacket  = newPacket(packetNoop, "")
)
