package admin

// Who has logged in: the ids with which a page connects again without the password.

import (
	"context"
	"sync"
	"time"
)

// A Store keeps the ids of logins. Its methods are called from any goroutine. One that several servers share lets an
// admin log in once for all of them; package adapter/adminstore has one in Redis.
type Store interface {
	// SaveSession keeps id for life.
	SaveSession(ctx context.Context, id string, life time.Duration) error
	// SessionExists reports whether id is kept. id is what a client has sent: 16 to 64 hexadecimal digits.
	SessionExists(ctx context.Context, id string) (bool, error)
}

// maxStoredSessions bounds a MemoryStore. Only who knows the password makes it grow.
const maxStoredSessions = 1024

// A MemoryStore is a Store for one server. It keeps the last 1,024 logins.
type MemoryStore struct {
	mu   sync.Mutex
	ends map[string]time.Time // by id
}

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore() *MemoryStore { return &MemoryStore{ends: make(map[string]time.Time)} }

// SaveSession implements Store.
func (m *MemoryStore) SaveSession(_ context.Context, id string, life time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ends) >= maxStoredSessions {
		m.makeRoom()
	}
	m.ends[id] = time.Now().Add(life)
	return nil
}

// makeRoom drops what is over, or, where nothing is, what ends first. mu is held.
func (m *MemoryStore) makeRoom() {
	var first string
	for id, end := range m.ends {
		if time.Until(end) <= 0 {
			delete(m.ends, id)
		} else if first == "" || end.Before(m.ends[first]) {
			first = id
		}
	}
	if len(m.ends) >= maxStoredSessions {
		delete(m.ends, first)
	}
}

// SessionExists implements Store.
func (m *MemoryStore) SessionExists(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end, found := m.ends[id]
	if found && time.Until(end) <= 0 {
		delete(m.ends, id)
		return false, nil
	}
	return found, nil
}
