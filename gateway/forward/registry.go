package forward

// The registry: which nodes there are. Every node keeps a copy of it, so a lookup asks Redis only about a tag that the copy
// does not have, and however many clients send whatever ids, that is one question for all of them at a time.
//
// In Redis, "{<prefix>#nodes}" is a set of tags, and "{<prefix>#nodes}:<tag>" a node's record, in JSON, which expires
// unless the node renews it. The braces keep all of them on one server of a Redis Cluster.

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// heartbeat is how often a node renews its record and reads the others'.
	heartbeat = 2 * time.Second
	// expiry is how long a record outlives the node's last heartbeat.
	expiry = 10 * time.Second
	// retry is how often a node tries again that is not registered.
	retry = 250 * time.Millisecond
	// pace is the shortest time between two rounds.
	pace = 100 * time.Millisecond
	// roundTimeout bounds a round; a request that asks for one waits no longer for a Redis that does not answer.
	roundTimeout = time.Second
)

// A record is what a node registers.
type record struct {
	Address string `json:"address"` // host:port
	Key     string `json:"key"`     // what requests that are forwarded to it bring along
	Host    string `json:"host"`    // for people
}

// An owner is a registered node as others see it.
type owner struct {
	record
	tag  string
	seen time.Time // when it was last read
}

// A registry is this node's view of the cluster.
type registry struct {
	redis redis.UniversalClient
	index string
	tag   string
	// self is this node's record, or nil while its address is not known.
	self func() *record
	log  *logger

	wanted chan struct{} // asks for a round

	mu     sync.RWMutex
	owners map[string]*owner
	// next is closed at the end of the next round to begin.
	next chan struct{}
	// down is whether the last round failed.
	down       bool
	registered bool
}

func newRegistry(client redis.UniversalClient, prefix, tag string, self func() *record, log *logger) *registry {
	return &registry{
		redis: client, index: "{" + prefix + "#nodes}", tag: tag, self: self, log: log,
		wanted: make(chan struct{}, 1), owners: make(map[string]*owner), next: make(chan struct{}),
	}
}

func (g *registry) key(tag string) string { return g.index + ":" + tag }

// find returns the node of a tag, nil where there is none. It waits for Redis only where the tag is new to this node, and
// not at all while Redis is away.
func (g *registry) find(ctx context.Context, tag string) *owner {
	g.mu.RLock()
	o, down, round := g.owners[tag], g.down, g.next
	g.mu.RUnlock()
	switch {
	case o != nil:
		return o
	case down:
		g.log.limited("a session of a node that is not known, and Redis cannot be asked", "tag", tag)
		return nil
	}
	select {
	case g.wanted <- struct{}{}:
	default: // somebody has asked
	}
	select {
	case <-round:
	case <-ctx.Done():
		return nil
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.owners[tag]
}

func (g *registry) isRegistered() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.registered
}

// await waits until this node is registered, Redis turns out to be away, or ctx is done.
func (g *registry) await(ctx context.Context) {
	for {
		g.mu.RLock()
		known, round := g.registered || g.down, g.next
		g.mu.RUnlock()
		if known {
			return
		}
		select {
		case <-round:
		case <-ctx.Done():
			return
		}
	}
}

// drop forgets a node that does not listen any more. It comes back with the next round where it is still registered.
func (g *registry) drop(o *owner) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owners[o.tag] == o {
		delete(g.owners, o.tag)
	}
}

// run holds rounds until ctx is done: one at each heartbeat, and one as soon as pace allows when somebody asks.
func (g *registry) run(ctx context.Context) {
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.down = true
		close(g.next)
	}()
	for ctx.Err() == nil {
		began := time.Now()
		g.round(ctx)
		pause := heartbeat
		if !g.isRegistered() {
			pause = retry
		}
		beat := time.NewTimer(pause - time.Since(began))
		select {
		case <-beat.C:
		case <-ctx.Done():
		case <-g.wanted:
			beat.Reset(pace - time.Since(began))
			select {
			case <-beat.C:
			case <-ctx.Done():
			}
		}
		beat.Stop()
	}
}

// round renews this node's record and reads the others'.
func (g *registry) round(ctx context.Context) {
	g.mu.Lock()
	over := g.next
	g.next = make(chan struct{})
	g.mu.Unlock()
	defer close(over)

	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	self := g.self()
	found, err := g.exchange(ctx, self)

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down = err != nil; g.down {
		if !errors.Is(err, context.Canceled) {
			g.log.limited("the registry of nodes cannot be read", "error", err)
		}
		close(g.next) // who has come meanwhile need not wait for another failure
		g.next = make(chan struct{})
		return // the nodes that are known go on being used
	}
	g.registered = g.registered || self != nil
	now := time.Now()
	for tag, r := range found {
		known := g.owners[tag]
		if known == nil || known.record != r {
			g.log.Info("node found", "node", r.Host, "tag", tag, "address", r.Address)
		}
		g.owners[tag] = &owner{record: r, tag: tag, seen: now}
	}
	for tag, o := range g.owners {
		// A Redis that was restarted has forgotten nodes that are there, for one heartbeat of theirs. One that really is gone
		// refuses connections meanwhile.
		if now.Sub(o.seen) > expiry {
			delete(g.owners, tag)
			g.log.Info("node gone", "node", o.Host, "tag", tag, "address", o.Address)
		}
	}
}

// exchange writes this node's record, if there is one, and returns the other nodes'.
func (g *registry) exchange(ctx context.Context, self *record) (map[string]record, error) {
	var tags *redis.StringSliceCmd
	_, err := g.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		if self != nil {
			text, err := json.Marshal(self)
			if err != nil {
				return err
			}
			p.Set(ctx, g.key(g.tag), text, expiry)
			p.SAdd(ctx, g.index, g.tag)
		}
		tags = p.SMembers(ctx, g.index)
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := make(map[string]record)
	var keys, others, expired []string
	for _, tag := range tags.Val() {
		if tag != g.tag {
			others, keys = append(others, tag), append(keys, g.key(tag))
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	values, err := g.redis.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		text, ok := value.(string)
		var r record
		switch {
		case !ok:
			expired = append(expired, others[i])
		case json.Unmarshal([]byte(text), &r) != nil || !isAddress(r.Address) || r.Key == "":
			g.log.limited("a record in the registry of nodes makes no sense", "tag", others[i])
		case self != nil && r.Address == self.Address:
			// Of a process that this one has taken the place of, or two nodes advertise one address.
		default:
			found[others[i]] = r
		}
	}
	if len(expired) > 0 {
		// A node that is only late adds itself again.
		if err := g.redis.SRem(ctx, g.index, toAny(expired)...).Err(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// leave takes this node's record away.
func (g *registry) leave(ctx context.Context) error {
	_, err := g.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, g.key(g.tag))
		p.SRem(ctx, g.index, g.tag)
		return nil
	})
	return err
}

func toAny(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// isAddress reports whether s is "host:port" with a port that one can connect to.
func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && host != "" && n != 0
}
