package nats

// The subscriptions, and what comes on them.

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
)

// A listener gets what comes on one subject. Its functions are called on the goroutine of all subscriptions, and must
// not wait.
type listener struct {
	subject string
	// take gets messages that are whole, less those that repeat earlier ones and what this process has sent itself. The
	// error, where data is nil, says that a message makes no sense.
	take func(data []byte, err error)
	// raw, if not nil, is called instead, with what comes on a subject without frames.
	raw func(*natsio.Msg)
}

// A subscription is that of the listeners to one subject.
type subscription struct {
	sub       *natsio.Subscription // nil until it is made
	listeners []*listener
	slow      bool // messages of it were dropped
	dropped   int  // how many of those are counted

	from map[process]*source // of the goroutine
}

// listeners are the subscriptions of a Broker. All of their messages go through one channel, in the order in which they
// come on the connection, to one goroutine, which hands them on and waits for nobody.
type listeners struct {
	broker *Broker
	conn   *natsio.Conn
	in     chan *natsio.Msg
	whole  assembler // of the goroutine

	// changes are subscriptions to be made and ended, in order: the client may wait for a server that stands still.
	changes *batchqueue.Queue[func()]

	mu sync.Mutex // not held while the client is called
	to map[string]*subscription
}

// changeEvery is how often subscriptions are changed at most. One that comes alone is changed at once.
const changeEvery = 2 * time.Millisecond

func newListeners(b *Broker) *listeners {
	l := &listeners{
		broker: b, in: make(chan *natsio.Msg, b.opts.PendingMessages), to: make(map[string]*subscription),
		whole: assembler{limit: b.opts.InboxBytes, lost: func() { b.stats.partial.Add(1) }},
	}
	// What is in it is bounded by the namespaces, and the rooms that there are or were a moment ago.
	l.changes = batchqueue.New(math.MaxInt, func(batch []func()) {
		for _, change := range batch {
			change()
		}
		// A storm of rooms gathers, so that the client writes many subscriptions at a time.
		select {
		case <-time.After(changeEvery):
		case <-b.ctx.Done():
		}
	})
	return l
}

// change puts a subscription that is to be made or ended in line.
func (l *listeners) change(f func()) { l.changes.Add(f, 1) }

// add begins to listen. It is called by a change.
func (l *listeners) add(s *listener) {
	if !l.enter(s) {
		return
	}
	sub, err := l.conn.ChanSubscribe(s.subject, l.in)
	if err != nil {
		if l.broker.ctx.Err() == nil {
			l.broker.throttled.Error("a subscription to NATS is not possible", "subject", s.subject, "error", err)
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to[s.subject].sub = sub
}

// enter notes a listener, and reports whether it is the first to its subject.
func (l *listeners) enter(s *listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	on := l.to[s.subject]
	if on == nil {
		on = &subscription{from: make(map[process]*source)}
		l.to[s.subject] = on
	}
	on.listeners = append(slices.Clip(on.listeners), s) // a slice that is being gone through is not changed
	return len(on.listeners) == 1
}

// end ends what add began. What has come and is not taken yet is dropped. It is called by a change.
func (l *listeners) end(s *listener) {
	if sub := l.leave(s); sub != nil {
		_ = sub.Unsubscribe() // the error says that the connection is closed
	}
}

// leave forgets a listener, and returns the subscription where it was the last one.
func (l *listeners) leave(s *listener) *natsio.Subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	on := l.to[s.subject]
	on.listeners = slices.DeleteFunc(slices.Clone(on.listeners), func(other *listener) bool { return other == s })
	if len(on.listeners) > 0 {
		return nil
	}
	l.countSlow(on)
	delete(l.to, s.subject)
	return on.sub
}

func (l *listeners) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.to)
}

// slow counts what the client has dropped of a subscription, if that is one of these.
func (l *listeners) slow(sub *natsio.Subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	on := l.to[sub.Subject]
	if on == nil || on.sub != sub {
		return false
	}
	on.slow = true
	l.countSlow(on)
	return true
}

// countSlow is called with mu held. The client tells of a subscription that has become slow, and not how much it drops
// afterwards.
func (l *listeners) countSlow(on *subscription) {
	if !on.slow {
		return
	}
	if n, err := on.sub.Dropped(); err == nil && n > on.dropped {
		l.broker.stats.slow.Add(int64(n - on.dropped))
		on.dropped = n
	}
}

// countAllSlow brings Stats.SlowDropped up to date.
func (l *listeners) countAllSlow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, on := range l.to {
		l.countSlow(on)
	}
}

// run hands on what comes until the Broker is closed.
func (l *listeners) run() {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case m := <-l.in:
			l.hand(m)
		case now := <-sweep.C:
			l.sweep(now)
		case <-l.broker.ctx.Done():
			return
		}
	}
}

// hand hands a message to who listens.
func (l *listeners) hand(m *natsio.Msg) {
	l.mu.Lock()
	on := l.to[m.Sub.Subject]
	var to []*listener
	if on != nil {
		to = on.listeners
	}
	l.mu.Unlock()
	if len(to) == 0 {
		return
	}
	if to[0].raw != nil {
		to[0].raw(m)
		return
	}
	data, ok, err := l.message(on, m.Data)
	if !ok && err == nil {
		return
	}
	for _, s := range to {
		s.take(data, err)
	}
}

// rememberedSenders bounds how many senders are known of one subject.
const rememberedSenders = 10_000

// message returns the message that a frame completes.
func (l *listeners) message(on *subscription, b []byte) (data []byte, ok bool, err error) {
	f, err := parseFrame(b)
	if err != nil || f.sender == l.broker.id {
		return nil, false, err
	}
	from := on.from[f.sender]
	if from == nil {
		if len(on.from) >= rememberedSenders { // servers that are gone
			for _, old := range on.from {
				l.whole.drop(old, 0)
			}
			clear(on.from)
		}
		from = new(source)
		on.from[f.sender] = from
	}
	if data, ok = l.whole.take(from, &f, time.Now()); ok {
		l.broker.stats.received.Add(1)
	}
	return data, ok, nil
}

// sweepEvery is how often messages are looked for of which no more parts come, and partLife how long those are kept
// after their first.
const (
	sweepEvery = 5 * time.Second
	partLife   = 30 * time.Second
)

// sweep forgets messages of which no more parts come.
func (l *listeners) sweep(now time.Time) {
	l.mu.Lock()
	all := slices.Collect(maps.Values(l.to))
	l.mu.Unlock()
	lost, bytes := l.broker.stats.partial.Load(), 0
	for _, on := range all {
		for _, from := range on.from {
			if from.whole.count > 0 && now.Sub(from.whole.since) > partLife {
				l.whole.drop(from, 0)
			}
			bytes += len(from.whole.data)
		}
	}
	l.whole.bytes = bytes // without those of subscriptions that have ended
	if n := l.broker.stats.partial.Load() - lost; n > 0 {
		l.broker.throttled.LogAttrs(l.broker.ctx, slog.LevelWarn,
			"messages from other servers of which parts are missing",
			slog.Int64("now", n), slog.Int64("partial_total", lost+n))
	}
}

// settle waits until all subscriptions are made and ended that are to be, as long as ctx lasts.
func (l *listeners) settle(ctx context.Context) {
	select {
	case <-l.changes.Drained():
	case <-ctx.Done():
	}
}
