package adapter

// Receiving: one connection that brings what other servers publish, for all namespaces.

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

// A subscriber receives what other servers publish. It notices when its connection is dead, connects again, and
// subscribes again to everything that is wanted.
type subscriber struct {
	redis   *Redis
	done    chan struct{}            // closed when run has ended
	changes *batchqueue.Queue[topic] // topics that may have to be subscribed to, or no longer

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

// A handler gets what is published to a topic, in the order of arrival. It must not block.
type handler func(channel, payload string)

// A subscription is a handler's interest in topics. A topic may have several: when two clients ask for a dynamic
// namespace at once, it has two adapters for a moment.
type subscription struct {
	subscriber *subscriber
	handler    handler
	// interested, if not nil, says whether the handler wants a message that came by a pattern. It is called with the
	// subscriber's lock held.
	interested func(channel []byte) bool
	// uncounted keeps the messages out of Stats.Received.
	uncounted bool
}

const (
	// pingAfter is how often a connection is sent a PING; deadAfter is how long the answer may take.
	pingAfter = 2 * time.Second
	deadAfter = 2 * time.Second
)

func newSubscriber(r *Redis) *subscriber {
	s := &subscriber{redis: r, done: make(chan struct{}), wanted: make(map[topic][]*subscription)}
	s.changes = batchqueue.New(1<<30, s.update)
	return s
}

// subscribe makes h receive what is published to topics until the subscription ends. It does not wait: Redis is told as
// soon as there is a connection, and again on every new one.
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

// end ends the subscription's interest in topics. It does not wait for Redis.
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

// update tells Redis for each topic whether it is wanted now.
func (s *subscriber) update(topics []topic) {
	for _, t := range topics {
		s.mu.Lock()
		conn := s.conn
		_, wanted := s.wanted[t]
		s.mu.Unlock()
		if conn == nil {
			continue // the next connection subscribes to all that is wanted
		}
		ctx, cancel := context.WithTimeout(s.redis.ctx, deadAfter)
		_ = conn.send(ctx, t, wanted) // receive sees the error too
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

// close ends the subscriber. Its Redis's context must be done.
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

// session is the life of one connection. It reports whether all subscriptions were confirmed.
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
		// After a time-out the connection is of no use: it may have stopped in the middle of a message.
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

// receive is conn.ReceiveTimeout, which panics on RESP that no Redis sends.
func receive(ctx context.Context, conn *redis.PubSub, wait time.Duration) (msg any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("adapter: not an answer of Redis: %v", p)
		}
	}()
	return conn.ReceiveTimeout(ctx, wait)
}

// begin dials and subscribes to all that is wanted. It returns the topics, which Redis has to confirm.
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
	s.conn = conn // from here on update tells it of changes
	pending := make(map[topic]bool, len(s.wanted))
	for t := range s.wanted {
		pending[t] = true
	}
	s.mu.Unlock()
	// Patterns first: a server is counted once it listens to requests, and must hear broadcasts by then.
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

// wants reports whether anybody wants a message that came by a pattern; see filterConn.
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
