// Package logthrottle keeps a flood of equal lines out of a log: what clients or other servers can cause in any
// number is logged a few times, then counted.
package logthrottle

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// Interval is how long lines with the same message are counted together.
	Interval = 10 * time.Second
	// maxMessages bounds how many messages are counted apart, in case that one is made of what a client sends.
	maxMessages = 256
	// others is what further messages are counted as.
	others = "others"
)

// A Handler is a slog.Handler that passes on at most a burst of lines with the same message in each Interval and counts
// the rest. At the interval's end one line, "lines suppressed", has their number. Lines at debug level always pass:
// whoever asks for those wants them all.
type Handler struct {
	next    slog.Handler
	plain   slog.Handler // next before it got a group, for the summary
	grouped bool
	counts  *counts // shared by all handlers made of one
}

// counts are the messages logged in their current intervals.
type counts struct {
	burst int

	mu        sync.Mutex
	byMessage map[string]*count
}

// A count is what has been logged, with one message, since its interval began.
type count struct {
	logged, suppressed int
	level              slog.Level
	summary            slog.Handler // where to say how many were suppressed
	end                *time.Timer
}

// New returns a handler before next that passes on at most burst lines with the same message in each Interval.
func New(next slog.Handler, burst int) *Handler {
	return &Handler{next: next, plain: next, counts: &counts{burst: burst, byMessage: make(map[string]*count)}}
}

// Enabled reports whether the next handler wants lines of that level.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs returns a handler that counts together with h.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	if c.next = h.next.WithAttrs(attrs); !c.grouped {
		c.plain = c.next
	}
	return &c
}

// WithGroup returns a handler that counts together with h.
func (h *Handler) WithGroup(name string) slog.Handler {
	c := *h
	c.next, c.grouped = h.next.WithGroup(name), true
	return &c
}

// Handle passes r on, or counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !h.counts.admit(r, h.plain) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// Flush logs at once how many lines have been suppressed so far. It is for the end of a program.
func (h *Handler) Flush() {
	h.counts.mu.Lock()
	pending := make(map[string]*count, len(h.counts.byMessage))
	for message, c := range h.counts.byMessage {
		c.end.Stop()
		pending[message] = c
	}
	h.counts.mu.Unlock()
	for message, c := range pending {
		h.counts.endInterval(message, c)
	}
}

// admit reports whether r is to be logged, and counts it if not. The summary goes to handler to.
func (all *counts) admit(r slog.Record, to slog.Handler) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	message := r.Message
	c := all.byMessage[message]
	if c == nil && len(all.byMessage) >= maxMessages {
		message = others
		c = all.byMessage[message]
	}
	if c == nil {
		c = new(count)
		all.byMessage[message] = c
		c.end = time.AfterFunc(Interval, func() { all.endInterval(message, c) })
	}
	if c.logged < all.burst {
		c.logged++
		return true
	}
	c.suppressed++
	c.level, c.summary = max(c.level, r.Level), to
	return false
}

// endInterval forgets the message, whose next line begins another interval, and logs how many lines were suppressed.
func (all *counts) endInterval(message string, c *count) {
	all.mu.Lock()
	if all.byMessage[message] == c {
		delete(all.byMessage, message)
	}
	n := c.suppressed
	c.suppressed = 0
	all.mu.Unlock()
	if n == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), c.level, "lines suppressed", 0)
	r.AddAttrs(slog.String("message", message), slog.Int("suppressed", n), slog.Duration("within", Interval))
	_ = c.summary.Handle(context.Background(), r) // as with any line, there is nowhere to say that it cannot be written
}
