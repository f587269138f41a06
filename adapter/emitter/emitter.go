// Package emitter lets a process without a server speak to the clients of a cluster: a web backend, a worker, a cron
// job. It publishes to Redis what servers with an adapter of package adapter, or of Node.js, then do.
//
//	e := emitter.New(redis.NewClient(&redis.Options{Addr: "localhost:6379"}), emitter.Options{})
//	err := e.To("order:7").Emit(ctx, "paid", order)
//
// Every method that publishes waits until Redis has taken what it says. Nothing is kept in the process, so there is
// nothing to close and nothing to lose: an error means that Redis has not taken it, or see ErrMaybeTaken. Whether a
// server is there to hear it Redis does not say.
//
// What is published is byte for byte what @socket.io/redis-emitter 5 and @socket.io/redis-streams-emitter 0.1 publish,
// where JSON holds the arguments; binary ones, which those pass on in some places only, are binary everywhere. Node.js
// has no emitter for the sharded adapter; this one speaks that adapter's protocol. Acknowledgements and fetchSockets
// need a server.
package emitter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

var (
	// ErrMaybeTaken is matched by the error of a call that does not know whether Redis has taken its message: the
	// connection broke, or the context ended, behind the message. After any other error it has not.
	ErrMaybeTaken = errors.New("emitter: Redis may have taken it")
	// ErrReservedEvent is returned for an event name that the protocol's implementations keep for themselves. It is
	// socketio.ErrReservedEvent.
	ErrReservedEvent = parser.ErrReservedEvent
)

// A Protocol is that of the servers' adapter.
type Protocol string

const (
	// PubSub is the protocol of Redis.PubSub and of @socket.io/redis-adapter's createAdapter. The default.
	PubSub Protocol = "pubsub"
	// Sharded is that of Redis.Sharded(Dynamic) and of createShardedAdapter with its default subscription mode.
	Sharded Protocol = "sharded"
	// ShardedPrivate is the same with the subscription mode dynamic-private.
	ShardedPrivate Protocol = "sharded-dynamic-private"
	// ShardedStatic is the same with the subscription mode static.
	ShardedStatic Protocol = "sharded-static"
	// Streams is that of Redis.Streams and of @socket.io/redis-streams-adapter.
	Streams Protocol = "streams"
)

// Options configure an Emitter. They must be as the servers have them. The zero value is that of servers with the
// defaults.
type Options struct {
	// Protocol is that of the servers' adapter. Default PubSub.
	Protocol Protocol
	// Prefix begins the names of channels and streams: adapter.Options.Prefix (Node.js: key, channelPrefix,
	// streamName). Default "socket.io".
	Prefix string
	// StreamCount is the number of streams: adapter.StreamsOptions.Count (Node.js: streamCount). Default 1.
	StreamCount int
	// MaxLen is about how many entries a stream keeps at most: adapter.StreamsOptions.MaxLen (Node.js: maxLen).
	// Default 10,000.
	MaxLen int64
}

// An Emitter selects sockets of a namespace, on all servers, and does something to all of them. It is a value: methods
// that narrow or widen the selection return another one, and an Emitter can be kept and used again, from any goroutine.
// One goroutine's messages arrive in the order of its calls.
type Emitter struct {
	*settings
	namespace     string
	rooms, except []string
	flags         flags
	batch         *batch // what gathers messages; nil where each is sent at once
}

// settings are what all Emitters from one New share.
type settings struct {
	client redis.UniversalClient
	opts   Options
	encode encoder
}

// New returns an Emitter that selects all sockets of the namespace "/". The client, to a single Redis, Sentinel or
// Cluster, is the caller's: its options say how long a dial, a write and an answer may take, and it is not closed here.
// ctx bounds those too if its ContextTimeoutEnabled is set. Whatever its MaxRetries, nothing is sent twice that Redis
// may have taken, as clients would see it twice; what it surely has not is tried again for a second.
func New(client redis.UniversalClient, opts Options) Emitter {
	opts.Protocol = cmp.Or(opts.Protocol, PubSub)
	opts.Prefix = cmp.Or(opts.Prefix, "socket.io")
	if opts.MaxLen <= 0 {
		opts.MaxLen = 10_000
	}
	s := &settings{client: client, opts: opts, encode: encoders[opts.Protocol]}
	return Emitter{settings: s, namespace: parser.MainNamespace}
}

// Of selects all sockets of another namespace. Its name begins with a slash, which may be left out.
func (e Emitter) Of(namespace string) Emitter {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	return Emitter{settings: e.settings, namespace: namespace, batch: e.batch}
}

// To adds rooms whose members are selected. With no room at all, every socket is. Every socket's own id is a room.
func (e Emitter) To(rooms ...string) Emitter {
	e.rooms = union(e.rooms, rooms)
	return e
}

// In is To.
func (e Emitter) In(rooms ...string) Emitter { return e.To(rooms...) }

// Except adds rooms whose members are not selected.
func (e Emitter) Except(rooms ...string) Emitter {
	e.except = union(e.except, rooms)
	return e
}

// union returns a and behind it what of b is not in a. It does not change a.
func union(a, b []string) []string {
	out := slices.Clip(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Volatile lets the event be dropped for clients that are not keeping up.
func (e Emitter) Volatile() Emitter {
	e.flags.volatile = true
	return e
}

// Compress says whether the event may be compressed on its way to clients. By default it may.
func (e Emitter) Compress(compress bool) Emitter {
	e.flags.compress = &compress
	return e
}

// Emit sends an event to the selected sockets. Arguments are encoded as encoding/json does, without its escapes for
// HTML; byte slices anywhere in them travel as binary attachments, and parser.Raw values as they are.
func (e Emitter) Emit(ctx context.Context, event string, args ...any) error {
	if parser.IsReservedEvent(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return e.publishEvent(ctx, broadcast, event, args)
}

// ServerSideEmit sends an event to the servers, whose OnServerSideEmit handlers get it. No selection concerns it.
func (e Emitter) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	if parser.IsReservedServerSideEvent(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return e.publishEvent(ctx, serverSideEmit, event, args)
}

func (e Emitter) publishEvent(ctx context.Context, typ messageType, event string, args []any) error {
	payload, attachments, err := parser.MarshalEvent(event, args)
	if err != nil {
		return fmt.Errorf("emitter: %q: %w", event, err)
	}
	return e.publish(ctx, message{typ: typ, payload: payload, attachments: attachments})
}

// SocketsJoin makes the selected sockets join rooms.
func (e Emitter) SocketsJoin(ctx context.Context, rooms ...string) error {
	return e.publish(ctx, message{typ: socketsJoin, rooms: rooms})
}

// SocketsLeave makes the selected sockets leave rooms.
func (e Emitter) SocketsLeave(ctx context.Context, rooms ...string) error {
	return e.publish(ctx, message{typ: socketsLeave, rooms: rooms})
}

// DisconnectSockets disconnects the selected sockets from the namespace, and with closeConnection their clients
// altogether.
func (e Emitter) DisconnectSockets(ctx context.Context, closeConnection bool) error {
	return e.publish(ctx, message{typ: disconnectSockets, closeConnection: closeConnection})
}

// publish sends a message, or adds it to the batch.
func (e Emitter) publish(ctx context.Context, m message) error {
	if e.encode == nil {
		return fmt.Errorf("emitter: there is no protocol %q", e.opts.Protocol)
	}
	c, err := e.encode(e, m)
	switch {
	case err != nil:
		return fmt.Errorf("emitter: %w", err)
	case e.batch != nil:
		return e.batch.add(c)
	}
	_, err = e.send(ctx, []command{c})
	return err
}
