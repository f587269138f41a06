package admin

// The way from the chat's handlers to the admins: a bounded line that nobody waits at.

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// mirrorLength is how many notes may wait. Events get only a part of it, as what they miss is a line in a list; where a
// note about a socket is lost, all sockets are shown anew.
const (
	mirrorLength = 2048
	mirrorEvents = mirrorLength / 2
)

// A note is something to be shown.
type note struct {
	event string
	args  []any
}

type mirror struct {
	a             *Admin
	queue         chan note
	in, out       *rate.Limiter // of events that were received and sent
	maxEventBytes int
	// full says that more has been sent than is shown; from then on until the next interval nothing of it is looked at.
	full  atomic.Bool
	stale atomic.Bool // a note about a socket has been lost
	// outShown and outMissed count what was sent in this interval.
	outShown, outMissed atomic.Int64
}

func (m *mirror) init(a *Admin) {
	m.a, m.maxEventBytes = a, a.opts.MaxEventBytes
	m.queue = make(chan note, mirrorLength)
	perSecond := rate.Limit(a.opts.EventRate)
	m.in, m.out = rate.NewLimiter(perSecond, a.opts.EventRate), rate.NewLimiter(perSecond, a.opts.EventRate)
}

// state takes a note about a socket.
func (m *mirror) state(event string, args ...any) {
	select {
	case m.queue <- note{event, args}:
		m.a.counts.shown.Add(1)
	default:
		m.a.counts.notShown.Add(1)
		m.stale.Store(true)
	}
}

func (m *mirror) received(ns string, e *socketio.Event) { m.event("event_received", ns, e, m.in) }

func (m *mirror) sent(ns string, e *socketio.Event) {
	if m.event("event_sent", ns, e, m.out) {
		m.outShown.Add(1)
		return
	}
	m.outMissed.Add(1)
	if !m.full.Swap(true) {
		m.a.wake()
	}
}

// settle ends an interval in which so many messages were sent: those that were not looked at count as not shown.
func (m *mirror) settle(sent int64) {
	seen := m.outShown.Swap(0) + m.outMissed.Swap(0)
	if m.full.Load() {
		m.a.counts.notShown.Add(max(0, sent-seen))
	}
}

// event takes a note of an event, unless there are too many.
func (m *mirror) event(what, ns string, e *socketio.Event, limit *rate.Limiter) bool {
	if len(m.queue) >= mirrorEvents || !limit.Allow() {
		m.a.counts.notShown.Add(1)
		return false
	}
	select {
	case m.queue <- note{what, []any{ns, e.Socket().ID(), m.args(e), stamp(time.Now())}}:
		m.a.counts.shown.Add(1)
		return true
	default:
		m.a.counts.notShown.Add(1)
		return false
	}
}

// args are an event's name and arguments, or what stands for them where they are too long.
func (m *mirror) args(e *socketio.Event) []any {
	size := 0
	for i := range e.Len() {
		size += e.Raw(i).Size()
	}
	if size > m.maxEventBytes {
		return []any{shortened(e.Name()), fmt.Sprintf("(%d arguments of %d bytes, not shown)", e.Len(), size)}
	}
	args := make([]any, 0, 1+e.Len())
	args = append(args, shortened(e.Name()))
	for i := range e.Len() {
		args = append(args, e.Raw(i))
	}
	return args
}

// rest stops looking at what is sent, where that is too much.
func (m *mirror) rest() {
	if m.full.Load() {
		m.hear(false)
	}
}

// next begins an interval.
func (m *mirror) next() {
	if m.full.Swap(false) {
		m.hear(true)
	}
}

func (m *mirror) hear(on bool) {
	m.a.reconciling.Lock()
	h := m.a.hooks
	m.a.reconciling.Unlock()
	if h != nil {
		h.hear(on)
	}
}

// drop forgets what nobody is there to see.
func (m *mirror) drop() {
	for {
		select {
		case <-m.queue:
		default:
			m.full.Store(false)
			m.stale.Store(false)
			return
		}
	}
}
