package nats

// Writing the journal.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
)

const (
	// chunkBytes is about how large a chunk becomes, where the server takes so much.
	chunkBytes = 256 << 10
	// headerBytes is what NATS' headers of a chunk may take of max_payload.
	headerBytes = 512
	// writersMost is how many namespaces, or sessions, are written at once.
	writersMost = 16
	// longestRefusal is how long JetStream is left in peace at most when it has refused something.
	longestRefusal = 500 * time.Millisecond
)

// A record is a message to be written.
type record struct {
	bus *journalBus
	chunkEntry
}

// enqueue puts a message in line, which does not wait.
func (j *journal) enqueue(r *record) error {
	b := j.broker
	size := len(r.data) + messageOverhead
	if size > b.opts.OutboxBytes {
		b.stats.dropped.Add(1)
		return fmt.Errorf("nats: a message of %d bytes for other servers is larger than OutboxBytes, %d", len(r.data),
			b.opts.OutboxBytes)
	}
	if !j.queue.Add(r, size) {
		b.throttled.LogAttrs(b.ctx, slog.LevelWarn,
			"JetStream does not keep up: messages for other servers are dropped",
			slog.Int64("dropped_total", b.stats.dropped.Add(1)), slog.Int("limit_bytes", b.opts.OutboxBytes))
	}
	return nil
}

// writeAll writes a batch: each namespace's messages in order, several namespaces at once.
func (j *journal) writeAll(batch []*record) {
	var order []*journalBus
	of := make(map[*journalBus][]*record)
	for _, r := range batch {
		if of[r.bus] == nil {
			order = append(order, r.bus)
		}
		of[r.bus] = append(of[r.bus], r)
	}
	if len(order) == 1 {
		j.write(batch)
		return
	}
	atOnce(order, func(b *journalBus) { j.write(of[b]) })
}

// atOnce calls f with each of list, some at a time.
func atOnce[T any](list []T, f func(T)) {
	var running sync.WaitGroup
	slots := make(chan struct{}, writersMost)
	for _, item := range list {
		slots <- struct{}{}
		running.Go(func() {
			f(item)
			<-slots
		})
	}
	running.Wait()
}

// write writes messages of one namespace.
func (j *journal) write(list []*record) {
	b := j.broker
	for len(list) > 0 && b.awaitUp(b.ctx) {
		bus, sender := list[0].bus, list[0].bus.adapter.ID()
		limit := min(chunkBytes, int(b.conn.MaxPayload())-headerBytes)
		text, n, size := beginChunk(chunkWhole, sender), 0, 0
		for n < len(list) && size+len(list[n].data)+chunkOverhead <= limit {
			text = list[n].appendTo(text)
			size, n = len(text), n+1
		}
		stored := true
		if n == 0 {
			n, stored = 1, j.writeParts(list[0], min(int(b.conn.MaxPayload())-headerBytes, 1<<20)-chunkOverhead)
		} else {
			_, stored = j.store(bus, list[0].id(0), text)
		}
		switch {
		case stored:
			b.stats.published.Add(int64(n))
		case b.ctx.Err() != nil:
			b.stats.publishErrors.Add(int64(n))
		}
		list = list[n:]
	}
	b.stats.publishErrors.Add(int64(len(list)))
}

// id is by which JetStream recognises a chunk that comes twice.
func (r *record) id(part int) string {
	return r.bus.adapter.ID() + "." + strconv.FormatUint(r.seq, 10) + "." + strconv.Itoa(part)
}

// writeParts writes a message that is too large for one chunk.
func (j *journal) writeParts(r *record, part int) (stored bool) {
	count := partsOf(len(r.data), part)
	if count == 0 {
		j.broker.stats.dropped.Add(1)
		j.broker.throttled.Error("a message for other servers is dropped: it has too many parts of max_payload",
			"bytes", len(r.data))
		return false
	}
	p := partOf{count: uint64(max(count, 2))} // where only the overhead is too much, the second part is empty
	for i := range p.count {
		p.index = i
		from := min(int(i)*part, len(r.data))
		text := r.part(r.bus.adapter.ID(), p, r.data[from:min(from+part, len(r.data))])
		sequence, stored := j.store(r.bus, r.id(int(i)), text)
		if !stored {
			return false
		}
		if i == 0 {
			p.first = sequence
		}
	}
	return true
}

// store adds a chunk to the stream, and tries until JetStream has confirmed it, the Broker is closed, or it is clear
// that it will never be taken.
func (j *journal) store(bus *journalBus, id string, text []byte) (sequence uint64, stored bool) {
	b := j.broker
	for wait := firstWait; b.awaitUp(b.ctx); wait = min(2*wait, longestRefusal) {
		j.pace()
		ack, err := j.publish(j.name, &natsio.Msg{Subject: j.subject + bus.core.namespace, Data: text},
			jetstream.WithMsgID(id))
		if err == nil {
			j.noteWritten(ack.Sequence, len(text))
			return ack.Sequence, true
		}
		if isTooLarge(err) {
			b.stats.dropped.Add(1)
			b.throttled.Error("a message for other servers is dropped: the NATS server does not take one so large",
				"bytes", len(text), "error", err)
			return 0, false
		}
		j.failed("a message", err)
		pause(b.ctx, wait)
	}
	return 0, false
}

// publish adds a message to a stream and waits until JetStream has confirmed it.
func (j *journal) publish(stream string, m *natsio.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(j.broker.ctx, ioTimeout)
	defer cancel()
	js, err := j.prepare(ctx)
	if err != nil {
		return nil, err
	}
	opts = append(opts, jetstream.WithExpectStream(stream), jetstream.WithRetryAttempts(0))
	return js.PublishMsg(ctx, m, opts...)
}

func isTooLarge(err error) bool {
	return errors.Is(err, natsio.ErrMaxPayload) || errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum)
}

// Append implements recovery.Log.
func (b *journalBus) Append(m cluster.Message) (uint64, error) {
	data, err := b.EncodeData(m)
	if err != nil {
		return 0, err
	}
	b.seqMu.Lock() // numbered in the order in which they are queued
	defer b.seqMu.Unlock()
	b.seq++
	return b.seq, b.journal.enqueue(&record{b, chunkEntry{b.seq, m.Type, data}})
}
