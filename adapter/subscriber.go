package adapter

// Receiving what other servers publish, for all namespaces: who wants what, and where it comes from.

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
)

// A subscriber receives what other servers publish. Its routes notice when a connection is dead, connect again, and
// subscribe again to everything that is wanted.
type subscriber struct {
	redis   *Redis
	changes *batchqueue.Queue[topic] // topics that may have to be subscribed to, or no longer
	running sync.WaitGroup           // routes

	mu      sync.Mutex
	wanted  map[topic][]*subscription // the lists are replaced, never changed
	placed  map[topic]*route
	main    *route            // nil before something is wanted
	masters map[string]*route // of a Redis Cluster, by address
	lost    map[topic]bool    // whose master is not known
	begun   time.Time         // the last connection that lives; zero once everything that is wanted comes in
	closed  bool

	// bySlot is set once Redis has said that one command is about one slot: a Redis Cluster, though the client knows of
	// one server.
	bySlot atomic.Bool
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
	s := &subscriber{
		redis: r, wanted: make(map[topic][]*subscription), placed: make(map[topic]*route),
		masters: make(map[string]*route), lost: make(map[topic]bool),
	}
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
	if s.main == nil && !s.closed {
		s.main = newRoute(s, "")
		s.main.needed = true
		s.start(s.main)
	}
	s.mu.Unlock()
	s.changed(topics)
}

// start runs a route. It is called with mu held.
func (s *subscriber) start(r *route) {
	s.running.Go(r.run)
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

const (
	// toldAtOnce is how many topics are given their places before Redis is told of them.
	toldAtOnce = 512
	// tellEvery is how often Redis is told of topics at most. A topic that comes alone is told at once.
	tellEvery = 2 * time.Millisecond
)

// update gives topics that are wanted a place, takes it from those that are not, and has the links tell Redis. A storm
// of rooms gathers for a moment, and is told in few commands: a write for each topic, and the read of each answer, cost
// as much as the join that it is for.
func (s *subscriber) update(topics []topic) {
	for some := range slices.Chunk(topics, toldAtOnce) {
		tell := make(map[*link][]topic)
		for _, t := range some {
			for _, l := range s.arrange(t) {
				tell[l] = append(tell[l], t)
			}
		}
		for l, list := range tell {
			l.tell(list...)
		}
	}
	s.redis.pause(tellEvery)
}

// arrange gives a topic its place, or takes it, and returns the links that are to tell Redis.
func (s *subscriber) arrange(t topic) []*link {
	s.mu.Lock()
	_, wanted := s.wanted[t]
	r := s.placed[t]
	var links []*link
	if wanted && r != nil {
		links = slices.Clone(r.links)
	}
	s.mu.Unlock()
	switch {
	case !wanted && r != nil:
		return s.unplace(t)
	case wanted && r == nil:
		master, err := s.masterOf(t)
		if err != nil {
			s.loses(t)
			return nil
		}
		return s.place(t, master)
	}
	return links
}

// masterOf is the address of the server that has a topic, "" where any has.
func (s *subscriber) masterOf(t topic) (string, error) {
	cluster, ok := s.redis.listen.(*redis.ClusterClient)
	if !ok || t.kind != topicShard {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(s.redis.ctx, deadAfter)
	defer cancel()
	master, err := cluster.MasterForKey(ctx, t.name)
	if err != nil {
		return "", err
	}
	return master.Options().Addr, nil
}

// loses looks for the master of a topic again, in a while.
func (s *subscriber) loses(t topic) {
	s.mu.Lock()
	first := len(s.lost) == 0
	s.lost[t] = true
	s.mu.Unlock()
	if !first {
		return
	}
	s.redis.background.Go(func() {
		if !s.redis.pause(backoffLast / 2) {
			return
		}
		s.redis.reload(s.redis.listen)
		s.mu.Lock()
		var topics []topic
		for t := range s.lost {
			topics = append(topics, t)
		}
		clear(s.lost)
		s.mu.Unlock()
		s.changed(topics)
	})
	s.judge()
}

// place has a topic come from a master; "" is the main route. A route that it leaves without any topic ends. It returns
// the links that are to tell Redis.
func (s *subscriber) place(t topic, master string) []*link {
	s.mu.Lock()
	if _, wanted := s.wanted[t]; !wanted || s.closed {
		s.mu.Unlock()
		return nil
	}
	r := s.main
	if master != "" {
		if r = s.masters[master]; r == nil {
			r = newRoute(s, master)
			// A room of later must not make the whole connection seem to be down for the moment that it takes.
			r.needed = !s.redis.isSubscribed()
			s.masters[master] = r
			s.start(r)
		}
	}
	old := s.placed[t]
	if old != nil && old != r {
		s.leave(old, t)
	}
	s.placed[t] = r
	r.topics[t] = true
	links := slices.Clone(r.links)
	for _, l := range links {
		l.pending[t] = 0
	}
	s.mu.Unlock()
	s.judge()
	return links
}

// move is place, and tells Redis.
func (s *subscriber) move(t topic, master string) {
	for _, l := range s.place(t, master) {
		l.tell(t)
	}
}

// unplace takes a topic from its route, and returns the links that are to tell Redis.
func (s *subscriber) unplace(t topic) []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.placed[t]
	delete(s.placed, t)
	return s.leave(r, t)
}

// leave takes a topic from a route, and returns the links that are to be told. It is called with mu held.
func (s *subscriber) leave(r *route, t topic) []*link {
	delete(r.topics, t)
	if r.master != "" && len(r.topics) == 0 {
		delete(s.masters, r.master)
		r.cancel()
		return nil
	}
	for _, l := range r.links {
		delete(l.pending, t)
	}
	r.wake()
	return slices.Clone(r.links)
}

// moved has the channels of a slot come from the master that Redis has answered with. A channel of the slot on another
// link is not concerned: that one answers for itself.
func (s *subscriber) moved(l *link, err error) {
	fields := strings.Fields(err.Error()) // MOVED, slot, address
	if len(fields) < 3 {
		return
	}
	slot, _ := strconv.Atoi(fields[1])
	master := fields[2]
	s.mu.Lock()
	var topics []topic
	for t := range l.pending {
		if t.kind == topicShard && slotOf(t.name) == slot {
			topics = append(topics, t)
		}
	}
	s.mu.Unlock()
	if strings.HasPrefix(master, ":") { // the host is the one that answers
		master = hostOf(l.route.master) + master
	}
	if master == l.route.master {
		return // it does not know yet; the topics are asked for again
	}
	for _, t := range topics {
		s.move(t, master)
	}
}

// established takes note of a route whose link lives, and was begun at some time.
func (s *subscriber) established(r *route, since time.Time) {
	s.mu.Lock()
	r.ok, r.needed = true, true
	s.begun = since
	s.mu.Unlock()
	s.judge()
}

// judge says whether everything that is wanted comes in. Where it did not before, that takes that all topics are
// confirmed; later a topic of its own does not make the whole connection seem to be down for the moment that it takes.
func (s *subscriber) judge() {
	s.mu.Lock()
	subscribed := s.redis.isSubscribed()
	up := s.main != nil && s.main.ok && len(s.lost) == 0 && !s.closed
	for _, r := range s.masters {
		up = up && (r.ok || !r.needed)
	}
	up = up && (subscribed || s.allConfirmed())
	begun, topics := s.begun, len(s.placed)
	connected := up && !subscribed && !begun.IsZero()
	if up {
		s.begun = time.Time{}
	}
	if connected {
		s.redis.stats.connects.Add(1)
	}
	s.redis.setCondition(func(c *condition) { c.subscribed = up })
	s.mu.Unlock()
	if connected {
		took := time.Since(begun)
		s.redis.stats.connectTime.Store(int64(took))
		s.redis.log.Info("Redis connected", "redis", s.redis.name,
			"took", took.Round(time.Microsecond), "subscriptions", topics)
	}
}

// allConfirmed reports whether every topic has a place, and Redis has confirmed it. It is called with mu held.
func (s *subscriber) allConfirmed() bool {
	waits := func(l *link) bool { return len(l.pending) > 0 }
	if len(s.placed) < len(s.wanted) || slices.ContainsFunc(s.main.links, waits) {
		return false
	}
	for _, r := range s.masters {
		if slices.ContainsFunc(r.links, waits) {
			return false
		}
	}
	return true
}

// close ends the subscriber. Its Redis's context must be done.
func (s *subscriber) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	<-s.changes.Drained()
	s.judge()
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
