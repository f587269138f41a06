package client

// What the program's handlers have to do: one thing after the other, on a goroutine that exists while there is
// something.

// A task is something that handlers are run for.
type task interface{ run() }

type taskFunc func()

func (f taskFunc) run() { f() }

// tasks is a queue. Guarded by the connection's mu.
type tasks struct {
	queue   []task
	running bool
}

// do queues t. mu is held.
func (c *Conn) do(q *tasks, t task) {
	q.queue = append(q.queue, t)
	if !q.running {
		q.running = true
		c.enter()
		go c.work(q)
	}
}

func (c *Conn) work(q *tasks) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(q.queue) > 0 {
		t := q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
		c.mu.Unlock()
		t.run()
		c.mu.Lock()
		if e, ok := t.(*Event); ok {
			c.waits(-e.size)
		}
	}
	q.queue, q.running = nil, false
	c.leave()
}

// Do runs f as a handler of the socket: behind those of everything that has come until now, and never at the same time
// as one. It does not wait.
func (s *Socket) Do(f func()) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.conn.do(&s.tasks, taskFunc(func() { _ = s.guard(func() error { f(); return nil }) }))
}
