package api

// The answers that a node without Redis keeps.

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// maxMemoryAnswers bounds them, in bytes.
const maxMemoryAnswers = 64 << 20

// memoryAnswers are answers of this node.
type memoryAnswers struct {
	mu     sync.Mutex
	budget keyBudget
	kept   map[string]keptAnswer
	now    func() time.Time
}

type keptAnswer struct {
	*answered
	until time.Time
}

func newMemoryAnswers() *memoryAnswers {
	return &memoryAnswers{
		budget: keyBudget{most: maxMemoryAnswers}, kept: make(map[string]keptAnswer), now: time.Now,
	}
}

func (m *memoryAnswers) begin(_ context.Context, key string, request [sha256.Size]byte) (*answered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if k, found := m.kept[key]; found && now.Before(k.until) {
		return k.answered, nil
	}
	gone, ok := m.budget.spend(key, keyOverhead+len(key), now)
	for _, old := range gone {
		if !now.Before(m.kept[old].until) { // else it has been taken anew
			delete(m.kept, old)
		}
	}
	if !ok {
		return nil, errTooManyKeys
	}
	m.kept[key] = keptAnswer{&answered{Request: request}, now.Add(keyAge)}
	return nil, nil
}

func (m *memoryAnswers) finish(_ context.Context, key string, answer *answered) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.budget.overspend(key, len(answer.Body), now)
	m.kept[key] = keptAnswer{answer, now.Add(keyAge)}
	return nil
}

func (m *memoryAnswers) forget(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, key)
	return nil
}
