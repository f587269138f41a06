package socketio

// Messages that take long to parse are not parsed on the goroutine that reads, where all other clients of its loop
// would wait for them. The lane for what is long takes them, and whatever has been read behind them, in order. Nothing
// more is read meanwhile, and a POST has its answer afterwards: as if they were parsed where they are read.

import "sync"

// unread are messages of one client that the lane is to take.
type unread struct {
	conn *conn

	mu       sync.Mutex
	messages []unreadMessage
	end      Reason // of the session, behind the messages; "" while there is none
}

// over reports whether the lane has taken everything, and the reading goroutine goes on. mu is held.
func (u *unread) over() bool { return u.conn.unread.Load() != u }

type unreadMessage struct {
	data   []byte
	binary bool
}

// size is what the message counts for while it waits, in bytes.
func (m *unreadMessage) size() int { return len(m.data) + eventOverhead }

// takesLater leaves a message to the lane if it is long, together with what its packet has already, or others are
// there. It is called by the reading goroutine.
func (c *conn) takesLater(data []byte, binary bool) bool {
	u := c.unread.Load()
	if u == nil {
		if len(data)+int(c.unfinished()) < longEvent {
			return false
		}
		u = &unread{conn: c}
		c.unread.Store(u)
		c.session.Pause()
		u.add(unreadMessage{data, binary})
		c.server.workers.dispatchLong(u)
		return true
	}
	return u.add(unreadMessage{data, binary})
}

// add reports false where the lane has just taken everything.
func (u *unread) add(m unreadMessage) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over() {
		return false
	}
	u.messages = append(u.messages, m)
	u.conn.waits(m.size())
	return true
}

// endsLater has the sockets end behind the messages that the lane has, if it has any.
func (c *conn) endsLater(reason Reason) bool {
	u := c.unread.Load()
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over() {
		return false
	}
	u.end = reason
	return true
}

// workLong takes the messages up to the next long one.
func (u *unread) workLong() {
	c := u.conn
	for n := 0; ; n++ {
		u.mu.Lock()
		if len(u.messages) == 0 {
			end := u.end
			c.unread.Store(nil)
			u.mu.Unlock()
			if end != "" {
				c.closeSockets(end)
			}
			c.session.Resume()
			c.calm()
			return
		}
		m := u.messages[0]
		if n > 0 && (len(m.data) >= longEvent || n == manyEvents) { // it is others' turn
			u.mu.Unlock()
			c.server.workers.dispatchLong(u)
			return
		}
		u.messages[0] = unreadMessage{}
		u.messages = u.messages[1:]
		u.mu.Unlock()
		c.take(m.data, m.binary)
		c.handled(m.size())
	}
}
