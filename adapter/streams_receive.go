package adapter

// What a namespace does with the entries of its stream.

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
)

// seqBits is how long an entry's number may be. No server adds so many entries, and all up to it would be missing.
const seqBits = 53

// begin subscribes. Entries come from behind last on. It is called with streams.mu held.
func (b *streamsBus) begin(last string) {
	b.adapter.Enqueue(0, func() { b.received.DealtWith(last) })
	b.subscription = b.redis.events.subscribe(b.onMessage, b.topics()...)
}

// take puts an entry in line. Where the line is full it waits: nothing is lost, as the stream keeps what follows.
func (b *streamsBus) take(entry redis.XMessage) {
	data, _ := entry.Values["data"].(string)
	_ = b.adapter.EnqueueWait(b.redis.ctx, len(data), func() { // one that is too large is counted there
		b.receive(entry)
		b.received.DealtWith(entry.ID)
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
		if b.received.IsRepeated(entry.ID, uid, seq) {
			return
		}
		if uid == b.adapter.ID() {
			b.noteReturn(seq)
			if b.recovering != nil {
				b.recovering.Returned(entry.ID, seq)
			}
		}
	}
	if uid == b.adapter.ID() {
		return
	}
	m, err := b.decodeEntry(entry)
	switch {
	case err != nil:
	case b.recovering != nil && m.Type == cluster.Broadcast:
		err = b.recovering.Seen(entry.ID, &m)
	default:
		b.noteResumed(&m)
		err = b.adapter.Handle(m)
	}
	if err != nil {
		b.adapter.Malformed(uid, err)
	}
}

// noteResumed tells who keeps sessions that m is about some that go on at another server.
func (b *streamsBus) noteResumed(m *cluster.Message) {
	if m.Type == cluster.DisconnectSockets && m.Resumed && b.recovering != nil {
		b.recovering.TakenOver(m.Opts.Rooms)
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
