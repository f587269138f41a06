package adapter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"websocket-escalonavel/socketio"
)

const (
	// localWait is how long this server's sockets wait for a broadcast to come back from a stream that is silent.
	localWait = time.Second
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

// recoveringAdapter is a streams adapter whose sessions can be resumed on any server of the cluster, also when the one
// that they were on was killed: sessions are saved while they last, not only when they end.
//
// What this server's sockets have got without an offset, because Redis was away, they get once more if they resume
// from before it: nobody can say what of it has arrived.
type recoveringAdapter struct {
	*streamsBus
	recovery socketio.ConnectionStateRecovery
	over     chan struct{} // closed by Close

	mu       sync.Mutex
	pending  []ownPacket // broadcasts of this server that have not come back, oldest first
	returned time.Time   // when the last one came back
	stalled  bool        // the stream does not answer: nothing waits for it
	timer    *time.Timer
	sessions map[string]*liveSession // by sid

	captures []*capture // of the inbox's goroutine
}

// A liveSession is that of a socket of this server.
type liveSession struct {
	socket  *socketio.Socket
	changed bool
	saved   time.Time
	pid     string // "" while there is nothing in Redis that is to go when the socket goes
}

// An ownPacket is a broadcast that waits for its offset, or behind one that does.
type ownPacket struct {
	seq         uint64 // 0 where it is for this server alone
	since       time.Time
	payload     json.RawMessage
	attachments [][]byte
	opts        socketio.BroadcastOptions
}

// A capture collects what a session misses while it is being resumed.
type capture struct {
	rooms  []string
	missed []missedPacket
	until  time.Time
}

type missedPacket struct {
	id          string // "" where it has no offset
	payload     json.RawMessage
	attachments [][]byte
}

func newRecoveringAdapter(b *streamsBus) *recoveringAdapter {
	a := &recoveringAdapter{
		streamsBus: b, recovery: *b.streams.opts.Recovery, over: make(chan struct{}),
		sessions: make(map[string]*liveSession),
	}
	if a.recovery.MaxDisconnectionDuration <= 0 {
		a.recovery.MaxDisconnectionDuration = 2 * time.Minute
	}
	b.own, b.seen, b.resumed = a.ownReturned, a.broadcastSeen, a.takenOver
	b.redis.background.Go(a.save)
	return a
}

// Close ends the subscriptions. What waits for its offset is delivered without.
func (a *recoveringAdapter) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.flush()
	a.mu.Unlock()
	select {
	case <-a.over:
	default:
		close(a.over)
	}
	return a.clusterAdapter.Close(ctx)
}

// Broadcast adds p to the stream; this server's sockets get it when it comes back, in the order of the stream. What is
// for them alone keeps its place in that order.
func (a *recoveringAdapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	payload, attachments, err := p.Payload()
	if err != nil {
		return err
	}
	own := ownPacket{since: time.Now(), payload: payload, attachments: attachments, opts: opts}
	var m outMessage
	if !opts.Flags.Local {
		if m, err = a.broadcastMessage(p, opts, ""); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !opts.Flags.Local {
		if own.seq, err = a.append(m); err != nil {
			return err
		}
	}
	if a.stalled || opts.Flags.Local && len(a.pending) == 0 {
		a.deliverSoon(own)
		return nil
	}
	a.pending = append(a.pending, own)
	if len(a.pending) == 1 {
		a.arm(localWait)
	}
	return nil
}

func (a *recoveringAdapter) arm(d time.Duration) {
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.expire)
	} else {
		a.timer.Reset(d)
	}
}

// expire delivers what waits once nothing has come back for too long: the stream does not answer.
func (a *recoveringAdapter) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) == 0 {
		return
	}
	since := a.pending[0].since
	if a.returned.After(since) {
		since = a.returned
	}
	if age := time.Since(since); age < localWait {
		a.arm(localWait - age)
		return
	}
	a.stalled = true
	a.flush()
}

// flush delivers all pending packets without an offset. It is called with mu held.
func (a *recoveringAdapter) flush() {
	for _, own := range a.pending {
		a.deliverSoon(own)
	}
	a.pending = nil
}

// deliverSoon puts a packet in line, without an offset.
func (a *recoveringAdapter) deliverSoon(own ownPacket) {
	a.enqueue(inbound{run: func() { a.deliver(own.opts, missedPacket{"", own.payload, own.attachments}) }},
		len(own.payload))
}

// ownReturned delivers a broadcast of this server that has come back, and what of before it never will: a full outbox
// has turned it away. It runs on the inbox's goroutine.
func (a *recoveringAdapter) ownReturned(entry redis.XMessage, seq uint64) {
	a.mu.Lock()
	a.stalled, a.returned = false, time.Now()
	n := 0
	for n < len(a.pending) && a.pending[n].seq <= seq {
		n++
	}
	due := slices.Clone(a.pending[:n])
	clear(a.pending[:n])
	a.pending = a.pending[n:]
	a.mu.Unlock()
	for _, own := range due {
		p := missedPacket{"", own.payload, own.attachments}
		if own.seq == seq {
			p.id = entry.ID
		}
		a.deliver(own.opts, p)
	}
}

// broadcastSeen delivers a broadcast of another server. It runs on the inbox's goroutine.
func (a *recoveringAdapter) broadcastSeen(entry redis.XMessage, m clusterMessage) {
	p, opts, err := readStreamed(entry, m)
	if err != nil {
		a.malformed(m.UID, err)
		return
	}
	a.deliver(opts, p)
}

// readStreamed reads the broadcast that an entry holds.
func readStreamed(entry redis.XMessage, m clusterMessage) (missedPacket, socketio.BroadcastOptions, error) {
	var d clusterData
	var w wirePacket
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return missedPacket{}, socketio.BroadcastOptions{}, err
	}
	if err := json.Unmarshal(d.Packet, &w); err != nil {
		return missedPacket{}, socketio.BroadcastOptions{}, err
	}
	if _, _, err := splitEvent(w.Data, m.attachments); err != nil {
		return missedPacket{}, socketio.BroadcastOptions{}, err
	}
	if d.Opts == nil {
		return missedPacket{}, socketio.BroadcastOptions{}, errShort
	}
	return missedPacket{entry.ID, w.Data, m.attachments}, d.Opts.options(), nil
}

// deliver sends a packet to this server's sockets. It runs on the inbox's goroutine.
func (a *recoveringAdapter) deliver(opts socketio.BroadcastOptions, p missedPacket) {
	if opts.Flags.Volatile {
		p.id = ""
	} else if len(a.captures) > 0 {
		now := time.Now()
		a.captures = slices.DeleteFunc(a.captures, func(c *capture) bool { return now.After(c.until) })
		for _, c := range a.captures {
			if reaches(opts, c.rooms) {
				c.missed = append(c.missed, p)
			}
		}
	}
	if a.mayReach(opts) {
		_ = a.MemoryAdapter.Broadcast(p.packet(a.ns), opts) // it is encoded: nothing can fail
	}
}

func (p missedPacket) packet(ns *socketio.Namespace) *socketio.Packet {
	payload := p.payload
	if p.id != "" {
		payload = withOffset(payload, p.id)
	}
	return ns.NewPayloadPacket(payload, p.attachments)
}

// reaches reports whether a socket in these rooms is among those that opts select.
func reaches(opts socketio.BroadcastOptions, rooms []string) bool {
	for _, room := range opts.Except {
		if slices.Contains(rooms, room) {
			return false
		}
	}
	return len(opts.Rooms) == 0 ||
		slices.ContainsFunc(opts.Rooms, func(room string) bool { return slices.Contains(rooms, room) })
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
func (a *recoveringAdapter) PersistSession(s socketio.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep(s, a.recovery.MaxDisconnectionDuration, "")
	if l := a.sessions[s.SID]; l != nil {
		l.pid, l.changed = "", true // changed, in case that another socket has resumed it here
	}
}

// keep saves a session in Redis. It is called with mu held, so that what is done last counts.
func (a *recoveringAdapter) keep(s socketio.Session, ttl time.Duration, server string) {
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
			for _, p := range c.missed {
				missed = append(missed, p.packet(a.ns))
			}
			live(missed)
		})
	}
	return &socketio.RestoredSession{
		Session: socketio.Session{SID: session.SID, PID: session.PID, Rooms: c.rooms, Data: data}, Resume: resume,
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
func (a *recoveringAdapter) takeSession(ctx context.Context, pid string) (s *wireSession, data any, err error) {
	var value *redis.StringCmd
	_, err = a.redis.client.TxPipelined(ctx, func(p redis.Pipeliner) error { // GETDEL needs Redis 6.2
		value = p.Get(ctx, a.key(pid))
		p.Del(ctx, a.key(pid))
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	packed, err := base64.StdEncoding.DecodeString(value.Val())
	if err != nil {
		return nil, nil, err
	}
	text, attachments, err := toJSON(packed)
	if err != nil {
		return nil, nil, err
	}
	s = new(wireSession)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, nil, err
	}
	if s.SID == "" || s.PID != pid {
		return nil, nil, errShort
	}
	if len(s.Data) > 0 && string(s.Data) != "{}" { // what a socket begins with
		if data, err = socketio.NewRaw(s.Data, attachments...); err != nil {
			return nil, nil, err
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
			p, opts, err := readStreamed(entry, m)
			if err == nil && reaches(opts, rooms) && !opts.Flags.Volatile {
				missed = append(missed, p.packet(a.ns))
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

// idLess compares the ids of two entries.
func idLess(a, b string) bool {
	parse := func(id string) (ms, seq uint64) {
		left, right, _ := strings.Cut(id, "-")
		ms, _ = strconv.ParseUint(left, 10, 64)
		seq, _ = strconv.ParseUint(right, 10, 64)
		return ms, seq
	}
	am, as := parse(a)
	bm, bs := parse(b)
	return am < bm || am == bm && as < bs
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
	for {
		select {
		case <-a.redis.ctx.Done():
			return
		case <-a.over:
			return
		case <-tick.C:
		}
		if !a.redis.Stats().Up {
			continue // it would only fill the outbox
		}
		for _, l := range a.unsaved() {
			a.saveOne(l)
		}
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
	session, connected := l.socket.Session()
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
