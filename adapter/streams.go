package adapter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"websocket-escalonavel/socketio"
)

// StreamsOptions configure adapters on Redis Streams. The zero value is usable: every field's zero is Node's default,
// which the comment names.
type StreamsOptions struct {
	// Count of streams that the namespaces are spread over. Default 1.
	Count int
	// MaxLen is how many entries a stream keeps, about. Default 10,000.
	MaxLen int64
	// ReadCount is how many entries one read fetches at the most. Default 100.
	ReadCount int64
	// SessionPrefix begins the keys under which sessions are kept. Default "sio:session:".
	SessionPrefix string
	// Recovery keeps sessions and puts an offset behind every event, as the server's ConnectionStateRecovery asks for.
	// It is to be set if and only if that is.
	Recovery *socketio.ConnectionStateRecovery
}

// Streams returns the constructor of adapters that speak the protocol of @socket.io/redis-streams-adapter 0.3.x: what
// must not be lost goes through a stream, which is read on from the last entry after an outage; questions and answers go
// by Pub/Sub.
//
// With Recovery, this server's sockets too get a broadcast when it comes back from the stream, so that all servers
// deliver in the stream's order and an offset stands for everything before it. While Redis does not answer they get it
// without an offset, after localWait at the latest.
func (r *Redis) Streams(opts StreamsOptions) func(*socketio.Namespace) socketio.Adapter {
	if opts.Count <= 0 {
		opts.Count = 1
	}
	if opts.MaxLen <= 0 {
		opts.MaxLen = 10_000
	}
	if opts.ReadCount <= 0 {
		opts.ReadCount = 100
	}
	if opts.SessionPrefix == "" {
		opts.SessionPrefix = "sio:session:"
	}
	set := &streams{redis: r, opts: opts, buses: make(map[string]*streamsBus), reading: make(map[string]bool)}
	return func(ns *socketio.Namespace) socketio.Adapter {
		b := &streamsBus{
			clusterAdapter: newClusterAdapter(r, ns),
			streams:        set,
			stream:         set.nameOf(ns.Name()),
			channel:        r.opts.Prefix + "#" + ns.Name() + "#",
			lastSeq:        make(map[string]uint64),
		}
		b.clusterAdapter.bus = b
		set.add(b)
		r.events.subscribe(b.onMessage, topic{topicChannel, b.channel}, topic{topicChannel, b.channel + b.uid + "#"})
		if opts.Recovery != nil {
			return newRecoveringAdapter(b)
		}
		return b
	}
}

// streams are the readers that the namespaces' adapters share.
type streams struct {
	redis *Redis
	opts  StreamsOptions

	mu      sync.Mutex
	buses   map[string]*streamsBus // by namespace
	reading map[string]bool        // streams that have a reader
}

// nameOf is the stream of a namespace: one for all, or one of several, chosen as Node's adapter chooses it.
func (s *streams) nameOf(namespace string) string {
	if s.opts.Count == 1 {
		return s.redis.opts.Prefix
	}
	hash := int32(0)
	for _, c := range namespace {
		hash = hash*31 + int32(c)
	}
	i := int(hash) % s.opts.Count
	return s.redis.opts.Prefix + "-" + strconv.Itoa(i) // a negative one too, as in JavaScript
}

func (s *streams) add(b *streamsBus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buses[b.ns.Name()] = b
	if !s.reading[b.stream] {
		s.reading[b.stream] = true
		s.redis.background.Go(func() { s.read(b.stream) })
	}
}

func (s *streams) remove(b *streamsBus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buses[b.ns.Name()] == b {
		delete(s.buses, b.ns.Name())
	}
}

// blockFor is how long a read waits for entries.
const blockFor = 2 * time.Second

// read reads a stream from now on until the Redis is closed.
func (s *streams) read(stream string) {
	var retry backoff
	last := ""
	for s.redis.ctx.Err() == nil {
		var err error
		if last == "" {
			last, err = s.end(stream)
		} else {
			last, err = s.readSome(stream, last)
		}
		if err != nil {
			if s.redis.dropped.allow() && s.redis.ctx.Err() == nil {
				s.redis.opts.Logger.Warn("stream cannot be read; trying on", "redis", s.redis.name, "stream", stream,
					"error", err)
			}
			retry.wait(s.redis.ctx)
			continue
		}
		retry.reset()
	}
}

// end is the id of a stream's last entry.
func (s *streams) end(stream string) (string, error) {
	ctx, cancel := context.WithTimeout(s.redis.ctx, deadAfter)
	defer cancel()
	entries, err := s.redis.client.XRevRangeN(ctx, stream, "+", "-", 1).Result()
	switch {
	case err != nil:
		return "", err
	case len(entries) == 0:
		return "0-0", nil
	}
	return entries[0].ID, nil
}

// readSome waits for the entries behind last and hands them on; it returns the id to go on from.
func (s *streams) readSome(stream, last string) (string, error) {
	ctx, cancel := context.WithTimeout(s.redis.ctx, blockFor+deadAfter)
	defer cancel()
	found, err := s.redis.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{stream, last}, Count: s.opts.ReadCount, Block: blockFor,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	for _, f := range found {
		for _, entry := range f.Messages {
			last = entry.ID
			nsp, _ := entry.Values["nsp"].(string)
			s.mu.Lock()
			b := s.buses[nsp]
			s.mu.Unlock()
			if b != nil {
				s.redis.stats.received.Add(1)
				b.take(entry)
			}
		}
	}
	return last, nil
}

// streamsBus carries messages through a stream, and those that make no sense later by Pub/Sub. It is the adapter where
// there is no recovery.
type streamsBus struct {
	*clusterAdapter
	streams *streams
	stream  string
	channel string // for Pub/Sub; a server's uid and a "#" may follow

	seqMu sync.Mutex
	seq   uint64 // of this server's last entry

	// Of the inbox's goroutine.
	lastSeq map[string]uint64 // of each server's entries
	own     func(entry redis.XMessage, seq uint64)
	seen    func(entry redis.XMessage, m clusterMessage)
}

// Close ends the subscriptions.
func (b *streamsBus) close() {
	b.streams.remove(b)
	b.redis.events.unsubscribe(topic{topicChannel, b.channel}, topic{topicChannel, b.channel + b.uid + "#"})
}

// take puts an entry in line.
func (b *streamsBus) take(entry redis.XMessage) {
	data, _ := entry.Values["data"].(string)
	b.enqueue(inbound{run: func() { b.receiveEntry(entry) }}, len(data))
}

// receiveEntry delivers an entry, once: one that its server has added twice, because it did not know whether the first
// time had succeeded, is passed over. (Entries of Node servers have no number, and are never added twice.)
func (b *streamsBus) receiveEntry(entry redis.XMessage) {
	uid, _ := entry.Values["uid"].(string)
	if text, ok := entry.Values["seq"].(string); ok {
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			b.malformed(uid, err)
			return
		}
		if seq <= b.lastSeq[uid] {
			return
		}
		if len(b.lastSeq) > 10_000 { // servers that came and went
			clear(b.lastSeq)
		}
		b.lastSeq[uid] = seq
		if uid == b.uid {
			if b.own != nil {
				b.own(entry, seq)
			}
			return
		}
	}
	if uid == b.uid {
		return
	}
	m, err := decodeEntry(entry)
	if err == nil {
		if b.seen != nil && m.Type == typeBroadcast {
			b.seen(entry, m)
			return
		}
		err = b.receive(m)
	}
	if err != nil {
		b.malformed(uid, err)
	}
}

// decodeEntry reads a stream's entry: its data is JSON, or MessagePack in base64.
func decodeEntry(entry redis.XMessage) (clusterMessage, error) {
	var m clusterMessage
	m.UID, _ = entry.Values["uid"].(string)
	m.NSP, _ = entry.Values["nsp"].(string)
	typ, _ := entry.Values["type"].(string)
	n, err := strconv.Atoi(typ)
	if err != nil {
		return m, err
	}
	m.Type = messageType(n)
	data, _ := entry.Values["data"].(string)
	raw := []byte(data)
	if !strings.HasPrefix(data, "{") {
		if raw, err = base64.StdEncoding.DecodeString(data); err != nil {
			return m, err
		}
	}
	m.Data, m.attachments, err = toJSON(raw)
	return m, err
}

// publish adds a message to the stream, or publishes one that is a question.
func (b *streamsBus) publish(m outMessage) {
	if m.ask || m.typ == typeServerSideEmit {
		b.send(b.channel, m)
		return
	}
	if _, err := b.append(m); err != nil {
		b.redis.opts.Logger.Error("message for other servers cannot be encoded", "error", err)
	}
}

// append adds a message to the stream and returns its number.
func (b *streamsBus) append(m outMessage) (uint64, error) {
	data := string(m.data)
	if len(m.attachments) > 0 {
		packed, err := appendJSON(nil, m.data, m.attachments)
		if err != nil {
			return 0, err
		}
		data = base64.StdEncoding.EncodeToString(packed)
	}
	b.seqMu.Lock() // numbered and queued in one order
	defer b.seqMu.Unlock()
	b.seq++
	seq := b.seq
	args := &redis.XAddArgs{
		Stream: b.stream, MaxLen: b.streams.opts.MaxLen, Approx: true,
		Values: []string{"uid", b.uid, "nsp", b.ns.Name(), "type", strconv.Itoa(int(m.typ)), "data", data,
			"seq", strconv.FormatUint(seq, 10)},
	}
	b.redis.enqueue(command{
		make:  func(ctx context.Context, p redis.Pipeliner) redis.Cmder { return p.XAdd(ctx, args) },
		again: true,
		size:  len(data) + 128,
	})
	return seq, nil
}

func (b *streamsBus) respond(uid string, m outMessage) { b.send(b.channel+uid+"#", m) }

// send publishes a message, always as MessagePack.
func (b *streamsBus) send(channel string, m outMessage) {
	text, err := b.envelope(m)
	if err == nil {
		text, err = appendJSON(nil, text, m.attachments)
	}
	if err != nil {
		b.redis.opts.Logger.Error("message for other servers cannot be encoded", "error", err)
		return
	}
	b.redis.publish(channel, text)
}

func (b *streamsBus) subscribers(ctx context.Context) (int, error) {
	return b.redis.countSubscribers(ctx, func(ctx context.Context, c redis.Cmdable) (int64, error) {
		n, err := c.PubSubNumSub(ctx, b.channel).Result()
		return n[b.channel], err
	})
}

// withOffset is a packet's payload with an offset as its last argument.
func withOffset(payload json.RawMessage, offset string) json.RawMessage {
	b := make([]byte, 0, len(payload)+len(offset)+3)
	b = append(b, payload[:len(payload)-1]...)
	b = append(b, `,"`...)
	b = append(b, offset...)
	return append(b, `"]`...)
}
