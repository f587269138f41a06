package adapter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
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
	// localWait is how long this server's sockets wait for a broadcast to come back from the stream.
	localWait = time.Second
	// saveEvery is how often changed sessions are saved, refreshEvery how often all are.
	saveEvery    = time.Second
	refreshEvery = 30 * time.Second
	// restoreTimeout bounds how long a client that wants to resume waits for Redis.
	restoreTimeout = 2 * time.Second
	// captureLife bounds how long a session that is being resumed may take.
	captureLife = time.Minute
	rangeCount  = 1000 // entries fetched at once
)

// recoveringAdapter is a streams adapter whose sessions can be resumed on any server of the cluster, also when the one
// that they were on was killed: sessions are saved while they last, not only when they end.
type recoveringAdapter struct {
	*streamsBus
	recovery socketio.ConnectionStateRecovery

	mu      sync.Mutex
	pending []ownPacket // broadcasts of this server that have not come back, oldest first
	stalled bool        // the stream does not answer: nothing waits for it
	timer   *time.Timer
	changed map[*socketio.Socket]bool // sessions to save
	live    map[*socketio.Socket]bool

	captures []*capture // of the inbox's goroutine
}

// An ownPacket is a broadcast that waits for its offset.
type ownPacket struct {
	seq         uint64
	since       time.Time
	payload     json.RawMessage
	attachments [][]byte
	opts        socketio.BroadcastOptions
}

// A capture collects what a session misses while it is being resumed.
type capture struct {
	rooms  []string
	missed []missedPacket
}

type missedPacket struct {
	id          string // "" where it has no offset
	payload     json.RawMessage
	attachments [][]byte
}

func newRecoveringAdapter(b *streamsBus) *recoveringAdapter {
	a := &recoveringAdapter{
		streamsBus: b, recovery: *b.streams.opts.Recovery,
		changed: make(map[*socketio.Socket]bool), live: make(map[*socketio.Socket]bool),
	}
	if a.recovery.MaxDisconnectionDuration <= 0 {
		a.recovery.MaxDisconnectionDuration = 2 * time.Minute
	}
	b.own, b.seen = a.ownReturned, a.broadcastSeen
	b.redis.background.Go(a.save)
	return a
}

// Broadcast adds p to the stream; this server's sockets get it when it comes back.
func (a *recoveringAdapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	if opts.Flags.Local || opts.Flags.Volatile {
		return a.clusterAdapter.Broadcast(p, opts) // not resumed
	}
	m, err := a.broadcastMessage(p, opts, "")
	if err != nil {
		return err
	}
	payload, attachments, err := p.Payload()
	if err != nil {
		return err
	}
	own := ownPacket{since: time.Now(), payload: payload, attachments: attachments, opts: opts}
	a.mu.Lock()
	defer a.mu.Unlock()
	if own.seq, err = a.append(m); err != nil {
		return err
	}
	if a.stalled {
		a.enqueue(inbound{run: func() { a.deliver(own.opts, missedPacket{"", own.payload, own.attachments}) }}, len(payload))
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

// expire delivers what has waited too long, and all behind it: the stream does not answer.
func (a *recoveringAdapter) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) == 0 {
		return
	}
	if age := time.Since(a.pending[0].since); age < localWait {
		a.arm(localWait - age)
		return
	}
	a.stalled = true
	a.flush(len(a.pending))
}

// flush delivers the first n pending packets without an offset. It is called with mu held.
func (a *recoveringAdapter) flush(n int) {
	for _, own := range a.pending[:n] {
		a.enqueue(inbound{run: func() { a.deliver(own.opts, missedPacket{"", own.payload, own.attachments}) }},
			len(own.payload))
	}
	a.pending = append([]ownPacket(nil), a.pending[n:]...)
}

// ownReturned delivers a broadcast of this server that has come back. It runs on the inbox's goroutine.
func (a *recoveringAdapter) ownReturned(entry redis.XMessage, seq uint64) {
	a.mu.Lock()
	a.stalled = false
	var lost []ownPacket // a full outbox turned them away
	for len(a.pending) > 0 && a.pending[0].seq < seq {
		lost = append(lost, a.pending[0])
		a.pending = a.pending[1:]
	}
	var own *ownPacket
	if len(a.pending) > 0 && a.pending[0].seq == seq {
		first := a.pending[0]
		own, a.pending = &first, a.pending[1:]
	}
	a.mu.Unlock()
	for _, l := range lost {
		a.deliver(l.opts, missedPacket{"", l.payload, l.attachments})
	}
	if own != nil {
		a.deliver(own.opts, missedPacket{entry.ID, own.payload, own.attachments})
	}
}

// broadcastSeen delivers a broadcast of another server. It runs on the inbox's goroutine.
func (a *recoveringAdapter) broadcastSeen(entry redis.XMessage, m clusterMessage) {
	p, opts, err := readStreamed(entry, m)
	if err != nil {
		a.malformed(m.UID, err)
		return
	}
	if opts.Flags.Volatile {
		p.id = ""
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
	for _, c := range a.captures {
		if reaches(opts, c.rooms) {
			c.missed = append(c.missed, p)
		}
	}
	_ = a.MemoryAdapter.Broadcast(p.packet(a.ns), opts) // it is encoded: nothing can fail
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
	SID   string          `json:"sid"`
	PID   string          `json:"pid"`
	Rooms []wireRoom      `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

func (a *recoveringAdapter) key(pid string) string { return a.streams.opts.SessionPrefix + pid }

// PersistSession keeps the session of a socket that has gone.
func (a *recoveringAdapter) PersistSession(s socketio.Session) {
	a.keep(s, a.recovery.MaxDisconnectionDuration)
}

func (a *recoveringAdapter) keep(s socketio.Session, ttl time.Duration) {
	data, attachments, err := a.argument(s.Data)
	var text []byte
	if err == nil {
		if string(data) == "null" {
			data = json.RawMessage("{}") // what Node's sockets have
		}
		text, err = marshal(wireSession{s.SID, s.PID, toWireRooms(s.Rooms), data})
	}
	if err == nil {
		text, err = appendJSON(nil, text, attachments)
	}
	if err != nil {
		a.redis.opts.Logger.Error("session cannot be kept", "sid", s.SID, "error", err)
		return
	}
	value := base64.StdEncoding.EncodeToString(text)
	key := a.key(s.PID)
	a.redis.enqueue(command{
		make:  func(ctx context.Context, p redis.Pipeliner) redis.Cmder { return p.Set(ctx, key, value, ttl) },
		again: true,
		size:  len(key) + len(value),
	})
}

var offsetForm = regexp.MustCompile(`^[0-9]+-[0-9]+$`)

// RestoreSession returns what is kept for pid, and what its client has missed since offset.
func (a *recoveringAdapter) RestoreSession(ctx context.Context, pid, offset string) (*socketio.RestoredSession, error) {
	if !offsetForm.MatchString(offset) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	session, err := a.takeSession(ctx, pid, offset)
	if session == nil {
		return nil, err
	}
	rooms := fromWireRooms(session.Rooms)
	c := &capture{rooms: rooms}
	a.onInbox(ctx, func() { a.captures = append(a.captures, c) })
	forget := func() {
		a.captures = slices.DeleteFunc(a.captures, func(other *capture) bool { return other == c })
	}
	missed, last, err := a.since(ctx, offset, rooms)
	if err != nil {
		a.onInbox(ctx, forget)
		return nil, err
	}
	expire := time.AfterFunc(captureLife, func() { a.enqueue(inbound{run: forget}, 0) })
	data, _ := socketio.NewRaw(orNull(session.Data))
	resume := func(live func([]*socketio.Packet)) {
		expire.Stop()
		a.onInbox(context.Background(), func() {
			for _, p := range c.missed {
				if p.id == "" || idLess(last, p.id) {
					missed = append(missed, p.packet(a.ns))
				}
			}
			forget()
			live(missed)
		})
	}
	return &socketio.RestoredSession{
		Session: socketio.Session{SID: session.SID, PID: session.PID, Rooms: rooms, Data: data}, Resume: resume,
	}, nil
}

// takeSession takes a session out of Redis; nil where there is none, or its offset is no longer in the stream.
func (a *recoveringAdapter) takeSession(ctx context.Context, pid, offset string) (*wireSession, error) {
	var value *redis.StringCmd
	var at *redis.XMessageSliceCmd
	_, err := a.redis.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		value = p.Get(ctx, a.key(pid))
		p.Del(ctx, a.key(pid))
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	at = a.redis.client.XRange(ctx, a.stream, offset, offset)
	if at.Err() != nil {
		return nil, at.Err()
	}
	if value.Err() != nil || len(at.Val()) == 0 {
		return nil, nil
	}
	packed, err := base64.StdEncoding.DecodeString(value.Val())
	if err != nil {
		return nil, err
	}
	text, _, err := toJSON(packed)
	if err != nil {
		return nil, err
	}
	var s wireSession
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	if s.SID == "" || s.PID != pid {
		return nil, errShort
	}
	// A server that has not noticed yet that the client has gone still has its socket.
	if old := a.ns.Socket(s.SID); old != nil {
		old.Disconnect(true)
	}
	return &s, a.command(typeDisconnectSockets, socketio.BroadcastOptions{Rooms: []string{s.SID}},
		clusterData{Close: new(bool)})
}

// since returns the broadcasts behind offset that a socket in rooms would have got, and the last entry's id.
func (a *recoveringAdapter) since(ctx context.Context, offset string, rooms []string) ([]*socketio.Packet, string, error) {
	var missed []*socketio.Packet
	seqs := make(map[string]uint64)
	for {
		entries, err := a.redis.client.XRangeN(ctx, a.stream, "("+offset, "+", rangeCount).Result()
		if err != nil {
			return nil, "", err
		}
		for _, entry := range entries {
			offset = entry.ID
			m, err := decodeEntry(entry)
			if err != nil || m.NSP != a.ns.Name() || m.Type != typeBroadcast {
				continue
			}
			if text, ok := entry.Values["seq"].(string); ok { // added twice: see receiveEntry
				seq, _ := strconv.ParseUint(text, 10, 64)
				if seq <= seqs[m.UID] {
					continue
				}
				seqs[m.UID] = seq
			}
			p, opts, err := readStreamed(entry, m)
			if err == nil && reaches(opts, rooms) && !opts.Flags.Volatile {
				missed = append(missed, p.packet(a.ns))
			}
		}
		if len(entries) < rangeCount {
			return missed, offset, nil
		}
	}
}

// onInbox runs f in line with what is delivered, and waits for it.
func (a *recoveringAdapter) onInbox(ctx context.Context, f func()) {
	done := make(chan struct{})
	for !a.inbox.add(inbound{run: func() { f(); close(done) }}, 0) { // full
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
	<-done
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

// DelAll takes s out of all its rooms, for good.
func (a *recoveringAdapter) DelAll(s *socketio.Socket) {
	a.mu.Lock()
	delete(a.changed, s)
	delete(a.live, s)
	a.mu.Unlock()
	a.MemoryAdapter.DelAll(s)
}

// SessionChanged sees to it that the session of s is saved soon.
func (a *recoveringAdapter) SessionChanged(s *socketio.Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed[s], a.live[s] = true, true
}

// save saves sessions while they last, so that they can be resumed after this server has been killed.
func (a *recoveringAdapter) save() {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	refreshed := time.Now()
	for {
		select {
		case <-a.redis.ctx.Done():
			return
		case <-tick.C:
		}
		a.mu.Lock()
		todo := a.changed
		a.changed = make(map[*socketio.Socket]bool)
		if time.Since(refreshed) >= refreshEvery {
			refreshed = time.Now()
			for s := range a.live {
				todo[s] = true
			}
		}
		a.mu.Unlock()
		for s := range todo {
			if session, ok := s.Session(); ok {
				a.keep(session, a.recovery.MaxDisconnectionDuration+2*refreshEvery)
			}
		}
	}
}
