package socketio

// Connection state recovery on a single server: broadcasts are kept for some minutes, so that a client that was away
// for a moment gets what it missed.

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// RecoveryAdapter is a MemoryAdapter whose sessions can be resumed. It appends an argument to every event, the
// offset, with which the client says what it has received.
type RecoveryAdapter struct {
	*MemoryAdapter
	maxAge time.Duration
	prefix string // of offsets: this run of the server knows those of no other

	mu       sync.Mutex
	sessions map[string]keptSession // by pid
	packets  []keptPacket           // oldest first, their numbers without gaps
	next     uint64                 // number of the next packet
	swept    time.Time
	now      func() time.Time
}

type keptSession struct {
	SavedSession
	since time.Time
}

type keptPacket struct {
	packet *Packet
	opts   BroadcastOptions
	at     time.Time
}

var _ Adapter = (*RecoveryAdapter)(nil)

// NewRecoveryAdapter returns an adapter for ns that keeps sessions and packets for maxAge.
func NewRecoveryAdapter(ns *Namespace, maxAge time.Duration) *RecoveryAdapter {
	return &RecoveryAdapter{
		MemoryAdapter: NewMemoryAdapter(ns),
		maxAge:        maxAge,
		prefix:        engineio.NewID()[:8] + ".",
		sessions:      make(map[string]keptSession),
		now:           time.Now,
	}
}

// Broadcast sends p as MemoryAdapter does, and keeps it unless it is volatile.
func (a *RecoveryAdapter) Broadcast(p *Packet, opts BroadcastOptions) error {
	if p.hasAckID || opts.Flags.Volatile {
		return a.MemoryAdapter.Broadcast(p, opts)
	}
	if _, _, err := p.Payload(); err != nil { // not under the lock: it may call code of the program
		return err
	}
	// Keep packets in the order in which they are sent: an offset stands for everything before it.
	a.mu.Lock()
	defer a.mu.Unlock()
	p.AppendString(a.prefix + strconv.FormatUint(a.next, 36))
	a.sweep()
	a.packets = append(a.packets, keptPacket{packet: p, opts: opts, at: a.now()})
	a.next++
	return a.MemoryAdapter.Broadcast(p, opts)
}

// sweep forgets what is too old, at most once a second. It is called with a.mu held.
func (a *RecoveryAdapter) sweep() {
	now := a.now()
	if now.Sub(a.swept) < time.Second {
		return
	}
	a.swept = now
	for pid, s := range a.sessions {
		if now.Sub(s.since) > a.maxAge {
			delete(a.sessions, pid)
		}
	}
	old := 0
	for old < len(a.packets) && now.Sub(a.packets[old].at) > a.maxAge {
		old++
	}
	if old > 0 {
		a.packets = append(make([]keptPacket, 0, len(a.packets)-old), a.packets[old:]...)
	}
}

// PersistSession keeps a session until it is resumed or too old.
func (a *RecoveryAdapter) PersistSession(s SavedSession) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweep()
	a.sessions[s.PID] = keptSession{SavedSession: s, since: a.now()}
}

// RestoreSession returns the session of pid, if it and the packet at offset are kept.
func (a *RecoveryAdapter) RestoreSession(_ context.Context, pid, offset string) (*RestoredSession, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.sessions[pid]
	if !ok {
		return nil, nil
	}
	if a.now().Sub(s.since) > a.maxAge {
		delete(a.sessions, pid)
		return nil, nil
	}
	number, ok := a.parseOffset(offset)
	if !ok {
		return nil, nil
	}
	return &RestoredSession{SavedSession: s.SavedSession, Resume: func(live func([]*Packet)) {
		a.mu.Lock()
		defer a.mu.Unlock()
		var missed []*Packet
		first := a.next - uint64(len(a.packets))
		for i := max(number+1, first); i < a.next; i++ {
			if k := a.packets[i-first]; k.opts.Selects(s.Rooms) {
				missed = append(missed, k.packet)
			}
		}
		live(missed)
	}}, nil
}

// resumes reports whether r is what an adapter may return for pid. A foreign server may have saved anything.
func (r *RestoredSession) resumes(pid string) bool { return r.SID != "" && r.PID == pid }

// parseOffset is the number of the kept packet that offset names.
func (a *RecoveryAdapter) parseOffset(offset string) (uint64, bool) {
	digits, ok := strings.CutPrefix(offset, a.prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 36, 64)
	return n, err == nil && n < a.next && n >= a.next-uint64(len(a.packets))
}
