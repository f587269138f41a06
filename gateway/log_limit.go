package gateway

// What keeps clients from flooding the log: of lines with the same message only so many are let through in a while, and
// one line says how many there were beside them.

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// logBurst is how many lines with the same message are logged in a logInterval.
	logBurst    = 10
	logInterval = 10 * time.Second
	// maxLogKeys bounds how many messages are counted apart, in case that one is made of what a client sends.
	maxLogKeys = 256
)

// A limitHandler is a slog.Handler that lets at most logBurst lines with the same message through in each logInterval and
// counts the others; at the interval's end one line "lines suppressed" has their number. Lines at debug level pass:
// whoever asks for those wants them all.
type limitHandler struct {
	next    slog.Handler
	plain   slog.Handler // next before it got a group, for the summary
	grouped bool
	limits  *logLimits // shared by all handlers made of one
}

type logLimits struct {
	mu   sync.Mutex
	keys map[string]*logCount
}

// A logCount is what has been logged, with one message, since the interval began.
type logCount struct {
	logged, suppressed int
	level              slog.Level
	summary            slog.Handler // where to say how many were suppressed
	end                *time.Timer
}

func newLimitHandler(next slog.Handler) *limitHandler {
	return &limitHandler{next: next, plain: next, limits: &logLimits{keys: make(map[string]*logCount)}}
}

func (h *limitHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *limitHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	if c.next = h.next.WithAttrs(attrs); !c.grouped {
		c.plain = c.next
	}
	return &c
}

func (h *limitHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.next, c.grouped = h.next.WithGroup(name), true
	return &c
}

func (h *limitHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !h.limits.admit(r, h.plain) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// admit reports whether r is to be logged, and counts it if not.
func (l *logLimits) admit(r slog.Record, to slog.Handler) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := r.Message
	c := l.keys[key]
	if c == nil && len(l.keys) >= maxLogKeys {
		key = "others"
		c = l.keys[key]
	}
	if c == nil {
		c = new(logCount)
		l.keys[key] = c
		c.end = time.AfterFunc(logInterval, func() { l.endOf(key, c) })
	}
	if c.logged < logBurst {
		c.logged++
		return true
	}
	c.suppressed++
	c.level, c.summary = max(c.level, r.Level), to
	return false
}

// endOf ends an interval. The next line with the message begins another.
func (l *logLimits) endOf(key string, c *logCount) {
	l.mu.Lock()
	if l.keys[key] == c {
		delete(l.keys, key)
	}
	n := c.suppressed
	c.suppressed = 0
	l.mu.Unlock()
	if n == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), c.level, "lines suppressed", 0)
	r.AddAttrs(slog.String("message", key), slog.Int("suppressed", n), slog.Duration("within", logInterval))
	_ = c.summary.Handle(context.Background(), r) // as with any line, there is nowhere to say that it cannot be written
}

// flush says what has been suppressed so far; it is for the end of the program.
func (h *limitHandler) flush() {
	h.limits.mu.Lock()
	keys := make(map[string]*logCount, len(h.limits.keys))
	for key, c := range h.limits.keys {
		c.end.Stop()
		keys[key] = c
	}
	h.limits.mu.Unlock()
	for key, c := range keys {
		h.limits.endOf(key, c)
	}
}
