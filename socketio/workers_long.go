package socketio

// What is long has a lane of its own: messages to be parsed and events to be handled. Either keeps a core busy, a
// handler with JSON if with nothing else, and if all of them could run at once, everybody else would have every
// hundredth turn. A few are taken at a time. More are where handlers block: then the cores have time to spare, which
// shows in how soon a goroutine that yields has its next turn, or nothing is taken for long.

import (
	"runtime"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

const (
	// longEvent is the size from which an event, or a message, is long, in bytes.
	longEvent = 64 << 10
	// longPatience is how long a long event waits until it is asked whether there may be more workers for them.
	longPatience = 10 * time.Millisecond
	// longStandstill is how long no event may be taken until one more worker starts, however busy the cores are: what
	// takes so long waits for something, and the other sockets' events would wait with it.
	longStandstill = 250 * time.Millisecond
	// spareTurns is less than the others' turns take where more than a few goroutines have something to do.
	spareTurns = 100 * time.Microsecond
	// manyEvents is how many events of one socket are handled until others have their turn.
	manyEvents = 64
	// longTurn is for how long, whatever they are; every so many events that is looked at. An event that takes 1 µs may
	// take 80 where Go's collector has whoever makes garbage help it. Fewer in a turn would cost broadcasts: what is
	// said in one turn goes to a client in one write.
	longTurn  = 250 * time.Microsecond
	fewEvents = 16
)

// A longTask is a socket or a backlog whose next event or message is long.
type longTask interface {
	// workLong takes it.
	workLong()
}

// A longLane is the long tasks. It is guarded by workers.mu.
type longLane struct {
	queue   []longTask
	running int       // workers of this lane
	most    int       // how many there may be
	taken   time.Time // when the last event was
	watched bool
}

// fewest is how many long events may be handled at once, whatever else there is to do.
func (l *longLane) fewest() int { return max(runtime.GOMAXPROCS(0)/2, 1) }

// dispatchLong has a worker take care of t.
func (w *workers) dispatchLong(t longTask) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &w.long
	l.queue = append(l.queue, t)
	l.most = max(l.most, l.fewest())
	w.startLong()
}

// startLong starts as many workers as there may be, and has it asked soon whether there may be more. It is called with
// mu held.
func (w *workers) startLong() {
	l := &w.long
	for n := len(l.queue); n > 0 && l.running < l.most; n-- {
		l.running++
		w.count++
		go w.runLong()
	}
	if !l.watched && len(l.queue) > 0 {
		l.watched = true
		time.AfterFunc(longPatience, func() {
			began := time.Now()
			for range 2 { // one may come between two of their turns
				runtime.Gosched()
			}
			w.lookAtLong(time.Since(began))
		})
	}
}

// lookAtLong adapts the number of workers, by how long the others' turns take until it is a goroutine's again.
func (w *workers) lookAtLong(turns time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &w.long
	l.watched = false
	l.adapt(turns, time.Since(l.taken))
	w.startLong()
}

// adapt decides how many workers there may be. The others' turns took so long, and for so long no event has been taken.
func (l *longLane) adapt(turns, stood time.Duration) {
	switch {
	case len(l.queue) == 0:
		l.most = l.fewest()
	case turns < spareTurns, turns < longPatience/10 && stood > 2*longPatience:
		l.most = 2 * max(l.running, 1)
	case stood > longStandstill:
		l.most = l.running + 1
	default:
		l.most = max(l.most/2, l.fewest())
	}
}

// runLong is a worker of the lane.
func (w *workers) runLong() {
	l := &w.long
	for {
		w.mu.Lock()
		if len(l.queue) == 0 || l.running > l.most {
			l.running--
			w.leave()
			w.mu.Unlock()
			return
		}
		t := l.queue[0]
		l.queue[0] = nil
		if l.queue = l.queue[1:]; len(l.queue) == 0 {
			l.queue = nil
		}
		l.taken = time.Now()
		w.mu.Unlock()
		t.workLong()
		turns.Yield()
	}
}

// workLong handles the socket's next event, if there still is one.
func (s *Socket) workLong() {
	s.mu.Lock()
	if s.inbox.head == nil { // the socket has been closed
		s.mu.Unlock()
	} else {
		e := s.pop()
		s.mu.Unlock()
		s.handle(e)
	}
	s.conn.server.workers.dispatch(s)
}
