package adapter

// A link: one connection of the subscriber.

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A link is one connection that brings messages. It holds them back until it goes live.
type link struct {
	route  *route
	conn   *redis.PubSub
	ctx    context.Context
	cancel context.CancelFunc
	begun  time.Time
	heard  atomic.Int64 // how often something came
	over   chan error   // gets why it has failed

	sending sync.Mutex // orders what it tells Redis; taken before subscriber.mu

	// Guarded by subscriber.mu.
	open    bool          // it is told of changes
	asked   bool          // it has asked for all topics
	pending map[topic]int // not confirmed; for how many beats

	mu    sync.Mutex // taken before subscriber.mu
	stage linkStage
	held  []*redis.Message
	bytes int // of these
	// noted counts what was delivered, while another link holds the same; nil while there is none.
	noted map[note]int
}

// A note is of a message that was delivered.
type note struct{ channel, payload string }

type linkStage uint8

const (
	linkHolds linkStage = iota // what comes waits
	linkLives                  // what comes is delivered
	linkEnded                  // what comes is dropped
)

// heardKey is the key of a context's *atomic.Int64 that counts what a connection brings; see filterConn.
type heardKey struct{}

// newLink dials in the background, and subscribes to the topics of its route.
func newLink(r *route, conn func(context.Context) (*redis.PubSub, error)) *link {
	l := &link{route: r, begun: time.Now(), over: make(chan error, 1), pending: make(map[topic]int)}
	l.ctx, l.cancel = context.WithCancel(context.WithValue(r.ctx, heardKey{}, &l.heard))
	r.s.mu.Lock()
	r.links = append(r.links, l)
	r.s.mu.Unlock()
	r.working.Go(func() {
		if err := l.run(conn); err != nil {
			l.over <- err
			r.wake()
		}
	})
	return l
}

// run is the life of the connection.
func (l *link) run(dial func(context.Context) (*redis.PubSub, error)) error {
	defer l.cancel()
	ctx, cancel := context.WithTimeout(l.ctx, deadAfter)
	defer cancel()
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Ping(ctx); err != nil {
		return err
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer l.cancel()
	helpers.Go(func() { <-l.ctx.Done(); _ = conn.Close() }) // wakes receive
	helpers.Go(func() { ping(l.ctx, conn) })
	failed := make(chan error, 1)
	helpers.Go(func() {
		if err := l.subscribeAll(ctx, conn); err != nil {
			failed <- err
			l.cancel()
		}
	})
	for {
		msg, err := receive(l.ctx, conn)
		if err != nil && isReply(err) {
			if err = l.replied(err); err == nil {
				continue
			}
		}
		if err != nil {
			select {
			case err = <-failed:
			default:
			}
			return err
		}
		l.heard.Add(1)
		switch msg := msg.(type) {
		case *redis.Message:
			l.take(msg)
		case *redis.Subscription:
			l.confirmed(topic{kindOf(msg.Kind), msg.Channel}, msg.Kind)
		case *redis.Pong:
			l.route.s.redis.noteAlive()
		}
	}
}

// replied deals with an error that Redis has answered. It returns one that ends the connection.
func (l *link) replied(err error) error {
	l.heard.Add(1)
	s := l.route.s
	switch {
	case moved(err):
		s.moved(l, err)
	case replyCode(err) == "CROSSSLOT":
		s.bySlot.Store(true)
		s.changed(l.unconfirmed())
	case unwritable(err): // to a PING
		s.redis.noteStored(replyCode(err))
	case refused(err):
		return err
	default:
		if l.lives() {
			s.redis.throttled.Warn("Redis refuses a subscription", "redis", s.redis.name, "error", err)
			return nil
		}
		return err
	}
	return nil
}

// ping keeps a connection that lives from being silent.
func ping(ctx context.Context, conn *redis.PubSub) {
	tick := time.NewTicker(pingAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = conn.Ping(ctx) // receive sees the error too
		case <-ctx.Done():
			return
		}
	}
}

// receive is conn.Receive, which panics on RESP that no Redis sends. It waits for ever: who looks at how long nothing
// has come must not lose what has.
func receive(ctx context.Context, conn *redis.PubSub) (msg any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("adapter: not an answer of Redis: %v", p)
		}
	}()
	return conn.Receive(ctx)
}

// subscribeAll subscribes to the topics of the link's route.
func (l *link) subscribeAll(ctx context.Context, conn *redis.PubSub) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	s := l.route.s
	s.mu.Lock()
	l.conn, l.open = conn, true
	for t := range l.route.topics {
		l.pending[t] = 0
	}
	// Patterns first: a server is counted once it listens to requests, and must hear broadcasts by then.
	order := slices.SortedFunc(maps.Keys(l.pending), func(a, b topic) int { return -cmp.Compare(a.kind, b.kind) })
	s.mu.Unlock()
	if err := l.send(ctx, conn, order, true); err != nil {
		return err
	}
	s.mu.Lock()
	l.asked = true
	s.mu.Unlock()
	l.route.wake()
	return nil
}

// tell tells Redis whether topics are wanted on this link, as it is now.
func (l *link) tell(topics ...topic) {
	l.sending.Lock()
	defer l.sending.Unlock()
	s := l.route.s
	var wanted, unwanted []topic
	s.mu.Lock()
	open := l.open
	for _, t := range topics {
		if l.route.topics[t] {
			l.pending[t] = 0
			wanted = append(wanted, t)
		} else {
			delete(l.pending, t)
			unwanted = append(unwanted, t)
		}
	}
	s.mu.Unlock()
	if !open {
		return // it will be
	}
	ctx, cancel := context.WithTimeout(l.ctx, deadAfter)
	defer cancel()
	_ = l.send(ctx, l.conn, wanted, true) // receive sees the error too
	_ = l.send(ctx, l.conn, unwanted, false)
}

func (l *link) confirmed(t topic, kind string) {
	s := l.route.s
	s.mu.Lock()
	wanted := l.route.topics[t]
	if !strings.HasSuffix(kind, "unsubscribe") {
		delete(l.pending, t)
		wanted = false
	}
	done := l.asked && len(l.pending) == 0
	s.mu.Unlock()
	if wanted {
		s.changed([]topic{t}) // its slot has moved to another master, or it is wanted again already
	}
	if done {
		l.route.wake()
		if !s.redis.isSubscribed() {
			s.judge()
		}
	}
}

// stands reports whether all topics were confirmed.
func (l *link) stands() bool {
	s := l.route.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.asked && len(l.pending) == 0
}

// overdue are topics that have not been confirmed for a beat.
func (l *link) overdue() (list []topic) {
	s := l.route.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range l.pending {
		if l.pending[t]++; l.pending[t] > 1 {
			list = append(list, t)
		}
	}
	return list
}

// take delivers a message, or holds it.
func (l *link) take(msg *redis.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.stage {
	case linkLives:
		if l.noted != nil {
			l.noted[note{msg.Channel, msg.Payload}]++
		}
		l.route.s.dispatch(msg)
	case linkHolds:
		r := l.route.s.redis
		if l.bytes += len(msg.Payload) + len(msg.Channel); l.bytes > r.opts.InboxBytes {
			r.stats.inbound.Dropped.Add(1)
			return
		}
		l.held = append(l.held, msg)
	}
}

// live delivers what was held, but for what the link before has, and from now on what comes.
func (l *link) live(before map[note]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, msg := range l.held {
		if n := (note{msg.Channel, msg.Payload}); before[n] > 0 {
			before[n]--
			continue
		}
		l.route.s.dispatch(msg)
	}
	l.stage, l.held = linkLives, nil
}

// takeNotes begins to note what is delivered, or ends it, and returns the notes so far.
func (l *link) takeNotes(begin bool) map[note]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	noted := l.noted
	if l.noted = nil; begin {
		l.noted = make(map[note]int)
	}
	return noted
}

func (l *link) lives() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stage == linkLives
}

// end ends the connection: nothing that comes on it is delivered any more. It reports false, and does nothing, where
// something has come beyond heard.
func (l *link) end(heard int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard.Load() > heard {
		return false
	}
	l.stage, l.held = linkEnded, nil
	l.cancel()
	r := l.route
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.links = slices.DeleteFunc(r.links, func(other *link) bool { return other == l })
	return true
}

// anyway is for end.
const anyway = int64(1) << 62
