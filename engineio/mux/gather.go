package mux

import (
	"sync"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// yieldEvery is after how many streams others get their turn: a write takes some microseconds, and nothing else would
// have Go's scheduler look at the network meanwhile.
const yieldEvery = 64

// A gatherer calls the handlers of streams for which something has come, one after the other. Meanwhile more comes: the
// busier the sessions, the more a handler gets at a time, and the fewer writes it takes to pass that on. It is what
// engineio's flushers do for the queues of sessions.
type gatherer struct {
	mu      sync.Mutex
	due     []*stream
	running bool
	work    []*stream // the running goroutine's
}

// add puts a stream on the list, and sees to it that there is a goroutine for as long as there is work.
func (g *gatherer) add(st *stream) {
	g.mu.Lock()
	g.due = append(g.due, st)
	start := !g.running
	g.running = true
	g.mu.Unlock()
	if start {
		go g.run()
	}
}

func (g *gatherer) run() {
	for {
		g.mu.Lock()
		if len(g.due) == 0 {
			g.running, g.due, g.work = false, nil, nil
			g.mu.Unlock()
			return
		}
		g.work, g.due = g.due, g.work[:0]
		work := g.work
		g.mu.Unlock()
		for i, st := range work {
			work[i] = nil
			s := st.session
			s.mu.Lock()
			st.due = false
			s.mu.Unlock()
			st.attend()
			if i%yieldEvery == yieldEvery-1 {
				turns.Yield()
			}
		}
		turns.Yield() // the readers fill the list
	}
}

// gatherBy has g call the stream's handler, from now on.
func (st *stream) gatherBy(g *gatherer) {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	st.gatherer = g
}
