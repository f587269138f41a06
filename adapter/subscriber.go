package adapter

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
)

// A subscriber receives what other servers publish. It keeps one connection, finds out when that is dead, connects again
// and subscribes again to all that is wanted.
type subscriber struct {
	redis   *Redis
	done    chan struct{}            // closed when run has ended
	changes *batchqueue.Queue[topic] // topics whose subscription is to be brought up to date

	mu      sync.Mutex
	wanted  map[topic][]*subscription // the lists are replaced, never changed
	conn    *pubsubConns              // nil while there is none
	started bool
	closed  bool
}

// A topic is what one can subscribe to.
type topic struct {
	kind topicKind
	name string
}

type topicKind uint8

const (
	topicChannel topicKind = iota // SUBSCRIBE
	topicPattern                  // PSUBSCRIBE
	topicShard                    // SSUBSCRIBE
)

// A handler gets what is published to a topic, in the order of arrival. It must not block: it puts the message in
// line.
type handler func(channel, payload string)

// A subscription is a handler's interest in topics. There may be several in one topic: a dynamic namespace that two
// clients ask for at once has two adapters for a moment.
type subscription struct {
	subscriber *subscriber
	handler    handler
	// interested, if not nil, says whether a message that a pattern has brought is worth handing over. It is called with
	// the subscriber's lock held.
	interested func(channel []byte) bool
	// uncounted keeps its messages out of Stats.Received.
	uncounted bool
}

const (
	// pingAfter is how often the connection is asked for a sign of life, deadAfter how long it may take to give one.
	pingAfter = 2 * time.Second
	deadAfter = 2 * time.Second
)

func newSubscriber(r *Redis) *subscriber {
	s := &subscriber{redis: r, done: make(chan struct{}), wanted: make(map[topic][]*subscription)}
	s.changes = batchqueue.New(1<<30, s.update)
	return s
}

// subscribe makes h receive what is published to topics, until the subscription ends. It returns at once; the
// subscription is in place when the connection is, and again after every new one.
func (s *subscriber) subscribe(h handler, topics ...topic) *subscription {
	return s.subscribeIf(nil, h, topics...)
}

// subscribeIf is subscribe with a condition.
func (s *subscriber) subscribeIf(interested func(channel []byte) bool, h handler, topics ...topic) *subscription {
	sub := &subscription{subscriber: s, handler: h, interested: interested}
	s.add(sub, topics...)
	return sub
}

func (s *subscriber) add(sub *subscription, topics ...topic) {
	s.mu.Lock()
	for _, t := range topics {
		s.wanted[t] = append(slices.Clip(s.wanted[t]), sub)
	}
	start := !s.started && !s.closed
	s.started = s.started || start
	s.mu.Unlock()
	if start {
		go s.run()
	} else {
		s.changed(topics)
	}
}

// end ends the subscription's interest in topics. It returns at once.
func (sub *subscription) end(topics ...topic) {
	s := sub.subscriber
	s.mu.Lock()
	for _, t := range topics {
		left := slices.DeleteFunc(slices.Clone(s.wanted[t]), func(other *subscription) bool { return other == sub })
		if len(left) > 0 {
			s.wanted[t] = left
		} else {
			delete(s.wanted, t)
		}
	}
	s.mu.Unlock()
	s.changed(topics)
}

func (s *subscriber) changed(topics []topic) {
	for _, t := range topics {
		s.changes.Add(t, len(t.name)+16)
	}
}

// update tells Redis whether topics are wanted now.
func (s *subscriber) update(topics []topic) {
	for _, t := range topics {
		s.mu.Lock()
		conn := s.conn
		_, wanted := s.wanted[t]
		s.mu.Unlock()
		if conn == nil {
			continue // the next connection begins with all that is wanted
		}
		ctx, cancel := context.WithTimeout(s.redis.ctx, deadAfter)
		_ = conn.send(ctx, t, wanted) // an error shows where the connection is read
		cancel()
	}
}

func (s *subscriber) isWanted(t topic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted[t] != nil
}

func send(ctx context.Context, conn *redis.PubSub, t topic, wanted bool) error {
	switch {
	case t.kind == topicChannel && wanted:
		return conn.Subscribe(ctx, t.name)
	case t.kind == topicChannel:
		return conn.Unsubscribe(ctx, t.name)
	case t.kind == topicPattern && wanted:
		return conn.PSubscribe(ctx, t.name)
	case t.kind == topicPattern:
		return conn.PUnsubscribe(ctx, t.name)
	case wanted:
		return conn.SSubscribe(ctx, t.name)
	default:
		return conn.SUnsubscribe(ctx, t.name)
	}
}

// close ends the subscriber; the Redis that it belongs to has been cancelled.
func (s *subscriber) close() {
	s.mu.Lock()
	s.closed = true
	started, conn := s.started, s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.close() // wakes run
	}
	if started {
		<-s.done
	}
	<-s.changes.Drained()
}

func (s *subscriber) run() {
	defer close(s.done)
	var retry backoff
	log := s.redis.log
	for s.redis.ctx.Err() == nil {
		start := time.Now()
		connected, err := s.session()
		s.redis.setUp(false)
		switch {
		case s.redis.ctx.Err() != nil:
			return
		case connected:
			retry.reset()
			log.Warn("Redis connection lost", "redis", s.redis.name, "error", err,
				"after", time.Since(start).Round(time.Millisecond))
		default:
			s.redis.stats.connectErrors.Add(1)
			s.redis.throttled.Warn("Redis cannot be reached; trying on", "redis", s.redis.name, "error", err)
		}
		retry.wait(s.redis.ctx)
	}
}

// session is the life of one connection. It reports whether the subscriptions came to be in place.
func (s *subscriber) session() (connected bool, err error) {
	start := time.Now()
	s.redis.log.Debug("connecting to Redis", "redis", s.redis.name)
	ctx, cancel := context.WithCancel(s.redis.ctx)
	conn := newPubSubConns(ctx, s.redis.listen)
	defer func() {
		s.mu.Lock()
		s.conn = nil
		s.mu.Unlock()
		cancel()
		conn.close()
		conn.readers.Wait()
	}()
	pending, err := s.begin(ctx, conn)
	if err != nil {
		return false, err
	}
	topics := len(pending)
	deadline := time.Now().Add(deadAfter)
	for {
		// A time-out is the end: it may have come in the middle of a message.
		wait := pingAfter + deadAfter
		if !connected {
			wait = max(time.Until(deadline), time.Millisecond)
		}
		msg, err := conn.receive(wait)
		if err != nil {
			return connected, err
		}
		switch msg := msg.(type) {
		case *redis.Message:
			s.dispatch(msg)
		case *redis.Subscription:
			t := topic{kindOf(msg.Kind), msg.Channel}
			delete(pending, t)
			if msg.Kind == "sunsubscribe" && s.isWanted(t) {
				s.changed([]topic{t}) // the channel's slot has moved to another master, or it is wanted again already
			}
		}
		if !connected && len(pending) == 0 {
			connected = true
			took := time.Since(start)
			s.redis.stats.connectTime.Store(int64(took))
			s.redis.stats.connects.Add(1)
			s.redis.setUp(true)
			s.redis.log.Info("Redis connected", "redis", s.redis.name,
				"took", took.Round(time.Microsecond), "subscriptions", topics)
		}
	}
}

// ping makes sure that a connection that lives is not silent.
func ping(ctx context.Context, conn *redis.PubSub) {
	tick := time.NewTicker(pingAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = conn.Ping(ctx) // an error shows where the connection is read
		case <-ctx.Done():
			return
		}
	}
}

// receive is conn.ReceiveTimeout, which panics where an answer is RESP but none that Redis gives.
func receive(ctx context.Context, conn *redis.PubSub, wait time.Duration) (msg any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("adapter: not an answer of Redis: %v", p)
		}
	}()
	return conn.ReceiveTimeout(ctx, wait)
}

// begin dials, and asks for all that is wanted; it returns the subscriptions that are to be confirmed.
func (s *subscriber) begin(ctx context.Context, conn *pubsubConns) (map[topic]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, deadAfter)
	defer cancel()
	if err := conn.begin(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, context.Canceled
	}
	s.conn = conn // from here on changes reach it by themselves
	pending := make(map[topic]bool, len(s.wanted))
	for t := range s.wanted {
		pending[t] = true
	}
	s.mu.Unlock()
	// Patterns first: a server counts as one that hears broadcasts once it has subscribed to the channel of requests.
	order := slices.SortedFunc(maps.Keys(pending), func(a, b topic) int { return -cmp.Compare(a.kind, b.kind) })
	for _, t := range order {
		if err := conn.send(ctx, t, true); err != nil {
			return nil, err
		}
	}
	return pending, nil
}

// kindOf is the kind of topic that a confirmation is for.
func kindOf(confirmation string) topicKind {
	switch confirmation {
	case "psubscribe", "punsubscribe":
		return topicPattern
	case "ssubscribe", "sunsubscribe":
		return topicShard
	default:
		return topicChannel
	}
}

// wants reports whether a message that a pattern has brought is of interest to anybody; see filterConn.
func (s *subscriber) wants(pattern, channel []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.wanted[topic{topicPattern, string(pattern)}] {
		if sub.interested == nil || sub.interested(channel) {
			return true
		}
	}
	s.redis.stats.received.Add(1)
	return false
}

func (s *subscriber) dispatch(msg *redis.Message) {
	s.mu.Lock()
	subs := s.wanted[topic{topicChannel, msg.Channel}]
	if msg.Pattern != "" {
		subs = s.wanted[topic{topicPattern, msg.Pattern}]
	} else if subs == nil {
		subs = s.wanted[topic{topicShard, msg.Channel}]
	}
	s.mu.Unlock()
	if len(subs) > 0 && !subs[0].uncounted {
		s.redis.stats.received.Add(1)
	}
	for _, sub := range subs {
		sub.handler(msg.Channel, msg.Payload)
	}
}
