package presence

// Sockets: whose they are, and which of their rooms are tracked.

import (
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A tracked socket has a user and is in rooms.
type tracked struct {
	user  string
	rooms []string // those that count
}

// Track counts a connected socket as its user's, until it disconnects. It is for handlers of OnConnect and later; for a
// socket that is not connected the error is socketio.ErrDisconnected. Others: ErrName, ErrTracked, ErrFull, ErrClosed.
func (p *Presence) Track(s *socketio.Socket, user string) error {
	if user == "" || len(user) > maxName {
		return ErrName
	}
	if !s.Connected() {
		return socketio.ErrDisconnected
	}
	added, err := p.local.track(s, user)
	if err != nil || !added {
		return err
	}
	s.OnDisconnect(func(socketio.Reason) { p.local.untrack(s, true) })
	if !s.Connected() {
		// Perhaps it did not wait for the handler to be there. To untrack it twice does no harm.
		p.local.untrack(s, true)
		return socketio.ErrDisconnected
	}
	if p.opts.Rooms != nil && s.Namespace() == p.ns {
		for _, room := range s.Rooms() {
			p.roomChanged(room, s)
		}
	}
	return nil
}

// Untrack ends that a socket counts as its user's, at once: the user has logged out.
func (p *Presence) Untrack(s *socketio.Socket) { p.local.untrack(s, false) }

// roomChanged looks whether a socket is in a room, which may just have changed. Handlers for rooms are called a little
// after the fact and on any goroutine; each looks for itself, so that the last one finds what is true.
func (p *Presence) roomChanged(room string, s *socketio.Socket) {
	if room == "" || room == s.ID() || !p.opts.Rooms(room) {
		return
	}
	if len(room) > maxName {
		p.counts.refused.Add(1)
		return
	}
	if !p.local.setRoom(s, room, p.opts.MaxRooms) {
		p.counts.refused.Add(1)
		p.log.Debug("presence: a room of a socket is not tracked: there are too many", "id", s.ID(), "room", room)
	}
}

// track notes whose a socket is. It reports false where it is so already.
func (l *local) track(s *socketio.Socket, user string) (added bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch t := l.sockets[s]; {
	case l.closed:
		return false, ErrClosed
	case t != nil && t.user != user:
		return false, ErrTracked
	case t != nil:
		return false, nil
	}
	if !l.hold(Item{User: user}) {
		return false, ErrFull
	}
	l.sockets[s] = &tracked{user: user}
	return true, nil
}

// untrack forgets a socket. With grace its user has time to come back.
func (l *local) untrack(s *socketio.Socket, grace bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.sockets[s]
	if t == nil {
		return
	}
	delete(l.sockets, s)
	for _, room := range t.rooms {
		l.release(Item{room, t.user}, grace)
	}
	l.release(Item{User: t.user}, grace)
}

// setRoom looks whether a tracked socket is in a room, and notes it. It reports false where the room is one too many.
func (l *local) setRoom(s *socketio.Socket, room string, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.sockets[s]
	if t == nil {
		return true
	}
	isIn, i := slices.Contains(s.Rooms(), room), slices.Index(t.rooms, room)
	switch {
	case isIn && i < 0:
		if len(t.rooms) >= most || !l.hold(Item{room, t.user}) {
			return false
		}
		t.rooms = append(t.rooms, room)
	case !isIn && i >= 0:
		t.rooms = slices.Delete(t.rooms, i, i+1)
		// One that leaves by itself means it; one that is in no room any more has disconnected.
		l.release(Item{room, t.user}, !s.Connected())
	}
	return true
}
