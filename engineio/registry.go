package engineio

// The registry: which sessions there are, and when a server that ends has nobody left.

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
)

// A registry of sessions by id.
type registry struct {
	mu       sync.RWMutex // taken after Session.mu
	sessions map[string]*Session
	leaving  map[*Session]struct{} // over, but their connections linger
	ending   int                   // forgotten, but their handlers are still to be told
	closing  bool                  // no new ones are taken
	gone     chan struct{}         // closed when closing and there is nobody left
}

func newRegistry() registry {
	return registry{
		sessions: make(map[string]*Session),
		leaving:  make(map[*Session]struct{}),
		gone:     make(chan struct{}),
	}
}

// session finds a session by its id; there may be none.
func (r *registry) session(sid string) *Session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sessions[sid]
}

// add makes a session known. It reports whether the server has begun to end, and whether another session has the id:
// then this one cannot be found, and is to end.
func (r *registry) add(s *Session) (closing, taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken = r.sessions[s.id]; taken {
		r.ending++ // as if it had been removed
	} else {
		r.sessions[s.id] = s
	}
	return r.closing, taken
}

// remove takes a session that is over out of the registry; forget follows when its handler knows.
func (r *registry) remove(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.id] == s {
		delete(r.sessions, s.id)
		r.ending++
	}
}

func (r *registry) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ending--
	r.checkGone()
}

// lingers notes that a session's connection outlives it for a while; lingered, that it has ended.
func (r *registry) lingers(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving[s] = struct{}{}
}

func (r *registry) lingered(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.leaving, s)
	r.checkGone()
}

// refuseNew has new sessions refused from now on, and gone closed when the last of the others has ended.
func (r *registry) refuseNew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
	r.checkGone()
}

func (r *registry) isClosing() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.closing
}

// checkGone tells Drain and Shutdown when there is nobody left. mu is held.
func (r *registry) checkGone() {
	if r.closing && len(r.sessions)+len(r.leaving)+r.ending == 0 {
		select {
		case <-r.gone:
		default:
			close(r.gone)
		}
	}
}

// count is the number of open sessions.
func (r *registry) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.sessions)
}

// all lists the sessions, those included whose connections linger.
func (r *registry) all() []*Session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]*Session, 0, len(r.sessions)+len(r.leaving))
	for _, s := range r.sessions {
		list = append(list, s)
	}
	for s := range r.leaving {
		list = append(list, s)
	}
	return list
}

// NewID returns a new session id: 120 random bits in 20 characters, the length and the alphabet of Node.js's.
func NewID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
