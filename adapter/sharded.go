package adapter

// The sharded Pub/Sub protocol: which messages go to which channels. Their form is cluster.Codec's.

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A SubscriptionMode says which rooms have a channel of their own in a sharded cluster (Node.js: subscriptionMode). All
// servers of a cluster must have the same.
type SubscriptionMode string

const (
	// Dynamic gives a channel to every room that is not a socket's own. The default.
	Dynamic SubscriptionMode = "dynamic"
	// DynamicPrivate gives those a channel too.
	DynamicPrivate SubscriptionMode = "dynamic-private"
	// Static has two channels for each server, whatever the rooms.
	Static SubscriptionMode = "static"
)

// Sharded returns the constructor of adapters that speak the protocol of createShardedAdapter
// (@socket.io/redis-adapter 8.x), on the sharded Pub/Sub of Redis 7. The mode "" is Dynamic.
func (r *Redis) Sharded(mode SubscriptionMode) func(*socketio.Namespace) socketio.Adapter {
	return func(ns *socketio.Namespace) socketio.Adapter {
		return cluster.New(ns, r.clusterOptions(), func(a *cluster.Adapter) cluster.Bus {
			b := newShardedBus(r, a)
			if mode == Static {
				return b
			}
			return &dynamicBus{
				shardedBus: b, private: mode == DynamicPrivate, listening: make(map[string]*subscription),
			}
		})
	}
}

// shardedBus carries one namespace's messages by SPUBLISH, all of them on two channels: the namespace's and a server's.
type shardedBus struct {
	cluster.Codec
	adapter      *cluster.Adapter
	redis        *Redis
	channel      string // of the namespace; a server's id, or a room's name, and a "#" may follow
	subscription *subscription
	received     repeats

	seqMu sync.Mutex
	seq   uint64 // of this server's last message
}

func newShardedBus(r *Redis, a *cluster.Adapter) *shardedBus {
	b := &shardedBus{
		Codec: cluster.NewCodec(a), adapter: a, redis: r, channel: r.opts.Prefix + "#" + a.Namespace().Name() + "#",
		received: make(repeats),
	}
	b.subscription = r.events.subscribe(b.onMessage, b.topics()...)
	return b
}

func (b *shardedBus) topics() []topic {
	return []topic{{topicShard, b.channel}, {topicShard, b.channel + b.adapter.ID() + "#"}}
}

func (b *shardedBus) onMessage(channel, payload string) { b.adapter.Receive(channel, bytesOf(payload)) }

// Publish sends m to the namespace's channel.
func (b *shardedBus) Publish(m cluster.Message) error { return b.send(b.channel, m) }

// Respond sends m to a server's own channel.
func (b *shardedBus) Respond(to string, m cluster.Message) error { return b.send(b.channel+to+"#", m) }

func (b *shardedBus) send(channel string, m cluster.Message) error {
	text, err := b.Encode(m)
	if err != nil {
		return err
	}
	b.seqMu.Lock() // numbered in the order in which they are queued
	defer b.seqMu.Unlock()
	b.seq++
	seq := b.seq
	b.redis.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner, again bool) redis.Cmder {
			return once(ctx, p, "spublish", channel, b.Numbered(text, seq, again))
		},
		repeats: repeatsEnded, channel: channel,
		size: len(channel) + len(text),
	})
	return nil
}

// publishToShard queues SPUBLISH of a message that has no number.
func (r *Redis) publishToShard(channel string, message []byte) {
	r.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner, _ bool) redis.Cmder {
			return once(ctx, p, "spublish", channel, message)
		},
		repeats: repeatsNever,
		channel: channel,
		size:    len(channel) + len(message),
	})
}

// Flush implements socketio.Flusher.
func (b *shardedBus) Flush(ctx context.Context) { b.redis.flush(ctx) }

// Others is the number of others that listen to the namespace's channel.
func (b *shardedBus) Others(ctx context.Context) (int, error) {
	return b.redis.countShard(ctx, b.channel)
}

// countShard is the number of others that listen to a sharded channel.
func (r *Redis) countShard(ctx context.Context, channel string) (int, error) {
	return r.countOthers(ctx, channel, func(ctx context.Context, c redis.Cmdable) (int64, error) {
		n, err := c.PubSubShardNumSub(ctx, channel).Result()
		return n[channel], err
	})
}

// Decode reads a message. It leaves m.Type at 0 for one that repeats an earlier one too.
func (b *shardedBus) Decode(channel string, data []byte, m *cluster.Message) error {
	err := b.Codec.Decode(data, m)
	if err == nil && m.Type != 0 && b.received.isRepeated(channel, m) {
		m.Type = 0
	}
	return err
}

// Close ends the subscriptions.
func (b *shardedBus) Close() { b.subscription.end(b.topics()...) }

// dynamicBus is a shardedBus in whose cluster rooms have channels.
type dynamicBus struct {
	*shardedBus
	private bool // sockets' own rooms have channels too

	mu        sync.Mutex
	closed    bool
	listening map[string]*subscription // to the channels of rooms
}

var _ cluster.RoomFollower = (*dynamicBus)(nil)

// hasChannel reports whether room has a channel.
func (b *dynamicBus) hasChannel(room string) bool { return b.private || !wire.LooksLikeSocketID(room) }

func (b *dynamicBus) roomTopic(room string) topic { return topic{topicShard, b.channel + room + "#"} }

// RoomChanged subscribes to the channels of rooms that have members here.
func (b *dynamicBus) RoomChanged(room string) {
	if !b.hasChannel(room) {
		return // nobody publishes to it
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	here, sub := !b.closed && b.adapter.HasRoom(room), b.listening[room]
	switch {
	case here && sub == nil:
		b.listening[room] = b.redis.events.subscribe(b.onMessage, b.roomTopic(room))
	case !here && sub != nil:
		delete(b.listening, room)
		sub.end(b.roomTopic(room))
	}
}

// Publish sends a broadcast to one room to that room's channel. One that is to be acknowledged goes to all servers, as
// all of them have to answer.
func (b *dynamicBus) Publish(m cluster.Message) error {
	if m.Type == cluster.Broadcast && m.RequestID == "" && len(m.Opts.Rooms) == 1 && b.hasChannel(m.Opts.Rooms[0]) {
		return b.send(b.roomTopic(m.Opts.Rooms[0]).name, m)
	}
	return b.shardedBus.Publish(m)
}

// Close ends the subscriptions, those to rooms too.
func (b *dynamicBus) Close() {
	b.shardedBus.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for room, sub := range b.listening {
		sub.end(b.roomTopic(room))
	}
	clear(b.listening)
}
