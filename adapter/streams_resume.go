package adapter

// The Streams protocol with recovery: how a session is resumed, whichever server it was on.

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
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// restoreTimeout bounds how long Redis may keep a client waiting that wants to resume.
	restoreTimeout = 2 * time.Second
	// captureLife bounds how long it may take to resume a session.
	captureLife = time.Minute
	rangeCount  = 1000 // entries fetched at once
)

// offsetForm is that of an entry's id. Redis takes no longer numbers.
var offsetForm = regexp.MustCompile(`^[0-9]{1,20}-[0-9]{1,20}$`)

// RestoreSession returns the session that is kept for pid, and what its client has missed since offset.
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
	c := &capture{
		offset: offset, rooms: wire.FromRooms(session.Rooms), until: time.Now().Add(captureLife),
		begun: make(chan struct{}),
	}
	missed, err := a.capture(ctx, c)
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
		SavedSession: socketio.SavedSession{SID: session.SID, PID: session.PID, Rooms: c.rooms, Data: data},
		Resume:       resume,
	}, nil
}

// hasOffset reports whether the stream still has the event at offset, and it is one of this namespace.
func (a *recoveringAdapter) hasOffset(ctx context.Context, offset string) (bool, error) {
	entries, err := a.redis.client.XRange(ctx, a.bus.stream, offset, offset).Result()
	if err != nil && isReply(err) {
		return false, nil // not an id
	}
	return err == nil && len(entries) == 1 && entries[0].Values["nsp"] == a.ns.Name(), err
}

// takeSession takes a session out of Redis; nil where there is none.
func (a *recoveringAdapter) takeSession(
	ctx context.Context, pid string,
) (s *wireSession, data socketio.Raw, err error) {
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
	return decodeSession(value.Val(), pid)
}

// decodeSession reads the session that is kept for pid.
func decodeSession(value, pid string) (s *wireSession, data socketio.Raw, err error) {
	packed, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, data, err
	}
	text, attachments, err := wire.ToJSON(packed)
	if err != nil {
		return nil, data, err
	}
	s = new(wireSession)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, data, err
	}
	if s.SID == "" || s.PID != pid {
		return nil, data, msgpackjson.ErrShort
	}
	if len(s.Data) > 0 && string(s.Data) != "{}" { // what Node.js writes for no data
		if data, err = socketio.NewRaw(s.Data, attachments...); err != nil {
			return nil, data, err
		}
	}
	return s, data, nil
}

// takeOver disconnects the session's old socket, if there still is one: its server has not noticed that the client is
// gone.
func (a *recoveringAdapter) takeOver(s *wireSession) {
	if old := a.ns.Socket(s.SID); old != nil {
		a.takenOver([]string{s.SID})
		old.Disconnect(false)
	}
	if s.Server == "" || s.Server == a.ID() {
		return
	}
	_ = a.bus.Respond(s.Server, cluster.Message{ // which can always be encoded
		Type: cluster.DisconnectSockets, Sender: a.ID(), Opts: socketio.BroadcastOptions{Rooms: []string{s.SID}},
		Resumed: true,
	})
}

// takenOver keeps sessions in Redis when their sockets here go: they go on elsewhere.
func (a *recoveringAdapter) takenOver(sids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, sid := range sids {
		if l := a.sessions[sid]; l != nil {
			l.pid, l.changed, l.saved = "", false, time.Now()
		}
	}
}

// A capture collects what a session misses while it is being resumed. at and repeats belong to the inbox's goroutine
// until begun is closed, missed always does.
type capture struct {
	offset  string // what the client has seen
	rooms   []string
	until   time.Time
	begun   chan struct{}
	at      string          // the entry behind which the capture has begun
	repeats map[string]bool // ids of earlier entries that repeat others
	missed  []*socketio.Packet
}

// capture begins a capture as soon as this server has dealt with everything that the client has seen. It returns what
// the client has missed until then.
func (a *recoveringAdapter) capture(ctx context.Context, c *capture) ([]*socketio.Packet, error) {
	if err := a.onInbox(ctx, func() {
		a.waiting = append(a.waiting, c)
		a.beginCaptures()
	}); err != nil {
		return nil, err
	}
	select {
	case <-c.begun:
		return a.between(ctx, c.offset, c.at, c.rooms, c.repeats)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// beginCaptures begins the captures whose offsets this server has dealt with. It runs on the inbox's goroutine.
func (a *recoveringAdapter) beginCaptures() {
	if len(a.waiting) == 0 {
		return
	}
	in := &a.bus.received
	a.waiting = slices.DeleteFunc(a.waiting, func(c *capture) bool {
		if in.at == "" || idLess(in.at, c.offset) {
			return false
		}
		c.at, c.repeats = in.at, maps.Clone(in.repeats)
		a.captures = append(a.captures, c)
		close(c.begun)
		return true
	})
}

// captureMissed adds a packet to the captures of the sessions that it would have reached. It runs on the inbox's
// goroutine.
func (a *recoveringAdapter) captureMissed(opts socketio.BroadcastOptions, p *socketio.Packet) {
	if len(a.captures) == 0 {
		return
	}
	now := time.Now()
	a.captures = slices.DeleteFunc(a.captures, func(c *capture) bool { return now.After(c.until) })
	for _, c := range a.captures {
		if opts.Selects(c.rooms) {
			c.missed = append(c.missed, p)
		}
	}
}

func (a *recoveringAdapter) forget(c *capture) {
	is := func(other *capture) bool { return other == c }
	a.captures, a.waiting = slices.DeleteFunc(a.captures, is), slices.DeleteFunc(a.waiting, is)
}

// between returns the broadcasts behind one entry and up to another that would have reached a socket in rooms.
func (a *recoveringAdapter) between(
	ctx context.Context, from, to string, rooms []string, repeats map[string]bool,
) ([]*socketio.Packet, error) {
	var missed []*socketio.Packet
	for idLess(from, to) {
		entries, err := a.redis.client.XRangeN(ctx, a.bus.stream, "("+from, to, rangeCount).Result()
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			from = entry.ID
			if entry.Values["nsp"] != a.ns.Name() || repeats[entry.ID] {
				continue
			}
			m, err := a.bus.decodeEntry(entry)
			if err != nil || m.Type != cluster.Broadcast || m.Opts.Flags.Volatile || !m.Opts.Selects(rooms) {
				continue
			}
			if p, err := streamedPacket(a.ns, &m); err == nil {
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

// onInbox runs f in line with what is delivered, and waits for it. The error is ctx's, where there was no room in line.
func (a *recoveringAdapter) onInbox(ctx context.Context, f func()) error {
	done := make(chan struct{})
	if err := a.EnqueueWait(ctx, 0, func() { f(); close(done) }); err != nil {
		return err
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
