package engineio

// How a server ends: all its sessions at once (Shutdown), or one after the other, so that their clients do not all
// knock at the next server's door at one moment, and each of them whole (Drain).

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A Finisher is a Handler that may owe its client something when it is let go, such as an answer that is being worked
// on. Drain calls Finish, on a goroutine of its own, before it closes the session, which goes on as usual meanwhile;
// Finish returns when nothing is owed any more, or ctx is done, which it is after 3 s at the latest.
type Finisher interface {
	Finish(ctx context.Context)
}

// Drain refuses new sessions and closes those there are with ReasonShutdown, in random order and at moments spread over
// window. Until its turn comes a session goes on as usual. Then its client gets what is queued for it and sees its
// transport close, which socket.io-client answers by connecting again. What the client had sent before it knew still
// reaches the handler; the session of a polling client is over a second after it has been told. Drain returns nil when
// the sessions are gone and their handlers' OnClose has returned. When ctx is done it returns ctx's error, and leaves
// the rest to Shutdown.
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
		leaving.Go(func() { s.letGo(ctx) })
		sessions[i] = nil
	}
	select {
	case <-srv.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// letGo closes the session when nothing is owed to its client.
func (s *Session) letGo(ctx context.Context) {
	s.mu.Lock()
	handler, open := s.handler, s.phase == phaseOpen
	s.mu.Unlock()
	if !open {
		s.hurry()
		return
	}
	if f, ok := handler.(Finisher); ok {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		f.Finish(ctx)
		cancel()
	}
	s.lockAndEnd(endDrain, ReasonShutdown)
}

// Shutdown refuses new sessions, closes those there are with ReasonShutdown after what is queued for them, and waits
// until they are gone and their handlers' OnClose has returned, or ctx is done, when it cuts the rest and returns ctx's
// error. A client that has been sent everything and does not answer is given up after 3 s. See Drain for a gentler end.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.refuseNew()
	for _, s := range srv.all() {
		s.lockAndEnd(endShutdown, ReasonShutdown)
		s.hurry()
	}
	select {
	case <-srv.gone:
		return nil
	case <-ctx.Done():
	}
	for _, s := range srv.all() {
		s.lockAndEnd(endCut, ReasonShutdown)
	}
	return ctx.Err()
}
