package recovery

// How sessions are kept while they last.

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// saveEvery is how often changed sessions are saved, refreshEvery how often all others. A round saves savesAtOnce
	// at most.
	saveEvery    = time.Second
	refreshEvery = 30 * time.Second
	savesAtOnce  = 10_000
)

var _ socketio.SessionObserver = (*Adapter)(nil)

// A liveSession is the session of a connected socket of this server.
type liveSession struct {
	socket  *socketio.Socket
	changed bool
	saved   time.Time
	pid     string // under which the log has it, to be deleted with the socket; "" where nothing is
}

// wireSession is a session as servers of all kinds keep it.
type wireSession struct {
	SID   string          `json:"sid"`
	PID   string          `json:"pid"`
	Rooms []wire.Room     `json:"rooms"`
	Data  json.RawMessage `json:"data"`
	// Server is the id of the server whose socket it still is. Node.js does not know this field and passes it over.
	Server string `json:"server,omitempty"`
}

// PersistSession keeps the session of a socket that has gone.
func (a *Adapter) PersistSession(s socketio.SavedSession) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep(s, a.recovery.MaxDisconnectionDuration, "")
	if l := a.sessions[s.SID]; l != nil {
		l.pid, l.changed = "", true // changed, in case another socket here has resumed it
	}
}

// keep saves a session. It is called with mu held, so that saves are queued in the order of the changes.
func (a *Adapter) keep(s socketio.SavedSession, ttl time.Duration, server string) {
	text, err := wire.Marshal(wireSession{s.SID, s.PID, wire.ToRooms(s.Rooms), s.Data.JSON(), server})
	if err == nil {
		text, err = msgpackjson.Append(nil, text, s.Data.Attachments())
	}
	if err != nil {
		a.logger.Error("session cannot be kept", "sid", s.SID, "error", err)
		return
	}
	a.log.Keep(s.PID, base64.StdEncoding.EncodeToString(text), ttl)
}

// AddAll makes s a member of rooms, and has its session saved.
func (a *Adapter) AddAll(s *socketio.Socket, rooms ...string) {
	a.Adapter.AddAll(s, rooms...)
	a.SessionChanged(s)
}

// Del takes s out of room.
func (a *Adapter) Del(s *socketio.Socket, room string) {
	a.Adapter.Del(s, room)
	a.SessionChanged(s)
}

// DelAll takes s out of all its rooms, for good. Its session is deleted, unless PersistSession has kept it.
func (a *Adapter) DelAll(s *socketio.Socket) {
	a.mu.Lock()
	if l := a.sessions[s.ID()]; l != nil && l.socket == s {
		delete(a.sessions, s.ID())
		if l.pid != "" {
			a.log.Forget(l.pid)
		}
	}
	a.mu.Unlock()
	a.Adapter.DelAll(s)
}

// SessionChanged has the session of s saved soon.
func (a *Adapter) SessionChanged(s *socketio.Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch l := a.sessions[s.ID()]; {
	case l != nil && l.socket == s:
		l.changed = true
	case l == nil || !l.socket.Connected(): // otherwise s is the socket before
		a.sessions[s.ID()] = &liveSession{socket: s, changed: true}
	}
}

// save saves sessions while they last, so that they can be resumed when this server is killed.
func (a *Adapter) save() {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	var connects int64
	for {
		select {
		case <-a.over.Done():
			return
		case <-tick.C:
		}
		up, made := a.log.Standing()
		if !up {
			continue // it would only fill the outbox
		}
		if made != connects {
			connects = made
			a.changeAll() // the broker may have forgotten them
		}
		for _, l := range a.unsaved() {
			a.saveOne(l)
		}
	}
}

func (a *Adapter) changeAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.sessions {
		l.changed = true
	}
}

// unsaved are the sessions that are to be saved now.
func (a *Adapter) unsaved() []*liveSession {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []*liveSession
	for _, l := range a.sessions {
		if l.changed || time.Since(l.saved) >= refreshEvery {
			due = append(due, l)
			l.changed = false // any change from here on is a new one
		}
		if len(due) == savesAtOnce {
			break
		}
	}
	return due
}

func (a *Adapter) saveOne(l *liveSession) {
	session, connected := l.socket.SavedSession()
	a.mu.Lock()
	defer a.mu.Unlock()
	sid := l.socket.ID()
	switch {
	case a.sessions[sid] != l: // it has gone
	case connected:
		l.saved, l.pid = time.Now(), session.PID
		a.keep(session, Longest(a.recovery.MaxDisconnectionDuration), a.ID())
	case a.SocketRooms(sid) != nil:
		l.changed = true // it is about to connect, or to go
	default: // it joined something after its end, or before its beginning, and comes again with that
		delete(a.sessions, sid)
	}
}
