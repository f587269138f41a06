package adapter

// How the Redis is: whether messages come and go, and whether it stores anything.

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// A condition is what is known of a Redis.
type condition struct {
	subscribed bool  // messages come in
	stuck      uint8 // outboxes that cannot send, a bit each
	since      time.Time
	ups        int    // how often it has become up
	refusal    string // the code with which Redis refuses to store anything; "" while it does not
}

func (c condition) up() bool { return c.subscribed && c.stuck == 0 }

// setCondition changes what is known.
func (r *Redis) setCondition(change func(*condition)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.condition
	change(&r.condition)
	if r.condition == before {
		return
	}
	close(r.turned)
	r.turned = make(chan struct{})
	if r.condition.up() == before.up() {
		return
	}
	r.condition.since = time.Now()
	if r.condition.up() {
		r.condition.ups++
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// subscribed reports whether messages come in, and returns a channel that is closed when that may have changed.
func (r *Redis) subscribed() (bool, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.condition.subscribed, r.turned
}

func (r *Redis) isSubscribed() bool {
	subscribed, _ := r.subscribed()
	return subscribed
}

// Changed returns a channel that is closed when Stats.Up next changes.
func (r *Redis) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// upFor is how long the connection has been up, 0 while it is not, and whether it has been up before.
func (r *Redis) upFor() (d time.Duration, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.condition.up() {
		return 0, r.condition.ups > 0
	}
	return time.Since(r.condition.since), r.condition.ups > 1
}

// noteAlive notes that a PING was answered well: snapshots no longer fail.
func (r *Redis) noteAlive() {
	r.mu.Lock()
	failing := r.condition.refusal == "MISCONF"
	r.mu.Unlock()
	if failing {
		r.noteStored("")
	}
}

// noteStored notes whether Redis has stored something, or with which code it has refused to.
func (r *Redis) noteStored(refusal string) {
	if refusal != "" {
		r.stats.refusals.Add(1)
	}
	r.mu.Lock()
	same := r.condition.refusal == refusal
	r.mu.Unlock()
	if same {
		return
	}
	r.setCondition(func(c *condition) { c.refusal = refusal })
	if refusal != "" {
		r.throttled.Warn("Redis refuses to store anything; what is published goes on", "redis", r.name, "code", refusal)
	} else {
		r.throttled.Info("Redis stores again", "redis", r.name)
	}
}

// A storeWatch is a hook of a client: it sees which commands Redis refuses to store, the program's own too.
type storeWatch struct{ redis *Redis }

var _ redis.Hook = storeWatch{}

// DialHook implements redis.Hook.
func (storeWatch) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements redis.Hook.
func (w storeWatch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		w.see(cmd)
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (w storeWatch) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for i := len(cmds) - 1; i >= 0; i-- {
			if w.see(cmds[i]) {
				break // the last one decides
			}
		}
		return err
	}
}

// see takes note of a command that stores something, and reports whether this is one that says something.
func (w storeWatch) see(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "set", "xadd", "sadd":
	default:
		return false
	}
	switch err := cmd.Err(); {
	case err == nil:
		w.redis.noteStored("")
	case unwritable(err):
		w.redis.noteStored(replyCode(err))
	default:
		return false
	}
	return true
}

// newBackoff is for whatever is tried on this Redis.
func (r *Redis) newBackoff() backoff {
	if _, ok := r.client.(*redis.ClusterClient); ok {
		return backoff{last: backoffCluster}
	}
	return backoff{}
}

// reload renews what a client knows of a Redis Cluster, and waits for it.
func (r *Redis) reload(client redis.UniversalClient) {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, ioTimeout)
	defer cancel()
	// ForEachMaster asks first who the masters are. (ReloadState does not wait, and not more often than five times a
	// second.)
	_ = cluster.ForEachMaster(ctx, func(context.Context, *redis.Client) error { return nil })
}
