package socketio

// The bound on what connection state recovery keeps in memory: one for all namespaces, or a client could have as much
// as it can name.

import (
	"sync"
	"time"
)

// defaultRecoveryBytes is ConnectionStateRecovery.MaxBytes.
const defaultRecoveryBytes = 64 << 20

// What a packet and a session are counted for beside what is in them, in bytes: about their size in memory.
const (
	keptPacketOverhead  = 480
	keptSessionOverhead = 300
)

// A recoveryLog knows what the RecoveryAdapters of one server keep, in the order in which it came. The oldest goes
// first, whoever's it is.
type recoveryLog struct {
	max int

	mu      sync.Mutex // guards the adapters' packets and sessions too
	entries []recoveryEntry
	bytes   int
	dropped int64 // that had to make room
}

// A recoveryEntry is a session, or the oldest packet of its adapter that has not been taken out.
type recoveryEntry struct {
	adapter *RecoveryAdapter
	session *keptSession // nil for a packet
	at      time.Time
	size    int
}

// addPacket keeps what it takes to send p again.
func (l *recoveryLog) addPacket(a *RecoveryAdapter, p *Packet, opts BroadcastOptions) {
	size := keptPacketOverhead + len(p.payload)
	for _, b := range p.attach {
		size += len(b)
	}
	for _, room := range opts.Rooms {
		size += len(room)
	}
	for _, room := range opts.Except {
		size += len(room)
	}
	at := a.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	a.packets = append(a.packets, keptPacket{packet: p.slim(), opts: opts, at: at})
	a.next++
	l.add(recoveryEntry{adapter: a, at: at, size: size})
}

func (l *recoveryLog) addSession(a *RecoveryAdapter, s SavedSession) {
	size := keptSessionOverhead + s.Data.Size()
	for _, room := range s.Rooms {
		size += len(room) + 16
	}
	kept := &keptSession{SavedSession: s, since: a.now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	a.sessions[s.PID] = kept
	l.add(recoveryEntry{adapter: a, session: kept, at: kept.since, size: size})
}

// add is called with mu held.
func (l *recoveryLog) add(e recoveryEntry) {
	l.entries = append(l.entries, e)
	l.bytes += e.size
	for ; l.bytes > l.max; l.dropped++ {
		l.drop()
	}
	l.expire()
}

// expire takes out what nobody can come back for any more. It is called with mu held.
func (l *recoveryLog) expire() {
	for len(l.entries) > 0 {
		oldest := &l.entries[0]
		if oldest.adapter.now().Sub(oldest.at) <= oldest.adapter.maxAge {
			return
		}
		l.drop()
	}
	l.entries = nil // and the memory of a flood of them
}

// drop takes the oldest out. It is called with mu held.
func (l *recoveryLog) drop() {
	e := l.entries[0]
	l.entries[0] = recoveryEntry{}
	l.entries = l.entries[1:]
	l.bytes -= e.size
	a := e.adapter
	switch {
	case e.session == nil:
		a.packets[0] = keptPacket{}
		a.packets = a.packets[1:]
	case a.sessions[e.session.PID] == e.session: // not another one meanwhile
		delete(a.sessions, e.session.PID)
	}
}

// count is what is kept, in bytes, and what had to make room so far. Where nothing happens any more, it is what has
// that go which is too old.
func (l *recoveryLog) count() (bytes int, dropped int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return l.bytes, l.dropped
}

// slim is a copy of an encoded packet that keeps neither the program's values nor a message made of it.
func (p *Packet) slim() *Packet {
	return &Packet{namespace: p.namespace, payload: p.payload, attach: p.attach}
}
