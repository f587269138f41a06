package adapter

// Waiting, after an outage and where a slot has moved, until the other servers hear what is published: they miss what
// is published before.

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// listeners are how many subscribers had each channel's last message. It belongs to the outbox's goroutine.
type listeners map[string]int64

// rememberedChannels bounds listeners.
const rememberedChannels = 10_000

// note notes what Redis has answered to a message.
func (l listeners) note(channel string, result redis.Cmder) {
	reply, ok := result.(interface{ Val() int64 })
	if channel == "" || !ok {
		return
	}
	if _, known := l[channel]; !known && len(l) >= rememberedChannels { // rooms that are gone
		clear(l)
	}
	l[channel] = reply.Val()
}

// awaitOthers waits, after an outage, until the other servers are likely to have subscribed again. Of a channel it is
// known how many there were; else they come back about when this server does, give or take one wait of their backoff.
func (o *outbox) awaitOthers(channel string, outage time.Duration) {
	const patience = 3 * time.Second // with a Redis that lets this server publish and not subscribe
	r := o.redis
	late := time.After(patience)
	for subscribed, turned := r.subscribed(); !subscribed; subscribed, turned = r.subscribed() {
		select {
		case <-turned:
			continue
		case <-late:
		case <-r.ctx.Done():
		}
		return
	}
	r.reload(r.sender) // another master may have taken over meanwhile
	if !o.awaitListeners(channel) {
		r.pause(min(outage, backoffLast))
	}
}

// awaitMove waits, once a slot of a Redis Cluster has moved, until the other servers have subscribed at its new master:
// they learn of it when this one does.
func (o *outbox) awaitMove(channel string) {
	const patience = 250 * time.Millisecond
	r := o.redis
	r.reload(r.sender)
	if !o.awaitListeners(channel) {
		r.pause(patience)
	}
}

// awaitListeners waits until a channel has as many subscribers as its last message had, but not for long: a server may
// be gone. It reports false at once where it does not know.
func (o *outbox) awaitListeners(channel string) bool {
	const (
		patience = time.Second
		between  = 10 * time.Millisecond
	)
	want := o.heard[channel]
	if want == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(o.redis.ctx, patience)
	defer cancel()
	for {
		n, err := o.redis.subscribersOf(ctx, channel)
		if err != nil || n >= want || !o.redis.pause(between) {
			return true // with an error, sending finds out too
		}
	}
}

// subscribersOf is how many listen to a sharded channel.
func (r *Redis) subscribersOf(ctx context.Context, channel string) (int64, error) {
	var at redis.Cmdable = r.sender
	if cluster, ok := r.sender.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, channel)
		if err != nil {
			return 0, err
		}
		at = master
	}
	n, err := at.PubSubShardNumSub(ctx, channel).Result()
	return n[channel], err
}
