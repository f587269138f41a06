package adapter

// The classic Pub/Sub protocol: which messages go to which channels. Their form is in pubsub_wire.go.

import (
	"bytes"
	"context"
	"strings"
	"unsafe"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// PubSub returns the constructor of adapters that speak the protocol of @socket.io/redis-adapter 8.x (createAdapter): a
// broadcast is published to the channel of its one room, or of the namespace; requests go to one channel that all
// servers listen to, responses to another.
func (r *Redis) PubSub() func(*socketio.Namespace) socketio.Adapter {
	opts := r.clusterOptions()
	opts.NewID = func() string { return newUID(6) } // as in Node.js
	return func(ns *socketio.Namespace) socketio.Adapter {
		return cluster.New(ns, opts, func(a *cluster.Adapter) cluster.Bus { return newPubSubBus(r, a) })
	}
}

// pubSubBus carries one namespace's messages by PUBLISH.
type pubSubBus struct {
	adapter *cluster.Adapter
	ns      *socketio.Namespace
	redis   *Redis

	channel         string // broadcasts; a room's name and a "#" may follow
	requestChannel  string
	responseChannel string // the specific one of a server has its id and a "#" behind it

	own          string // how the broadcasts of this server begin
	subscription *subscription
}

func newPubSubBus(r *Redis, a *cluster.Adapter) *pubSubBus {
	name := a.Namespace().Name()
	b := &pubSubBus{
		adapter: a, ns: a.Namespace(), redis: r,
		channel:         r.opts.Prefix + "#" + name + "#",
		requestChannel:  r.opts.Prefix + "-request#" + name + "#",
		responseChannel: r.opts.Prefix + "-response#" + name + "#",
		own:             string(appendSender(nil, a.ID())),
	}
	b.subscription = r.events.subscribeIf(b.interested, b.onMessage, b.topics()...)
	return b
}

func (b *pubSubBus) topics() []topic {
	return []topic{
		{topicPattern, escapeGlob.Replace(b.channel) + "*"},
		{topicChannel, b.requestChannel},
		{topicChannel, b.responseChannel},
		{topicChannel, b.responseChannel + b.adapter.ID() + "#"},
	}
}

// escapeGlob keeps a namespace's name from being a pattern (Redis, PSUBSCRIBE).
var escapeGlob = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// Close ends the subscriptions.
func (b *pubSubBus) Close() { b.subscription.end(b.topics()...) }

// Flush implements socketio.Flusher.
func (b *pubSubBus) Flush(ctx context.Context) { b.redis.flush(ctx) }

// Others is the number of others that listen to requests.
func (b *pubSubBus) Others(ctx context.Context) (int, error) {
	return b.redis.countOthers(ctx, "", func(ctx context.Context, c redis.Cmdable) (int64, error) {
		n, err := c.PubSubNumSub(ctx, b.requestChannel).Result()
		return n[b.requestChannel], err
	})
}

// Publish sends a broadcast to the channel of its one room or of the namespace, and anything else to that of requests.
func (b *pubSubBus) Publish(m cluster.Message) error {
	var text []byte
	var err error
	channel := b.requestChannel
	switch {
	case m.Type != cluster.Broadcast:
		text, err = encodeRequest(m)
	case m.RequestID != "":
		text, err = b.encodeBroadcastRequest(m)
	default:
		if channel = b.channel; len(m.Opts.Rooms) == 1 {
			channel += m.Opts.Rooms[0] + "#"
		}
		text, err = b.encodeBroadcast(m)
	}
	if err == nil {
		b.redis.publish(channel, text)
	}
	return err
}

// Respond sends an answer to everybody, or with SpecificResponses to its server alone. The answer to a server-side emit
// goes to everybody in any case, as in Node.js. Pages, and requests for more of them, go to their server in any case:
// they are among servers of ours, all of which listen to a channel of their own.
func (b *pubSubBus) Respond(to string, m cluster.Message) error {
	encode, specific := encodeResponse, b.redis.opts.SpecificResponses && m.Type != cluster.ServerSideEmitResponse
	if m.Page.Bytes > 0 {
		specific = true
		if m.Type == cluster.FetchSockets || m.Type == cluster.ListSockets {
			encode = encodeRequest
		}
	}
	text, err := encode(m)
	if err != nil {
		return err
	}
	channel := b.responseChannel
	if specific && to != "" {
		channel += to + "#"
	}
	b.redis.publish(channel, text)
	return nil
}

// interested reports whether a broadcast's room has a member here. One that is about to get its first, by a message
// that is still in line, counts as one that has.
func (b *pubSubBus) interested(channel []byte) bool {
	room := bytes.TrimPrefix(channel, []byte(b.channel))
	return len(room) == 0 || !b.adapter.Idle() || b.adapter.HasRoom(string(room[:len(room)-1]))
}

func (b *pubSubBus) onMessage(channel, payload string) {
	if !strings.HasPrefix(payload, b.own) {
		b.adapter.Receive(channel, bytesOf(payload))
	}
}

// bytesOf is s without a copy. Messages are not changed by anybody.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Decode reads a message by the channel that it came from.
func (b *pubSubBus) Decode(channel string, data []byte, m *cluster.Message) error {
	if room, ok := strings.CutPrefix(channel, b.channel); ok {
		// Whether somebody here is in the room is known only now: a request ahead in the line may have changed it.
		if room != "" && !b.adapter.HasRoom(strings.TrimSuffix(room, "#")) {
			return nil
		}
		return b.decodeBroadcast(data, m)
	}
	if strings.HasPrefix(channel, b.responseChannel) {
		return b.decodeResponse(data, m)
	}
	return b.decodeRequest(data, m)
}
