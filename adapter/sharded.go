package adapter

import (
	"context"
	"sync"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A SubscriptionMode says for which rooms a server of a sharded cluster listens to a channel of their own (Node:
// subscriptionMode). All servers of a cluster must agree on it.
type SubscriptionMode string

const (
	// Dynamic gives every room a channel but those that are a socket's own. The default.
	Dynamic SubscriptionMode = "dynamic"
	// DynamicPrivate gives those a channel too.
	DynamicPrivate SubscriptionMode = "dynamic-private"
	// Static has two channels for each server, whatever the rooms.
	Static SubscriptionMode = "static"
)

// Sharded returns the constructor of adapters that speak the protocol of createShardedAdapter
// (@socket.io/redis-adapter 8.x), on the sharded Pub/Sub of Redis 7.
func (r *Redis) Sharded(mode SubscriptionMode) func(*socketio.Namespace) socketio.Adapter {
	return func(ns *socketio.Namespace) socketio.Adapter {
		a := newClusterAdapter(r, ns)
		b := &shardedBus{
			clusterAdapter: a,
			mode:           mode,
			channel:        r.opts.Prefix + "#" + ns.Name() + "#",
			listening:      make(map[string]*subscription),
		}
		a.bus = b
		if mode != Static {
			a.OnRoomChange(b.roomChanged)
		}
		b.subscription = r.events.subscribe(b.onMessage, b.topics()...)
		return a
	}
}

// shardedBus carries messages by SPUBLISH.
type shardedBus struct {
	*clusterAdapter
	mode         SubscriptionMode
	channel      string // of the namespace; a room's name, or a server's uid, and a "#" may follow
	subscription *subscription

	mu        sync.Mutex
	listening map[string]*subscription // to the channels of rooms
}

func (b *shardedBus) topics() []topic {
	return []topic{{topicShard, b.channel}, {topicShard, b.channel + b.uid + "#"}}
}

func (b *shardedBus) roomTopic(room string) topic { return topic{topicShard, b.channel + room + "#"} }

// looksLikeSocketID is how Node's adapter tells a socket's own room on the sending side: by its length, in UTF-16.
func looksLikeSocketID(room string) bool {
	units := 0
	for _, c := range room {
		units += utf16.RuneLen(c)
	}
	return units == 20
}

// roomChanged follows what rooms have members here.
func (b *shardedBus) roomChanged(room string) {
	if b.mode == Dynamic && looksLikeSocketID(room) {
		return // nobody publishes to its channel
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	here, sub := b.HasRoom(room), b.listening[room]
	switch {
	case here && sub == nil:
		b.listening[room] = b.redis.events.subscribe(b.onMessage, b.roomTopic(room))
	case !here && sub != nil:
		delete(b.listening, room)
		sub.end(b.roomTopic(room))
	}
}

func (b *shardedBus) publish(m outMessage) {
	channel := b.channel
	// One room: its own channel. A broadcast with acknowledgements goes to everyone, as the number of servers that are to
	// answer is that of all.
	if m.typ == typeBroadcast && !m.ask && len(m.rooms) == 1 &&
		(b.mode == DynamicPrivate || b.mode == Dynamic && !looksLikeSocketID(m.rooms[0])) {
		channel += m.rooms[0] + "#"
	}
	b.send(channel, m)
}

func (b *shardedBus) respond(uid string, m outMessage) { b.send(b.channel+uid+"#", m) }

func (b *shardedBus) send(channel string, m outMessage) {
	text, err := b.encode(m)
	if err != nil {
		b.redis.opts.Logger.Error("message for other servers cannot be encoded", "error", err)
		return
	}
	b.redis.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner) redis.Cmder {
			return once(ctx, p, "spublish", channel, text)
		},
		size: len(channel) + len(text),
	})
}

func (b *shardedBus) subscribers(ctx context.Context) (int, error) {
	return b.redis.countSubscribers(ctx, func(ctx context.Context, c redis.Cmdable) (int64, error) {
		n, err := c.PubSubShardNumSub(ctx, b.channel).Result()
		return n[b.channel], err
	})
}

func (b *shardedBus) close() {
	b.subscription.end(b.topics()...)
	b.mu.Lock()
	defer b.mu.Unlock()
	for room, sub := range b.listening {
		sub.end(b.roomTopic(room))
	}
	clear(b.listening)
}
