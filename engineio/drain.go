package engineio

// How a server lets its clients go: one after the other, so that they do not all knock at the next server's door at one
// moment, and each of them whole.

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// farewell is how long a client that is let go may take over each step: for its handler to finish, to come for what is
// queued if it polls, and to answer the close frame once that is written. One that is there does so at once.
const farewell = 3 * time.Second

// lastPost is how long after its close packet a client that polls is still heard: it may have sent a POST before it had that
// packet, and nothing tells when it has it.
const lastPost = time.Second

// A Finisher is a Handler that may owe its client something when it is let go, such as an answer that is being worked
// on. Drain calls Finish, on a goroutine of its own, before it closes the session, which goes on as usual meanwhile;
// Finish returns when nothing is owed any more, or ctx is done, which it is after 3 s at the latest.
type Finisher interface {
	Finish(ctx context.Context)
}

// Drain refuses new sessions and closes those there are with ReasonShutdown, in random order and at moments spread over
// window; until its turn comes a session goes on as usual. Then its client gets what is queued for it and sees its
// transport close, which socket.io-client answers by connecting again, and what the client had sent before it knew still
// reaches the handler: the session of one that polls is over a second after it has been told. Drain returns nil when the
// sessions are gone and their handlers' OnClose has returned. When ctx is done it returns ctx's error, and leaves the rest
// to Shutdown.
//
// A client that does not answer is given up a few seconds after its turn, one that is slow to read what is queued for
// it after 30 s. A window of 0 or less is one moment.
func (srv *Server) Drain(ctx context.Context, window time.Duration) error {
	srv.refuseNew()
	var leaving sync.WaitGroup
	defer leaving.Wait()
	sessions := srv.all()
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	start := time.Now()
	turn := time.NewTimer(0)
	defer turn.Stop()
	for i, s := range sessions {
		// Each in a slot of its own, at any moment of it.
		due := time.Duration((float64(i) + rand.Float64()) / float64(len(sessions)) * float64(window))
		turn.Reset(due - time.Since(start))
		select {
		case <-turn.C:
		case <-srv.gone: // all have left by themselves
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		leaving.Go(func() { s.leave(ctx) })
		sessions[i] = nil
	}
	select {
	case <-srv.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuseNew has new sessions refused from now on, and gone closed when the last of the others has ended.
func (srv *Server) refuseNew() {
	srv.mu.Lock()
	srv.closing = true
	srv.checkGone()
	srv.mu.Unlock()
}

// leave closes the session when nothing is owed to its client.
func (s *Session) leave(ctx context.Context) {
	s.mu.Lock()
	handler, open := s.handler, s.state == stateOpen
	s.mu.Unlock()
	if !open {
		s.hurry()
		return
	}
	if f, ok := handler.(Finisher); ok {
		ctx, cancel := context.WithTimeout(ctx, farewell)
		f.Finish(ctx)
		cancel()
	}
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.reason, s.state, s.listens = ReasonShutdown, stateDraining, true
	if s.ws != nil {
		s.sayGoodbye()
		return
	}
	s.giveUpAfter(min(farewell, s.srv.closeTimeout))
	if s.poll == nil || len(s.queue) > 0 || s.posting { // the next poll learns of it, or this one when the POST has been dealt with
		s.mu.Unlock()
		return
	}
	s.finishPolling()
}

// sayGoodbye puts a close frame behind what is queued for a WebSocket client of a session that listens; what the client
// sends counts until it answers. It is called with mu held and unlocks it.
func (s *Session) sayGoodbye() {
	s.enqueue(emptyCloseFrame)
	s.giveUpAfter(s.srv.closeTimeout)
	s.schedule()
}

// hurry shortens the time that the client of a session that has been closed for another reason may still take.
func (s *Session) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := min(farewell, s.srv.closeTimeout)
	if s.state != stateOpen && s.reason != ReasonShutdown && s.cutAt-time.Since(s.opened.at) > limit {
		s.giveUpAfter(limit)
	}
}
