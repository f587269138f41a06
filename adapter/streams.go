package adapter

// The Streams protocol: its options, and how one namespace's messages travel. streams_reader.go reads what comes in.

import (
	"cmp"
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// StreamsOptions configure adapters on Redis Streams. The zero value is usable: each field's comment names its default,
// which is Node.js's.
type StreamsOptions struct {
	// StreamName is the name of the stream, or with Count begins those of the streams. Default Options.Prefix, which
	// the channels have in any case. (Node.js has streamName and channelPrefix.)
	StreamName string
	// Count is the number of streams that namespaces are spread over. Each that has a namespace is read on a
	// connection of its own, which it takes out of the client's pool. Default 1.
	Count int
	// MaxLen is about how many entries a stream keeps at most. Default 10,000.
	MaxLen int64
	// MaxBytes is about how many bytes a stream keeps at most: where entries are large there are fewer of them. For ten
	// seconds after an outage it may be four times as long. It bounds what sessions can be resumed over, and how far
	// behind a server may fall. It should be well below Redis's maxmemory; where the memory is full all the same, the
	// servers cut the stream. Default 64 MiB. (Node.js servers trim by MaxLen alone.)
	MaxBytes int64
	// ReadCount is how many entries one read fetches at most. Default 100.
	ReadCount int64
	// BlockTime is how long one read waits for entries (Node.js: blockTimeInMs, 5 s). A connection that has died
	// quietly is noticed 2 s after it. Default 2 s.
	BlockTime time.Duration
	// ShardedPubSub sends requests and answers by the sharded Pub/Sub of Redis 7 (Node.js: useShardedPubSub), which on
	// a Redis Cluster stays with one master. All servers of a cluster must have the same.
	ShardedPubSub bool
	// SessionPrefix begins the keys under which sessions are kept. Default "sio:session:".
	SessionPrefix string
	// Recovery keeps sessions and appends an offset to every event. Set it if, and only if, the server's
	// ConnectionStateRecovery is set, to the same.
	Recovery *socketio.ConnectionStateRecovery
}

// Streams returns the constructor of adapters that speak the protocol of @socket.io/redis-streams-adapter 0.3.x. What
// must not be lost goes through a stream, which is read on from the last entry after an outage. Requests and answers
// go by Pub/Sub.
//
// With Recovery, this server's own sockets get a broadcast when it comes back from the stream: all servers deliver in
// the stream's order, and an offset stands for everything before it. While Redis does not answer they get it without
// an offset, a second later at most.
func (r *Redis) Streams(opts StreamsOptions) func(*socketio.Namespace) socketio.Adapter {
	opts.StreamName = cmp.Or(opts.StreamName, r.opts.Prefix)
	if opts.BlockTime <= 0 {
		opts.BlockTime = 2 * time.Second
	}
	if opts.Count <= 0 {
		opts.Count = 1
	}
	if opts.MaxLen <= 0 {
		opts.MaxLen = 10_000
	}
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = 64 << 20
	}
	if opts.ReadCount <= 0 {
		opts.ReadCount = 100
	}
	if opts.SessionPrefix == "" {
		opts.SessionPrefix = "sio:session:"
	}
	set := &streams{
		redis: r, opts: opts, readers: make(map[string]*streamReader), bounds: make(map[string]*streamBound),
		alone: make(chan struct{}, aloneAtOnce),
	}
	set.questions = batchqueue.New(questionsMost, set.askAll)
	return func(ns *socketio.Namespace) socketio.Adapter {
		var b *streamsBus
		a := cluster.New(ns, r.clusterOptions(), func(a *cluster.Adapter) cluster.Bus {
			b = newStreamsBus(set, a)
			return b
		})
		if opts.Recovery == nil {
			set.add(b)
			return a
		}
		b.recovering = recovery.New(r.ctx, a, b, b, &b.received, *opts.Recovery, r.log, func(save func()) {
			r.background.Go(save)
		})
		set.add(b)
		return b.recovering
	}
}

// streamsBus carries one namespace's messages through a stream, but requests and answers, which are of no use later, by
// Pub/Sub.
type streamsBus struct {
	cluster.Codec
	adapter      *cluster.Adapter
	redis        *Redis
	streams      *streams
	stream       string
	channel      string        // for Pub/Sub; a server's id and a "#" may follow
	subscription *subscription // guarded by streams.mu; nil until begin

	bound    *streamBound          // of the stream
	makeRoom func(context.Context) // in the stream

	seqMu    sync.Mutex
	seq      uint64        // of this server's last entry
	back     uint64        // the number of the last of these entries that has come back
	sent     []ownEntry    // those behind it that have been sent, oldest first
	unread   int64         // bytes of these
	returned chan struct{} // closed when back changes; nil while nobody waits

	received   recovery.Arrivals
	recovering *recovery.Adapter // nil where there is none; set before begin
}

// An ownEntry is one of this server's entries that has not come back.
type ownEntry struct {
	seq  uint64
	size int64
}

func newStreamsBus(set *streams, a *cluster.Adapter) *streamsBus {
	name := a.Namespace().Name()
	stream := wire.StreamOf(set.opts.StreamName, name, set.opts.Count)
	b := &streamsBus{
		Codec: cluster.NewCodec(a), adapter: a, redis: set.redis, streams: set, stream: stream,
		channel: set.redis.opts.Prefix + "#" + name + "#", bound: set.boundOf(stream),
	}
	b.received = recovery.Arrivals{Own: a.ID(), Missed: &b.redis.stats.missed, Warn: b.warnMissed}
	b.makeRoom = func(ctx context.Context) { set.makeRoom(ctx, b.stream, b.bound) } // not one for each entry
	return b
}

func (b *streamsBus) topics() []topic {
	kind := topicChannel
	if b.streams.opts.ShardedPubSub {
		kind = topicShard
	}
	return []topic{{kind, b.channel}, {kind, b.channel + b.adapter.ID() + "#"}}
}

func (b *streamsBus) onMessage(channel, payload string) { b.adapter.Receive(channel, bytesOf(payload)) }

// Decode reads a message that came by Pub/Sub.
func (b *streamsBus) Decode(_ string, data []byte, m *cluster.Message) error {
	err := b.Codec.Decode(data, m)
	if err == nil {
		b.noteResumed(m)
	}
	return err
}

// Close ends the subscriptions.
func (b *streamsBus) Close() { b.streams.remove(b) }

// Publish adds a message to the stream, or publishes one that is a request.
func (b *streamsBus) Publish(m cluster.Message) error {
	if m.RequestID != "" || m.Type == cluster.ServerSideEmit {
		return b.send(b.channel, m)
	}
	_, err := b.Append(m)
	return err
}

// Respond sends m to a server's own channel.
func (b *streamsBus) Respond(to string, m cluster.Message) error { return b.send(b.channel+to+"#", m) }

// send publishes a message, always as MessagePack.
func (b *streamsBus) send(channel string, m cluster.Message) error {
	text, err := b.EncodeMsgpack(m)
	switch {
	case err != nil:
	case b.streams.opts.ShardedPubSub:
		b.redis.publishToShard(channel, text)
	default:
		b.redis.publish(channel, text)
	}
	return err
}

// Flush implements socketio.Flusher.
func (b *streamsBus) Flush(ctx context.Context) { b.redis.flush(ctx) }

// Others is the number of others that listen to the namespace's channel.
func (b *streamsBus) Others(ctx context.Context) (int, error) {
	if b.streams.opts.ShardedPubSub {
		return b.redis.countShard(ctx, b.channel)
	}
	return b.redis.countOthers(ctx, "", func(ctx context.Context, c redis.Cmdable) (int64, error) {
		n, err := c.PubSubNumSub(ctx, b.channel).Result()
		return n[b.channel], err
	})
}

// Append adds a message to the stream and returns its number.
func (b *streamsBus) Append(m cluster.Message) (uint64, error) {
	text, err := b.EncodeData(m)
	if err != nil {
		return 0, err
	}
	data := string(text)
	if !strings.HasPrefix(data, "{") {
		data = base64.StdEncoding.EncodeToString(text)
	}
	b.seqMu.Lock() // numbered in the order in which they are queued
	defer b.seqMu.Unlock()
	b.seq++
	seq := b.seq
	size := len(data) + entryOverhead
	args := &redis.XAddArgs{
		Stream: b.stream, Approx: true,
		Values: []string{"uid", b.adapter.ID(), "nsp", b.adapter.Namespace().Name(), "type", strconv.Itoa(int(m.Type)),
			"data", data, "seq", strconv.FormatUint(seq, 10)},
	}
	b.redis.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner, _ bool) redis.Cmder {
			b.pace(ctx, seq)
			b.noteSent(ownEntry{seq, int64(size)})
			args.MaxLen = b.most()
			return p.XAdd(ctx, args)
		},
		repeats: repeatsAlways, stores: true,
		makeRoom: b.makeRoom, size: size,
	})
	return seq, nil
}

// most is how many entries the stream may have. For a while after a connection only its bytes count, and after an
// outage they may be some times as many: what has gathered may be more than MaxLen, and not every server is back at the
// same moment. (Node.js servers trim all the same.)
func (b *streamsBus) most() int64 {
	const while, times = 10 * time.Second, 4
	switch up, again := b.redis.upFor(); {
	case up >= while:
		return b.bound.entries()
	case again:
		return b.bound.bytesOnly(times)
	default:
		return b.bound.bytesOnly(1)
	}
}

// pace waits while many of this server's entries have not come back from the stream. Otherwise a backlog, as after an
// outage, would push entries out of the stream before anybody has read them. Where nothing comes back pace gives up.
func (b *streamsBus) pace(ctx context.Context, seq uint64) {
	const silence = recovery.LocalWait / 2
	entries := uint64(max(b.streams.opts.MaxLen/4, pipelineMax))
	bytes := max(b.bound.unread(), pipelineBytes)
	until, _ := ctx.Deadline()
	timeout := time.NewTimer(silence)
	defer timeout.Stop()
	for time.Until(until) >= ioTimeout {
		back, returned := b.awaitReturn(seq, entries, bytes)
		if returned == nil {
			return
		}
		timeout.Reset(min(silence, time.Until(until)-ioTimeout))
		select {
		case <-returned:
		case <-timeout.C:
			if time.Until(until) >= ioTimeout {
				b.giveUpReturn(back, seq)
			}
			return
		case <-ctx.Done():
			return
		}
	}
}

// awaitReturn returns the number of the last entry that has come back, and a channel that is closed when there is a
// newer one. The channel is nil where entry seq is at most so many entries and bytes ahead.
func (b *streamsBus) awaitReturn(seq, entries uint64, bytes int64) (back uint64, returned <-chan struct{}) {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	if seq <= b.back+entries && b.unread <= bytes {
		return b.back, nil
	}
	if b.returned == nil {
		b.returned = make(chan struct{})
	}
	return b.back, b.returned
}

// noteSent notes that an entry is about to be sent.
func (b *streamsBus) noteSent(e ownEntry) {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	if e.seq <= b.back || len(b.sent) > 0 && e.seq <= b.sent[len(b.sent)-1].seq {
		return // it is sent again
	}
	b.sent = append(b.sent, e)
	b.unread += e.size
}

// noteReturn notes that this server's entry seq has come back.
func (b *streamsBus) noteReturn(seq uint64) {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	b.isBack(seq)
	if b.returned != nil {
		close(b.returned)
		b.returned = nil
	}
}

// isBack takes everything up to entry seq for returned. seqMu is held.
func (b *streamsBus) isBack(seq uint64) {
	if seq <= b.back {
		return
	}
	n := 0
	for n < len(b.sent) && b.sent[n].seq <= seq {
		b.unread -= b.sent[n].size
		n++
	}
	b.back, b.sent = seq, b.sent[n:]
}

// giveUpReturn takes everything up to entry seq for returned, unless something has come back behind back.
func (b *streamsBus) giveUpReturn(back, seq uint64) {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	if b.back == back {
		b.isBack(seq)
	}
}

// Ahead is how many entries this server has numbered behind entry seq.
func (b *streamsBus) Ahead(seq uint64) uint64 {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	return b.seq - min(seq, b.seq)
}
