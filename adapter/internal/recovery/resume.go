package recovery

// How a session is resumed, whichever server it was on.

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

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// restoreTimeout bounds how long a client waits that wants to resume, as long as the broker is there: thousands
	// that come at a time keep a server busy for seconds, and one that got a new session instead would miss something.
	restoreTimeout = 45 * time.Second
	// awayTimeout is how long it waits where the broker is not.
	awayTimeout = 2 * time.Second
	// attemptTimeout is how long the broker may take for one answer until it is asked again, attemptPause later.
	attemptTimeout = 5 * time.Second
	attemptPause   = 50 * time.Millisecond
	// ownTimeout is how long it waits at least for what this server has said itself to come back.
	ownTimeout = 10 * time.Second
	// captureLife bounds how long it may take to resume a session. It is longer than restoreTimeout.
	captureLife = 2 * time.Minute
)

// offsetForm is that of an offset. Redis takes no longer numbers.
var offsetForm = regexp.MustCompile(`^[0-9]{1,20}-[0-9]{1,20}$`)

// RestoreSession returns the session that is kept for pid, and what its client has missed since offset. Where that
// fails, or ctx ends, the session is kept on.
func (a *Adapter) RestoreSession(ctx context.Context, pid, offset string) (*socketio.RestoredSession, error) {
	if !offsetForm.MatchString(offset) {
		return nil, nil
	}
	ctx, cancel := a.whileUp(ctx)
	defer cancel()
	if ok, err := a.log.Has(ctx, offset); !ok {
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
		a.giveBack(session, data)
		_ = a.EnqueueWait(context.Background(), 0, func() { a.forget(c) }) // behind what would make it begin
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

// whileUp returns a context that lasts for restoreTimeout at most, and awayTimeout where the broker is away then.
func (a *Adapter) whileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	var look func()
	look = func() {
		if up, _ := a.log.Standing(); !up {
			cancel()
		} else if ctx.Err() == nil {
			time.AfterFunc(awayTimeout, look)
		}
	}
	first := time.AfterFunc(awayTimeout, look)
	return ctx, func() {
		first.Stop()
		cancel()
	}
}

// Insist asks the broker until there is no error, or one that is final, or ctx is done.
func Insist(ctx context.Context, final func(error) bool, ask func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := ask(attempt)
		cancel()
		if err == nil || final(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(attemptPause):
		case <-ctx.Done():
			return err
		}
	}
}

// giveBack keeps a session that was taken out and not resumed, as its client may try again.
func (a *Adapter) giveBack(s *wireSession, data socketio.Raw) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep(socketio.SavedSession{SID: s.SID, PID: s.PID, Rooms: wire.FromRooms(s.Rooms), Data: data},
		a.recovery.MaxDisconnectionDuration, "")
}

// takeSession takes a session out of the log; nil where there is none.
func (a *Adapter) takeSession(ctx context.Context, pid string) (s *wireSession, data socketio.Raw, err error) {
	value, err := a.log.Take(ctx, pid)
	if value == "" || err != nil {
		return nil, data, err
	}
	return decodeSession(value, pid)
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
func (a *Adapter) takeOver(s *wireSession) {
	if old := a.ns.Socket(s.SID); old != nil {
		a.TakenOver([]string{s.SID})
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

// TakenOver keeps sessions in the log when their sockets here go: they go on elsewhere.
func (a *Adapter) TakenOver(sids []string) {
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
	back    uint64          // the number of the last of this server's entries up to there
	repeats map[string]bool // offsets of earlier entries that repeat others
	missed  []*socketio.Packet
}

var errOwnMissing = errors.New("recovery: what this server has said does not come back from the log")

// capture begins a capture as soon as this server has dealt with everything that the client has seen, and what it has
// delivered early has come back: the client may not have had that, and would not get it when it comes. It returns what
// the client has missed until then.
func (a *Adapter) capture(ctx context.Context, c *capture) ([]*socketio.Packet, error) {
	if err := a.onInbox(ctx, func() {
		a.waiting = append(a.waiting, c)
		a.beginCaptures()
	}); err != nil {
		return nil, err
	}
	look := time.NewTicker(ownTimeout)
	defer look.Stop()
	for {
		select {
		case <-c.begun:
			return a.between(ctx, c.offset, c.at, c.rooms, c.repeats)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-look.C:
			missing := false
			if err := a.onInbox(ctx, func() {
				missing = slices.Contains(a.waiting, c) && a.hasDealtWith(c.offset)
			}); err != nil {
				return nil, err
			}
			if missing { // a full outbox has dropped it, and nothing was said since
				return nil, errOwnMissing
			}
		}
	}
}

// hasDealtWith reports whether what is at an offset has been dealt with. It runs on the inbox's goroutine.
func (a *Adapter) hasDealtWith(offset string) bool { return a.in.At != "" && !Less(a.in.At, offset) }

// beginCaptures begins the captures whose offsets this server has dealt with. It runs on the inbox's goroutine.
func (a *Adapter) beginCaptures() {
	if len(a.waiting) == 0 || a.early > a.back {
		return
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(c *capture) bool {
		if !a.hasDealtWith(c.offset) {
			return false
		}
		c.at, c.back, c.repeats = a.in.At, a.back, maps.Clone(a.in.repeats)
		a.captures = append(a.captures, c)
		close(c.begun)
		return true
	})
}

// captureMissed adds a packet to the captures of the sessions that it would have reached, but for those that find it in
// the log, where it is this server's entry seq. It runs on the inbox's goroutine.
func (a *Adapter) captureMissed(opts socketio.BroadcastOptions, p *socketio.Packet, seq uint64) {
	if len(a.captures) == 0 {
		return
	}
	now := time.Now()
	a.captures = slices.DeleteFunc(a.captures, func(c *capture) bool { return now.After(c.until) })
	for _, c := range a.captures {
		if (seq == 0 || seq > c.back) && opts.Selects(c.rooms) {
			c.missed = append(c.missed, p)
		}
	}
}

func (a *Adapter) forget(c *capture) {
	is := func(other *capture) bool { return other == c }
	a.captures, a.waiting = slices.DeleteFunc(a.captures, is), slices.DeleteFunc(a.waiting, is)
}

// between returns the broadcasts behind one entry and up to another that would have reached a socket in rooms.
func (a *Adapter) between(
	ctx context.Context, from, to string, rooms []string, repeats map[string]bool,
) ([]*socketio.Packet, error) {
	var missed []*socketio.Packet
	if !Less(from, to) {
		return nil, nil
	}
	err := a.log.Between(ctx, from, to, func(offset string, m *cluster.Message) {
		if m.Type != cluster.Broadcast || m.Opts.Flags.Volatile || !m.Opts.Selects(rooms) || repeats[offset] {
			return
		}
		if p, err := a.ns.NewPayloadPacket(m.Payload, m.Attachments); err == nil {
			p.AppendString(offset)
			missed = append(missed, p)
		}
	})
	return missed, err
}

// onInbox runs f in line with what is delivered, and waits for it. The error is ctx's: f runs later then, or not at
// all, where there was no room in line.
func (a *Adapter) onInbox(ctx context.Context, f func()) error {
	done := make(chan struct{})
	if err := a.EnqueueWait(ctx, 0, func() { f(); close(done) }); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Less reports whether an offset stands before another.
func Less(a, b string) bool {
	am, as := Split(a)
	bm, bs := Split(b)
	return am < bm || am == bm && as < bs
}

// Split returns the two numbers of an offset, 0 for what is none.
func Split(offset string) (high, low uint64) {
	left, right, _ := strings.Cut(offset, "-")
	high, _ = strconv.ParseUint(left, 10, 64)
	low, _ = strconv.ParseUint(right, 10, 64)
	return high, low
}
