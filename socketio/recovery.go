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

// RecoveryAdapter is a MemoryAdapter whose sessions can be resumed. To every event that it sends it appends an
// argument, an offset, with which the client says what it has received. All such adapters of a server keep at most
// ConnectionStateRecovery.MaxBytes; a client that has missed what had to make room begins a new session.
type RecoveryAdapter struct {
	*MemoryAdapter
	maxAge time.Duration
	prefix string // of offsets: those of another run of the server mean nothing to this one
	now    func() time.Time
	log    *recoveryLog

	mu sync.Mutex // events are kept, and sent, in one order

	// Guarded by log.mu.
	sessions map[string]*keptSession // by pid
	packets  []keptPacket            // oldest first, their numbers without gaps
	next     uint64                  // number of the next packet
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
		now:           time.Now,
		log:           &ns.server.recovery,
		sessions:      make(map[string]*keptSession),
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
	p.AppendString(a.prefix + strconv.FormatUint(a.next, 36)) // nobody else changes next
	a.log.addPacket(a, p, opts)
	return a.MemoryAdapter.Broadcast(p, opts)
}

// PersistSession keeps a session until it is resumed or too old.
func (a *RecoveryAdapter) PersistSession(s SavedSession) { a.log.addSession(a, s) }

// RestoreSession returns the session of pid, if it and the packet at offset are kept.
func (a *RecoveryAdapter) RestoreSession(_ context.Context, pid, offset string) (*RestoredSession, error) {
	a.log.mu.Lock()
	defer a.log.mu.Unlock()
	s, ok := a.sessions[pid]
	if !ok || a.now().Sub(s.since) > a.maxAge {
		return nil, nil
	}
	number, ok := a.parseOffset(offset)
	if !ok {
		return nil, nil
	}
	return &RestoredSession{SavedSession: s.SavedSession, Resume: func(live func([]*Packet)) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if missed, ok := a.since(number, s.Rooms); ok {
			live(missed)
		}
	}}, nil
}

// since are the kept packets behind number for a socket in these rooms. It reports false where some are not kept any
// more.
func (a *RecoveryAdapter) since(number uint64, rooms []string) (missed []*Packet, ok bool) {
	a.log.mu.Lock()
	defer a.log.mu.Unlock()
	first := a.next - uint64(len(a.packets))
	if number+1 < first {
		return nil, false
	}
	for i := number + 1; i < a.next; i++ {
		if k := a.packets[i-first]; k.opts.Selects(rooms) {
			missed = append(missed, k.packet.slim())
		}
	}
	return missed, true
}

// resumes reports whether r is what an adapter may return for pid. A foreign server may have saved anything.
func (r *RestoredSession) resumes(pid string) bool { return r.SID != "" && r.PID == pid }

// parseOffset is the number of the kept packet that offset names. It is called with log.mu held.
func (a *RecoveryAdapter) parseOffset(offset string) (uint64, bool) {
	digits, ok := strings.CutPrefix(offset, a.prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 36, 64)
	first := a.next - uint64(len(a.packets))
	return n, err == nil && n < a.next && n >= first && a.now().Sub(a.packets[n-first].at) <= a.maxAge
}
