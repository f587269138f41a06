package adapter

// What a namespace does with the entries of its stream.

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
)

// streamsReceived is what a streamsBus knows of the entries that came. It belongs to the inbox's goroutine. The
// functions are set before the first entry, and only where there is recovery.
type streamsReceived struct {
	// at is the last entry that was dealt with, at first the one to begin behind; "" before begin.
	at      string
	lastSeq map[string]uint64    // of each server's entries
	missing map[serverEntry]bool // entries before those that have not come
	repeats map[string]bool      // ids of entries that repeat an earlier one

	own      func(entry redis.XMessage, seq uint64)         // takes this server's entries
	seen     func(entry redis.XMessage, m *cluster.Message) // takes others' broadcasts
	resumed  func(sids []string)                            // is told of sockets whose sessions go on elsewhere
	advanced func()                                         // is told that at has changed
}

// A serverEntry is an entry of a server.
type serverEntry struct {
	uid string
	seq uint64
}

func newStreamsReceived() streamsReceived {
	return streamsReceived{
		lastSeq: make(map[string]uint64), missing: make(map[serverEntry]bool), repeats: make(map[string]bool),
	}
}

// seqBits is how long an entry's number may be. No server adds so many entries, and all up to it would be missing.
const seqBits = 53

// rememberedSeqs bounds lastSeq, missing and repeats.
const rememberedSeqs = 10_000

// begin subscribes. Entries come from behind last on. It is called with streams.mu held.
func (b *streamsBus) begin(last string) {
	b.adapter.Enqueue(0, func() { b.dealtWith(last) })
	b.subscription = b.redis.events.subscribe(b.onMessage, b.topics()...)
}

func (b *streamsBus) dealtWith(id string) {
	b.received.at = id
	if b.received.advanced != nil {
		b.received.advanced()
	}
}

// take puts an entry in line. Where the line is full it waits: nothing is lost, as the stream keeps what follows.
func (b *streamsBus) take(entry redis.XMessage) {
	data, _ := entry.Values["data"].(string)
	_ = b.adapter.EnqueueWait(b.redis.ctx, len(data), func() { // one that is too large is counted there
		b.receive(entry)
		b.dealtWith(entry.ID)
	})
}

// receive delivers an entry, once. A server that does not know whether it has added an entry adds it again; the second
// one is passed over. (Entries of Node.js servers have no number, and are never added twice.)
func (b *streamsBus) receive(entry redis.XMessage) {
	uid, _ := entry.Values["uid"].(string)
	if text, ok := entry.Values["seq"].(string); ok {
		seq, err := strconv.ParseUint(text, 10, seqBits)
		if err != nil {
			b.adapter.Malformed(uid, err)
			return
		}
		if b.isRepeated(entry.ID, uid, seq) {
			return
		}
		if uid == b.adapter.ID() {
			b.noteReturn(seq)
			if b.received.own != nil {
				b.received.own(entry, seq)
			}
		}
	}
	if uid == b.adapter.ID() {
		return
	}
	m, err := b.decodeEntry(entry)
	switch {
	case err != nil:
	case b.received.seen != nil && m.Type == cluster.Broadcast:
		b.received.seen(entry, &m)
	default:
		b.noteResumed(&m)
		err = b.adapter.Handle(m)
	}
	if err != nil {
		b.adapter.Malformed(uid, err)
	}
}

// isRepeated reports whether an entry repeats an earlier one of its server, and remembers it. An entry that comes late
// does not: Redis had refused it, and taken one behind it.
func (b *streamsBus) isRepeated(id, uid string, seq uint64) bool {
	in := &b.received
	last, known := in.lastSeq[uid]
	if late := (serverEntry{uid, seq}); seq <= last && in.missing[late] {
		delete(in.missing, late)
		b.redis.stats.missed.Add(-1)
		return false
	}
	if seq <= last {
		if len(in.repeats) >= rememberedSeqs {
			clear(in.repeats)
		}
		in.repeats[id] = true
		return true
	}
	if known && seq > last+1 && uid != b.adapter.ID() {
		b.miss(uid, last+1, seq)
	}
	if len(in.lastSeq) >= rememberedSeqs { // most of the servers are gone
		clear(in.lastSeq)
	}
	in.lastSeq[uid] = seq
	return false
}

// miss notes that a server's entries from one number up to another have not come: they were cut off the stream before
// this server had read them, or their server could not add them.
func (b *streamsBus) miss(uid string, from, to uint64) {
	in := &b.received
	total := b.redis.stats.missed.Add(int64(to - from))
	if len(in.missing) >= rememberedSeqs {
		clear(in.missing)
	}
	for seq := max(from, to-min(to, rememberedSeqs/10)); seq < to; seq++ {
		in.missing[serverEntry{uid, seq}] = true
	}
	b.redis.throttled.Warn("another server's messages are not in the stream any more", "redis", b.redis.name,
		"stream", b.stream, "from", uid, "missed", to-from, "missed_total", total)
}

// noteResumed tells who keeps sessions that m is about some that go on at another server.
func (b *streamsBus) noteResumed(m *cluster.Message) {
	if m.Type == cluster.DisconnectSockets && m.Resumed && b.received.resumed != nil {
		b.received.resumed(m.Opts.Rooms)
	}
}

// decodeEntry reads a stream's entry, whose data is JSON, or MessagePack in base64.
func (b *streamsBus) decodeEntry(entry redis.XMessage) (m cluster.Message, err error) {
	m.Sender, _ = entry.Values["uid"].(string)
	text, _ := entry.Values["type"].(string)
	typ, err := strconv.Atoi(text)
	if err != nil {
		return m, err
	}
	data, ok := entry.Values["data"].(string)
	if !ok {
		return m, nil // a heartbeat
	}
	raw := bytesOf(data)
	if !strings.HasPrefix(data, "{") {
		if raw, err = base64.StdEncoding.DecodeString(data); err != nil {
			return m, err
		}
	}
	m.Type = cluster.Type(typ)
	return m, b.DecodeData(raw, &m)
}
