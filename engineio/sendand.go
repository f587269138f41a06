package engineio

// SendAnd is Send, and calls queued when m is in the queue, with the session's lock held.
func (s *Session) SendAnd(m *Message, queued func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseOpen {
		return false
	}
	s.enqueue(m)
	queued()
	s.transport.wake()
	return true
}
