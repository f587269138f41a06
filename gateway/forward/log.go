package forward

import (
	"log/slog"
	"sync"
	"time"
)

// A logger keeps clients from filling the log: what they can cause is logged once every ten seconds at most.
type logger struct {
	*slog.Logger
	mu   sync.Mutex
	last map[string]time.Time // by message, of which there are a few
}

const logInterval = 10 * time.Second

func (l *logger) limited(msg string, args ...any) {
	now := time.Now()
	l.mu.Lock()
	due := now.Sub(l.last[msg]) >= logInterval
	if due {
		l.last[msg] = now
	}
	l.mu.Unlock()
	if due {
		l.Warn(msg, args...)
	}
}
