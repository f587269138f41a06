package engineio

// How fast a client may talk. One that says more than it may is made to wait: its session is paused until it has made
// up for it. Nothing is lost, and its heartbeat is not held against it meanwhile.

import "time"

// An allowance is what a session's client may still send: two token buckets. They are topped up when one is empty, so
// that a message of a client that sends less costs no look at the clock. A client is charged for what has been read
// already when it is paused, so an allowance may be negative. All is guarded by the session's mu.
type allowance struct {
	messages, bytes float64
	spent           *spent // nil until one has been empty for the first time: most clients never come to that
}

// spent is the rest of an allowance.
type spent struct {
	since   time.Duration // when it was topped up, see Server.clock
	wait    *time.Timer   // that ends the pause; nil before the first
	waiting bool
	logged  bool
}

// spend charges for one message. mu is held.
func (s *Session) spend(bytes int) {
	a := &s.allowance
	a.messages--
	a.bytes -= float64(bytes)
	if a.messages >= 0 && a.bytes >= 0 || s.phase != phaseOpen {
		return
	}
	if a.spent == nil {
		// Unix time may have been set anew meanwhile: the client gets no more than the burst for it.
		age := time.Duration(time.Now().UnixNano() - s.opened.at)
		a.spent = &spent{since: s.srv.clock() - max(age, 0)}
	}
	if a.spent.waiting {
		return
	}
	due := s.topUp()
	if due <= 0 {
		return
	}
	a.spent.waiting = true
	s.pauses++
	s.srv.throttled.Add(1)
	if a.spent.wait != nil {
		a.spent.wait.Reset(due)
		return
	}
	a.spent.wait = time.AfterFunc(due, s.allow)
}

// topUp adds what time has brought, and returns how long it takes until nothing is owed. mu is held.
func (s *Session) topUp() time.Duration {
	a, o := &s.allowance, &s.srv.opts
	now := s.srv.clock()
	passed := (now - a.spent.since).Seconds()
	a.spent.since = now
	a.messages = topUp(a.messages, o.MessageRate, o.MessageBurst, passed)
	a.bytes = topUp(a.bytes, o.ByteRate, o.ByteBurst, passed)
	return max(owed(a.messages, o.MessageRate), owed(a.bytes, o.ByteRate))
}

func topUp(left, rate float64, burst int, passed float64) float64 {
	if rate < 0 {
		return float64(burst)
	}
	return min(left+rate*passed, float64(burst))
}

// owed is how long it takes to make up for a negative allowance.
func owed(left, rate float64) time.Duration {
	if left >= 0 {
		return 0
	}
	return time.Duration(-left/rate*float64(time.Second)) + 1
}

// allow is what the timer does: it ends the pause, unless something has been read since that is still owed for.
func (s *Session) allow() {
	s.mu.Lock()
	due := s.topUp()
	logged := s.spent.logged
	s.spent.logged = true
	switch {
	case !s.spent.waiting:
	case due > 0 && s.phase == phaseOpen:
		s.spent.wait.Reset(due)
	default:
		s.spent.waiting = false
		s.resume()
	}
	s.mu.Unlock()
	if !logged {
		s.srv.limited.Info("a client sends more than it may, and is made to wait", "sid", s.id,
			"remote", s.opened.remoteAddr(), "messages_per_second", s.srv.opts.MessageRate,
			"bytes_per_second", s.srv.opts.ByteRate)
	}
}

// stopWaiting ends what an allowance still has to do for a session that is over. mu is held.
func (s *Session) stopWaiting() {
	if s.spent != nil && s.spent.waiting {
		s.spent.waiting = false
		s.spent.wait.Stop()
	}
}
