package adapter

// A route: how the messages of some topics come, over one link, and while that is renewed over two.

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A route has the topics of one server: there is one, and on a Redis Cluster one more for each master that has sharded
// channels we want.
//
// Make before break. Where nothing comes on its link any more, a second is made beside it. Once that one stands, and
// the first has stayed silent, the second takes its place, and delivers what it has held. If the first speaks again it
// stays, and the second goes: whatever Redis had for it while one of both stood still arrives, once. Silence is counted
// in beats, so that a process that stood still itself first hears what has come.
type route struct {
	s      *subscriber
	master string // its address, of a route for sharded channels; else ""
	ctx    context.Context
	cancel context.CancelFunc
	woken  chan struct{}

	working sync.WaitGroup // its links

	// Guarded by subscriber.mu.
	topics map[topic]bool
	links  []*link       // current and next
	ok     bool          // its link lives, and speaks
	needed bool          // the subscriber is not up without it
	own    *redis.Client // to master; nil until it is used

	// Of the route's goroutine.
	current, next *link
	delivered     map[note]int // by the link before, while next held it
	heard         int64        // of current, at the last beat
	silent        int          // beats since current was heard
	waited        int          // beats since next began, or since it stands
	stands        bool         // next does
	retry         backoff
	retryAt       <-chan time.Time // when to dial; nil where there is no need
}

const (
	// beat is how often a route looks after its links.
	beat = time.Second
	// silentBeats is how many beats a link that is sent a PING every pingAfter may be silent.
	silentBeats = int((pingAfter + deadAfter) / beat)
	// makingBeats is how long a link may take to subscribe; graceBeats how long a silent one has once that stands.
	makingBeats = int(deadAfter/beat) + 1
	graceBeats  = 2
)

var (
	errSilent  = errors.New("adapter: Redis does not answer")
	errReplies = errors.New("adapter: Redis does not confirm all subscriptions")
)

func newRoute(s *subscriber, master string) *route {
	r := &route{s: s, master: master, woken: make(chan struct{}, 1), topics: make(map[topic]bool)}
	r.retry = s.redis.newBackoff()
	r.ctx, r.cancel = context.WithCancel(s.redis.ctx)
	return r
}

// wake has the route look at its links.
func (r *route) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// run looks after the links until the route is cancelled.
func (r *route) run() {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	r.next = r.dial()
	for r.ctx.Err() == nil {
		select {
		case <-r.ctx.Done():
		case <-r.woken:
		case <-tick.C:
			r.beat()
		case <-r.retryAt:
			r.retryAt = nil
			if r.next == nil && r.rehome() {
				r.next, r.waited, r.stands = r.dial(), 0, false
			}
		}
		r.look()
	}
	for _, l := range []*link{r.current, r.next} {
		if l != nil {
			l.end(anyway)
		}
	}
	r.working.Wait()
	if r.own != nil {
		_ = r.own.Close()
	}
}

// dial begins a link.
func (r *route) dial() *link {
	log := r.s.redis.log
	log.Debug("connecting to Redis", "redis", r.s.redis.name, "master", r.master)
	return newLink(r, r.subscribe)
}

// subscribe returns a new connection, of a Redis Cluster one to a master: replicas may go without notice.
func (r *route) subscribe(ctx context.Context) (*redis.PubSub, error) {
	listen := r.s.redis.listen
	cluster, ok := listen.(*redis.ClusterClient)
	if !ok {
		return listen.Subscribe(r.ctx), nil
	}
	r.s.redis.reload(listen) // the link before may have ended because a master did
	some, err := cluster.MasterForKey(ctx, strconv.Itoa(rand.IntN(1<<20)))
	if err != nil {
		return nil, err
	}
	if r.master == "" {
		return some.Subscribe(r.ctx), nil
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.own == nil {
		// The master may be one that the client does not know of yet.
		opts := *some.Options()
		opts.Addr, opts.MaxRetries, opts.PipelinePoolSize = r.master, -1, -1
		r.own = redis.NewClient(&opts)
	}
	return r.own.Subscribe(r.ctx), nil
}

// beat counts the silence of the link, and how long its successor takes.
func (r *route) beat() {
	r.waited++
	if r.current == nil {
		return
	}
	for _, t := range r.current.overdue() {
		r.current.tell(t)
	}
	if heard := r.current.heard.Load(); heard != r.heard {
		if r.silent >= silentBeats {
			r.revived()
		}
		r.heard, r.silent = heard, 0
		return
	}
	if r.silent++; r.silent == silentBeats {
		r.s.redis.log.Warn("Redis connection is silent; making another beside it", "redis", r.s.redis.name,
			"master", r.master)
		r.setOK(false)
	}
	if r.silent >= silentBeats && r.next == nil && r.retryAt == nil {
		r.current.takeNotes(true)
		r.next, r.waited, r.stands = r.dial(), 0, false
	}
}

// look draws the conclusions from how the links are.
func (r *route) look() {
	if r.ctx.Err() != nil {
		return
	}
	if l := r.current; l != nil {
		select {
		case err := <-l.over:
			r.s.redis.log.Warn("Redis connection lost", "redis", r.s.redis.name, "master", r.master, "error", err,
				"after", time.Since(l.begun).Round(time.Millisecond))
			l.end(anyway)
			r.current, r.delivered = nil, l.takeNotes(false)
			r.setOK(false)
			r.again()
		default:
			if r.silent >= silentBeats && l.heard.Load() != r.heard {
				r.revived()
			}
		}
	}
	if r.next != nil {
		r.lookAtNext()
	}
}

// revived keeps the link, which speaks again.
func (r *route) revived() {
	r.s.redis.log.Info("Redis connection speaks again", "redis", r.s.redis.name, "master", r.master)
	r.heard, r.silent = r.current.heard.Load(), 0
	r.current.takeNotes(false)
	if r.next != nil {
		r.next.end(anyway)
		r.next = nil
	}
	r.retryAt = nil
	r.retry.reset()
	r.setOK(true)
}

// lookAtNext has the successor take the link's place when it is time.
func (r *route) lookAtNext() {
	l := r.next
	select {
	case err := <-l.over:
		r.giveUpNext(err)
		return
	default:
	}
	if !r.stands && l.stands() {
		r.stands, r.waited = true, 0
	}
	switch {
	case !r.stands && r.waited > makingBeats:
		r.giveUpNext(errReplies)
	case !r.stands:
	case r.current == nil:
		r.succeed()
	case r.waited > graceBeats:
		if !r.current.end(r.heard) {
			r.revived()
			return
		}
		r.s.redis.log.Warn("Redis connection lost", "redis", r.s.redis.name, "master", r.master, "error", errSilent,
			"after", time.Since(r.current.begun).Round(time.Millisecond))
		r.succeed()
	}
}

func (r *route) giveUpNext(err error) {
	r.next.end(anyway)
	r.next = nil
	r.s.redis.stats.connectErrors.Add(1)
	r.s.redis.throttled.Warn("Redis cannot be reached; trying on", "redis", r.s.redis.name, "master", r.master,
		"error", err)
	r.again()
}

// again has another link made, in a while.
func (r *route) again() {
	if r.next == nil && r.retryAt == nil {
		r.retryAt = time.After(r.retry.step())
	}
}

// succeed puts next in the place of current, which has ended.
func (r *route) succeed() {
	if r.current != nil {
		r.delivered = r.current.takeNotes(false)
	}
	r.current, r.next = r.next, nil
	r.heard, r.silent = r.current.heard.Load(), 0
	r.retry.reset()
	r.current.live(r.delivered)
	r.delivered = nil
	r.s.established(r, r.current.begun)
}

func (r *route) setOK(ok bool) {
	r.s.mu.Lock()
	r.ok = ok
	r.s.mu.Unlock()
	r.s.judge()
}

// rehome gives the channels of a master that cannot be reached to their masters of now. It reports false where there is
// nothing left for this one.
func (r *route) rehome() bool {
	if r.master == "" {
		return true
	}
	s := r.s
	s.redis.reload(s.redis.listen)
	s.mu.Lock()
	topics := make([]topic, 0, len(r.topics))
	for t := range r.topics {
		topics = append(topics, t)
	}
	s.mu.Unlock()
	for _, t := range topics {
		if master, err := s.masterOf(t); err == nil && master != r.master {
			s.move(t, master)
		}
	}
	return r.ctx.Err() == nil
}
