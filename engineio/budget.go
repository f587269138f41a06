package engineio

// The bounds on what waits for clients that do not read: of one client, in bytes and in time, and of all together. A
// session keeps its own account. The budget of the whole server is looked after by those whose account has grown by
// much, so that ordinary traffic pays for none of it.

import (
	"cmp"
	"math"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
)

// A slowCause says over what a session was closed with ReasonSlowClient.
type slowCause uint8

const (
	slowQueue   slowCause = iota // Options.MaxQueueBytes
	slowStalled                  // Options.WriteTimeout
	slowShed                     // Options.MaxTotalQueueBytes
	slowCauses
)

// endSlow ends the session of a client that does not read. mu is held.
func (s *Session) endSlow(cause slowCause) {
	if s.phase == phaseOpen {
		s.slow = cause
	}
	s.end(endCut, ReasonSlowClient)
}

// reportSlow counts and logs the session of a client that did not read, which is over.
func (s *Session) reportSlow() {
	srv := s.srv
	srv.slowClients[s.slow].Add(1)
	log := srv.opts.Logger.With("sid", s.id, "remote", s.opened.remoteAddr())
	switch s.slow {
	case slowStalled:
		log.Warn("closed a client that takes nothing", "write_timeout", srv.opts.WriteTimeout)
	case slowShed:
		log.Warn("closed a slow client, as too much waits for all together",
			"limit_bytes", srv.opts.MaxTotalQueueBytes)
	default:
		log.Warn("closed a slow client", "limit_bytes", srv.opts.MaxQueueBytes)
	}
}

const (
	// accountStep is by how much a session's account may differ from what the budget knows of it, in bytes.
	accountStep = 8 << 10
	// budgetPause is the least time from one look at all sessions to the next, budgetShare how many times as long as
	// the look itself it is.
	budgetPause = 100 * time.Millisecond
	budgetShare = 20
)

func defaultTotalQueue() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return limit / 3
	}
	return 1 << 30
}

// account puts n bytes on the session's account, or takes them off. mu is held.
func (s *Session) account(n int) {
	s.queued += n
	d := s.queued - s.counted
	if -accountStep < d && d < accountStep && (s.queued > 0 || d == 0) {
		return
	}
	s.counted = s.queued
	mine := s.flusher.traffic.queued.Add(int64(d))
	if d > 0 {
		s.srv.checkBudget(mine)
	}
}

// A budget is what a server needs for Options.MaxTotalQueueBytes.
type budget struct {
	looking atomic.Bool  // somebody looks at all sessions, or has just done so
	looks   atomic.Int64 // how often that has been done
}

// checkBudget has all sessions looked at where too much may wait for them. mine is the account of one flusher.
func (srv *Server) checkBudget(mine int64) {
	limit := srv.opts.MaxTotalQueueBytes
	if limit < 0 || mine <= limit/int64(len(srv.flushers)) { // if all are over the limit, one is over its share
		return
	}
	if srv.accounts() > limit && srv.budget.looking.CompareAndSwap(false, true) {
		go srv.relieve()
	}
}

// accounts is the sum of all sessions' accounts. It is more than the memory that they hold: a message that waits for
// many stands on the account of each.
func (srv *Server) accounts() int64 {
	sum := int64(0)
	for i := range srv.flushers {
		sum += srv.flushers[i].traffic.queued.Load()
	}
	return sum
}

// relieve closes those sessions for which the most waits, where that is too much in all, and sees to it that somebody
// looks again.
func (srv *Server) relieve() {
	start := time.Now()
	h := holdings{seen: make(map[*Message]struct{})}
	sessions := srv.all()
	limit, total := srv.opts.MaxTotalQueueBytes, int64(0)
	for _, s := range sessions {
		total += h.of(s)
	}
	if total > limit {
		srv.shed(sessions, limit-limit/8)
	}
	srv.budget.looks.Add(1)
	time.AfterFunc(max(budgetPause, budgetShare*time.Since(start)), func() {
		srv.budget.looking.Store(false)
		srv.checkBudget(math.MaxInt64)
	})
}

// shed closes sessions until the others hold no more than most: those stay for which little waits, or only what waits
// for those as well.
func (srv *Server) shed(sessions []*Session, most int64) {
	accounts := make(map[*Session]int, len(sessions))
	for _, s := range sessions {
		s.mu.Lock()
		accounts[s] = s.queued
		s.mu.Unlock()
	}
	slices.SortFunc(sessions, func(a, b *Session) int { return cmp.Compare(accounts[a], accounts[b]) })
	h := holdings{seen: make(map[*Message]struct{})}
	held := int64(0)
	for _, s := range sessions {
		n := h.of(s)
		if held+n <= most {
			held += n
			continue
		}
		h.forget()
		s.mu.Lock()
		s.endSlow(slowShed)
		s.mu.Unlock()
	}
}

// holdings count the memory of what waits for sessions, each message once.
type holdings struct {
	seen map[*Message]struct{}
	last []*Message // of the last session, those that were new
}

// of is what a session adds.
func (h *holdings) of(s *Session) int64 {
	s.mu.Lock()
	h.last = append(h.last[:0], s.queue...)
	if c, ok := s.transport.(interface{ unwritten() []*Message }); ok {
		h.last = append(h.last, c.unwritten()...)
	}
	size := 0
	if s.polling != nil && s.polling.answering != nil {
		p := s.polling.answering
		h.last = append(h.last, p.batch...)
		size = len(p.copied)
	}
	s.mu.Unlock()
	h.last = slices.DeleteFunc(h.last, func(m *Message) bool {
		if m == nil {
			return true
		}
		if _, known := h.seen[m]; known {
			return true
		}
		h.seen[m] = struct{}{}
		size += m.memory()
		return false
	})
	return int64(size)
}

// forget takes back what the last session added.
func (h *holdings) forget() {
	for _, m := range h.last {
		delete(h.seen, m)
	}
}
