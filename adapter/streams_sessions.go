package adapter

// Sessions of the streams adapter with recovery: how they are kept in Redis, and resumed from there.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// saveEvery is how often changed sessions are saved, refreshEvery how often all are; savesAtOnce bounds a round.
	saveEvery    = time.Second
	refreshEvery = 30 * time.Second
	savesAtOnce  = 10_000
	// restoreTimeout bounds how long a client that wants to resume waits for Redis.
	restoreTimeout = 2 * time.Second
	// captureLife bounds how long a session that is being resumed may take.
	captureLife = time.Minute
	rangeCount  = 1000 // entries fetched at once
)

var _ socketio.SessionObserver = (*recoveringAdapter)(nil)

// A liveSession is that of a socket of this server.
type liveSession struct {
	socket  *socketio.Socket
	changed bool
	saved   time.Time
	pid     string // "" while there is nothing in Redis that is to go when the socket goes
}

// wireSession is a session as it is kept, by all kinds of servers.
type wireSession struct {
	SID    string          `json:"sid"`
	PID    string          `json:"pid"`
	Rooms  []wireRoom      `json:"rooms"`
	Data   json.RawMessage `json:"data"`
	Server string          `json:"server,omitempty"` // the uid of the server whose socket it still is (ours; Node passes it over)
}

func (a *recoveringAdapter) key(pid string) string { return a.streams.opts.SessionPrefix + pid }

// PersistSession keeps the session of a socket that has gone.
func (a *recoveringAdapter) PersistSession(s socketio.SavedSession) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep(s, a.recovery.MaxDisconnectionDuration, "")
	if l := a.sessions[s.SID]; l != nil {
		l.pid, l.changed = "", true // changed, in case that another socket has resumed it here
	}
}

// keep saves a session in Redis. It is called with mu held, so that what is done last counts.
func (a *recoveringAdapter) keep(s socketio.SavedSession, ttl time.Duration, server string) {
	data := a.socketData(s.Data)
	text, err := marshal(wireSession{s.SID, s.PID, toWireRooms(s.Rooms), data.JSON(), server})
	if err == nil {
		text, err = appendJSON(nil, text, data.Attachments())
	}
	if err != nil {
		a.redis.opts.Logger.Error("session cannot be kept", "sid", s.SID, "error", err)
		return
	}
	key, value := a.key(s.PID), base64.StdEncoding.EncodeToString(text)
	a.redis.enqueue(command{
		make:  func(ctx context.Context, p redis.Pipeliner) redis.Cmder { return p.Set(ctx, key, value, ttl) },
		again: true,
		size:  len(key) + len(value),
	})
}

// offsetForm is that of an entry's id. Redis takes no longer numbers.
var offsetForm = regexp.MustCompile(`^[0-9]{1,20}-[0-9]{1,20}$`)

// RestoreSession returns what is kept for pid, and what its client has missed since offset.
func (a *recoveringAdapter) RestoreSession(ctx context.Context, pid, offset string) (*socketio.RestoredSession, error) {
	if !offsetForm.MatchString(offset) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	if ok, err := a.hasOffset(ctx, offset); !ok {
		return nil, err
	}
	session, data, err := a.takeSession(ctx, pid)
	if session == nil {
		return nil, err
	}
	a.takeOver(session)
	c := &capture{rooms: fromWireRooms(session.Rooms), until: time.Now().Add(captureLife)}
	at, repeats, err := a.capture(ctx, c, offset)
	if err != nil {
		return nil, err
	}
	missed, err := a.between(ctx, offset, at, c.rooms, repeats)
	if err != nil {
		a.onInbox(context.Background(), func() { a.forget(c) })
		return nil, err
	}
	resume := func(live func([]*socketio.Packet)) {
		a.onInbox(context.Background(), func() {
			a.forget(c)
			live(append(missed, c.missed...))
		})
	}
	return &socketio.RestoredSession{
		SavedSession: socketio.SavedSession{SID: session.SID, PID: session.PID, Rooms: c.rooms, Data: data}, Resume: resume,
	}, nil
}

// hasOffset reports whether offset is that of an event of this namespace which the stream still has.
func (a *recoveringAdapter) hasOffset(ctx context.Context, offset string) (bool, error) {
	entries, err := a.redis.client.XRange(ctx, a.stream, offset, offset).Result()
	if err != nil && isReply(err) {
		return false, nil // no id after all
	}
	return err == nil && len(entries) == 1 && entries[0].Values["nsp"] == a.ns.Name(), err
}

// takeSession takes a session out of Redis; nil where there is none.
func (a *recoveringAdapter) takeSession(ctx context.Context, pid string) (s *wireSession, data socketio.Raw, err error) {
	var value *redis.StringCmd
	_, err = a.redis.client.TxPipelined(ctx, func(p redis.Pipeliner) error { // GETDEL needs Redis 6.2
		value = p.Get(ctx, a.key(pid))
		p.Del(ctx, a.key(pid))
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return nil, data, nil
	} else if err != nil {
		return nil, data, err
	}
	packed, err := base64.StdEncoding.DecodeString(value.Val())
	if err != nil {
		return nil, data, err
	}
	text, attachments, err := toJSON(packed)
	if err != nil {
		return nil, data, err
	}
	s = new(wireSession)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, data, err
	}
	if s.SID == "" || s.PID != pid {
		return nil, data, errShort
	}
	if len(s.Data) > 0 && string(s.Data) != "{}" { // what a socket begins with
		if data, err = socketio.NewRaw(s.Data, attachments...); err != nil {
			return nil, data, err
		}
	}
	return s, data, nil
}

// takeOver ends the socket that a session still has, on a server that has not noticed that the client is gone.
func (a *recoveringAdapter) takeOver(s *wireSession) {
	if old := a.ns.Socket(s.SID); old != nil {
		a.takenOver([]string{s.SID})
		old.Disconnect(false)
	}
	if s.Server == "" || s.Server == a.uid {
		return
	}
	w := newWireOptions(socketio.BroadcastOptions{Rooms: []string{s.SID}})
	a.clusterAdapter.respond(s.Server, typeDisconnectSockets, clusterData{Opts: &w, Close: new(bool), Resumed: true}, nil)
}

// takenOver sees to it that sessions stay in Redis when their sockets here go: they are another server's now.
func (a *recoveringAdapter) takenOver(sids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, sid := range sids {
		if l := a.sessions[sid]; l != nil {
			l.pid, l.changed, l.saved = "", false, time.Now()
		}
	}
}

// capture begins a capture, as soon as this server has dealt with all that the client has seen. It returns the entry
// behind which the capture begins, and the entries before it that are to be passed over.
func (a *recoveringAdapter) capture(ctx context.Context, c *capture, offset string) (at string, repeats map[string]bool, err error) {
	for {
		begun := false
		err := a.onInbox(ctx, func() {
			if begun = a.at != "" && !idLess(a.at, offset); begun {
				at, repeats = a.at, maps.Clone(a.repeats)
				a.captures = append(a.captures, c)
			}
		})
		if err != nil || begun {
			return at, repeats, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
}

func (a *recoveringAdapter) forget(c *capture) {
	a.captures = slices.DeleteFunc(a.captures, func(other *capture) bool { return other == c })
}

// between returns the broadcasts behind one entry and up to another that a socket in rooms would have got.
func (a *recoveringAdapter) between(ctx context.Context, from, to string, rooms []string, repeats map[string]bool) ([]*socketio.Packet, error) {
	var missed []*socketio.Packet
	for idLess(from, to) {
		entries, err := a.redis.client.XRangeN(ctx, a.stream, "("+from, to, rangeCount).Result()
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			from = entry.ID
			m, err := decodeEntry(entry)
			if err != nil || m.NSP != a.ns.Name() || m.Type != typeBroadcast || repeats[entry.ID] {
				continue
			}
			p, opts, err := readStreamed(a.ns, m)
			if err == nil && reaches(opts, rooms) && !opts.Flags.Volatile {
				p.AppendString(entry.ID)
				missed = append(missed, p)
			}
		}
		if len(entries) < rangeCount {
			break
		}
	}
	return missed, nil
}

// onInbox runs f in line with what is delivered, and waits for it. The error is ctx's, or that the adapter is at an end;
// f may run all the same.
func (a *recoveringAdapter) onInbox(ctx context.Context, f func()) error {
	done := make(chan struct{})
	for !a.inbox.add(inbound{run: func() { f(); close(done) }}, 0) { // full
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	<-done
	return nil
}

// AddAll makes s a member of rooms, and sees to it that its session is saved.
func (a *recoveringAdapter) AddAll(s *socketio.Socket, rooms ...string) {
	a.MemoryAdapter.AddAll(s, rooms...)
	a.SessionChanged(s)
}

// Del takes s out of room.
func (a *recoveringAdapter) Del(s *socketio.Socket, room string) {
	a.MemoryAdapter.Del(s, room)
	a.SessionChanged(s)
}

// DelAll takes s out of all its rooms, for good. Its session goes too, unless PersistSession has kept it.
func (a *recoveringAdapter) DelAll(s *socketio.Socket) {
	a.mu.Lock()
	if l := a.sessions[s.ID()]; l != nil && l.socket == s {
		delete(a.sessions, s.ID())
		if l.pid != "" {
			key := a.key(l.pid)
			a.redis.enqueue(command{
				make:  func(ctx context.Context, p redis.Pipeliner) redis.Cmder { return p.Del(ctx, key) },
				again: true,
				size:  len(key),
			})
		}
	}
	a.mu.Unlock()
	a.MemoryAdapter.DelAll(s)
}

// SessionChanged sees to it that the session of s is saved soon.
func (a *recoveringAdapter) SessionChanged(s *socketio.Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch l := a.sessions[s.ID()]; {
	case l != nil && l.socket == s:
		l.changed = true
	case l == nil || !l.socket.Connected(): // else s is the one before
		a.sessions[s.ID()] = &liveSession{socket: s, changed: true}
	}
}

// save saves sessions while they last, so that they can be resumed after this server has been killed.
func (a *recoveringAdapter) save() {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	var connects int64
	for {
		select {
		case <-a.redis.ctx.Done():
			return
		case <-a.over:
			return
		case <-tick.C:
		}
		stats := a.redis.Stats()
		if !stats.Up {
			continue // it would only fill the outbox
		}
		if stats.Connects != connects {
			connects = stats.Connects
			a.changeAll() // Redis may have forgotten them
		}
		for _, l := range a.unsaved() {
			a.saveOne(l)
		}
	}
}

func (a *recoveringAdapter) changeAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.sessions {
		l.changed = true
	}
}

// unsaved are the sessions that are to be saved now.
func (a *recoveringAdapter) unsaved() []*liveSession {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []*liveSession
	for _, l := range a.sessions {
		if l.changed || time.Since(l.saved) >= refreshEvery {
			due = append(due, l)
			l.changed = false // from here on anything is another change
		}
		if len(due) == savesAtOnce {
			break
		}
	}
	return due
}

func (a *recoveringAdapter) saveOne(l *liveSession) {
	session, connected := l.socket.SavedSession()
	a.mu.Lock()
	defer a.mu.Unlock()
	sid := l.socket.ID()
	switch {
	case a.sessions[sid] != l: // gone meanwhile
	case connected:
		l.saved, l.pid = time.Now(), session.PID
		a.keep(session, a.recovery.MaxDisconnectionDuration+2*refreshEvery, a.uid)
	case a.SocketRooms(sid) != nil:
		l.changed = true // it is about to connect, or to go
	default: // it has joined something after its end, or before its beginning, with which it comes again
		delete(a.sessions, sid)
	}
}
