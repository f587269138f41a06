package adapter

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// StreamsOptions configure adapters on Redis Streams. The zero value is usable: every field's zero is Node's default,
// which the comment names.
type StreamsOptions struct {
	// Count of streams that the namespaces are spread over. Each that has a namespace is read over a connection of its
	// own, out of the client's pool. Default 1.
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
	set := &streams{redis: r, opts: opts, readers: make(map[string]*streamReader)}
	return func(ns *socketio.Namespace) socketio.Adapter {
		b := &streamsBus{
			clusterAdapter: newClusterAdapter(r, ns),
			streams:        set,
			stream:         set.nameOf(ns.Name()),
			channel:        r.opts.Prefix + "#" + ns.Name() + "#",
			lastSeq:        make(map[string]uint64),
			repeats:        make(map[string]bool),
		}
		b.clusterAdapter.bus = b
		if opts.Recovery == nil {
			set.add(b)
			return b
		}
		a := newRecoveringAdapter(b)
		set.add(b)
		return a
	}
}

// streams are the readers that the namespaces' adapters share.
type streams struct {
	redis *Redis
	opts  StreamsOptions

	mu      sync.Mutex
	readers map[string]*streamReader // by stream
}

// streamReader reads one stream for those namespaces that are in it.
type streamReader struct {
	stream string

	// Guarded by streams.mu.
	last  string                   // id of the entry handed on last; "" while it is not known where to begin
	buses map[string][]*streamsBus // by namespace; the lists are replaced, never changed
}

// nameOf is the stream of a namespace: one for all, or one of several, chosen as Node's adapter chooses it.
func (s *streams) nameOf(namespace string) string {
	if s.opts.Count == 1 {
		return s.redis.opts.Prefix
	}
	hash := int32(0)
	for _, c := range utf16.Encode([]rune(namespace)) {
		hash = hash*31 + int32(c)
	}
	i := int(hash) % s.opts.Count
	return s.redis.opts.Prefix + "-" + strconv.Itoa(i) // a negative one too, as in JavaScript
}

func (s *streams) add(b *streamsBus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reader := s.readers[b.stream]
	if reader == nil {
		reader = &streamReader{stream: b.stream, buses: make(map[string][]*streamsBus)}
		s.readers[b.stream] = reader
		s.redis.background.Go(func() { s.read(reader) })
	}
	name := b.ns.Name()
	reader.buses[name] = append(slices.Clip(reader.buses[name]), b)
	if reader.last != "" {
		b.begin(reader.last)
	}
}

func (s *streams) remove(b *streamsBus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buses, name := s.readers[b.stream].buses, b.ns.Name()
	left := slices.DeleteFunc(slices.Clone(buses[name]), func(other *streamsBus) bool { return other == b })
	if len(left) > 0 {
		buses[name] = left
	} else {
		delete(buses, name)
	}
	if b.subscription != nil {
		b.subscription.end(b.topics()...)
	}
}

// blockFor is how long a read waits for entries.
const blockFor = 2 * time.Second

// read reads a stream from now on until the Redis is closed. Its connection is one of the client's pool.
func (s *streams) read(r *streamReader) {
	var retry backoff
	for last := ""; s.redis.ctx.Err() == nil; {
		var err error
		if last == "" {
			if last, err = s.end(r.stream); err == nil {
				s.begin(r, last)
			}
		} else if last, err = s.readSome(r, last); err != nil {
			s.wait(&retry, r, err)
			// A stream that was lost may begin again before where it was, where the clock is behind or entries were
			// not written to disk in time.
			if end, err := s.end(r.stream); err == nil && idLess(end, last) {
				last = end
			}
			continue
		}
		if err != nil {
			s.wait(&retry, r, err)
			continue
		}
		retry.reset()
	}
}

func (s *streams) wait(retry *backoff, r *streamReader, err error) {
	if s.redis.ctx.Err() != nil {
		return
	}
	if s.redis.unreached.allow() {
		s.redis.opts.Logger.Warn("stream cannot be read; trying on", "redis", s.redis.name, "stream", r.stream, "error", err)
	}
	retry.wait(s.redis.ctx)
}

// begin lets the namespaces of a stream subscribe, now that it is known from where on they get its entries: a server
// that is connected misses none.
func (s *streams) begin(r *streamReader, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.last = last
	for _, buses := range r.buses {
		for _, b := range buses {
			b.begin(last)
		}
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
func (s *streams) readSome(r *streamReader, last string) (string, error) {
	ctx, cancel := context.WithTimeout(s.redis.ctx, blockFor+deadAfter)
	defer cancel()
	found, err := s.redis.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{r.stream, last}, Count: s.opts.ReadCount, Block: blockFor,
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
			r.last = last
			buses := r.buses[nsp]
			s.mu.Unlock()
			for _, b := range buses {
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
	streams      *streams
	stream       string
	channel      string        // for Pub/Sub; a server's uid and a "#" may follow
	subscription *subscription // guarded by streams.mu; nil until begin

	seqMu sync.Mutex
	seq   uint64 // of this server's last entry

	back atomic.Uint64 // the number of this server's entry that was read last

	// Of the inbox's goroutine.
	at      string            // the last entry that was dealt with, or is not this server's to deal with; "" before begin
	lastSeq map[string]uint64 // of each server's entries
	repeats map[string]bool   // entries that were there already
	own     func(entry redis.XMessage, seq uint64)
	seen    func(entry redis.XMessage, m clusterMessage)
}

// rememberedSeqs bounds lastSeq and repeats.
const rememberedSeqs = 10_000

func (b *streamsBus) topics() []topic {
	return []topic{{topicChannel, b.channel}, {topicChannel, b.channel + b.uid + "#"}}
}

// begin subscribes. Entries come from behind last on. It is called with streams.mu held.
func (b *streamsBus) begin(last string) {
	b.enqueue(inbound{run: func() { b.at = last }}, 0)
	b.subscription = b.redis.events.subscribe(b.onMessage, b.topics()...)
}

// close ends the subscriptions.
func (b *streamsBus) close() { b.streams.remove(b) }

// take puts an entry in line. Where the line is full it waits: what is in the stream is not lost.
func (b *streamsBus) take(entry redis.XMessage) {
	data, _ := entry.Values["data"].(string)
	in, size := inbound{run: func() { b.receiveEntry(entry) }}, len(data)+128
	for size <= b.inbox.limit && !b.inbox.add(in, size) {
		select {
		case <-time.After(time.Millisecond):
		case <-b.redis.ctx.Done():
			return
		}
	}
	if size > b.inbox.limit {
		b.enqueue(in, size) // which counts it as dropped
	}
}

// receiveEntry delivers an entry, once: one that its server has added twice, because it did not know whether the first
// time had succeeded, is passed over. (Entries of Node servers have no number, and are never added twice.)
func (b *streamsBus) receiveEntry(entry redis.XMessage) {
	b.at = entry.ID
	uid, _ := entry.Values["uid"].(string)
	if text, ok := entry.Values["seq"].(string); ok {
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			b.malformed(uid, err)
			return
		}
		if seq <= b.lastSeq[uid] {
			if len(b.repeats) >= rememberedSeqs {
				clear(b.repeats)
			}
			b.repeats[entry.ID] = true
			return
		}
		if len(b.lastSeq) >= rememberedSeqs { // servers that came and went
			clear(b.lastSeq)
		}
		b.lastSeq[uid] = seq
		if uid == b.uid {
			b.back.Store(seq)
			if b.own != nil {
				b.own(entry, seq)
			}
		}
	}
	if uid == b.uid {
		return
	}
	m, err := decodeEntry(entry)
	switch {
	case err != nil:
	case b.seen != nil && m.Type == typeBroadcast:
		b.seen(entry, m)
	default:
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
	data, ok := entry.Values["data"].(string)
	if !ok {
		return m, nil // a heartbeat
	}
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
		Stream: b.stream, Approx: true,
		Values: []string{"uid", b.uid, "nsp", b.ns.Name(), "type", strconv.Itoa(int(m.typ)), "data", data,
			"seq", strconv.FormatUint(seq, 10)},
	}
	b.redis.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner) redis.Cmder {
			b.pace(ctx, seq)
			if args.MaxLen = b.streams.opts.MaxLen; b.redis.upFor() < untrimmed {
				args.MaxLen = 0
			}
			return p.XAdd(ctx, args)
		},
		again: true,
		size:  len(data) + 128,
	})
	return seq, nil
}

// untrimmed is for how long after an outage nothing is cut off a stream: what has gathered meanwhile may be more than it
// holds, and not every server is back at the same moment. (Node servers cut all the same.)
const untrimmed = 10 * time.Second

// upFor is how long the connection has been up; 0 while it is not.
func (r *Redis) upFor() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.up {
		return 0
	}
	return time.Since(r.since)
}

// pace waits while much of what this server has added is still to come back to it. A backlog, after an outage above
// all, would else push entries out of the stream before anybody has read them. Where nothing comes back it gives up.
func (b *streamsBus) pace(ctx context.Context, seq uint64) {
	unread := uint64(max(b.streams.opts.MaxLen/4, pipelineMax))
	until, _ := ctx.Deadline()
	for last, since := b.back.Load(), time.Now(); seq > last+unread; {
		time.Sleep(time.Millisecond)
		if back := b.back.Load(); back != last {
			last, since = back, time.Now()
		} else if time.Since(since) > localWait/2 {
			b.back.CompareAndSwap(last, seq)
			return
		}
		if time.Until(until) < ioTimeout {
			return
		}
	}
}

// ahead is how many entries this server has added, or is about to, behind that of number seq.
func (b *streamsBus) ahead(seq uint64) uint64 {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	return b.seq - min(seq, b.seq)
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
