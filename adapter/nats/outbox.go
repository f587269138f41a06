package nats

// What is published: in order, bounded, and nobody waits for it.

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	natsio "github.com/nats-io/nats.go"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
)

// An outbox publishes what servers say, in the order in which it is added. Its goroutine exists while there is
// something.
type outbox struct {
	broker *Broker
	queue  *batchqueue.Queue[*message]

	// Of its goroutine:
	seq   uint64 // of the last message
	epoch int    // of the connection that was published on last
	frame []byte // being written
}

// A message is one entry of an outbox.
type message struct {
	subject string
	text    []byte
	seq     uint64 // 0 until it has been sent
	part    int    // bytes of a part, where it was sent in some
}

func newOutbox(b *Broker) *outbox {
	o := &outbox{broker: b}
	o.queue = batchqueue.New(b.opts.OutboxBytes, o.publishAll)
	return o
}

// messageOverhead is how many bytes a message counts for beside its text.
const messageOverhead = 128

// publish queues a message. The error is about one that is larger than the whole outbox.
func (b *Broker) publish(subject string, text []byte) error {
	size := len(subject) + len(text) + messageOverhead
	if size > b.opts.OutboxBytes {
		b.stats.dropped.Add(1)
		return fmt.Errorf("nats: a message of %d bytes for other servers is larger than OutboxBytes, %d", len(text),
			b.opts.OutboxBytes)
	}
	if !b.outbox.queue.Add(&message{subject: subject, text: text}, size) {
		b.throttled.LogAttrs(b.ctx, slog.LevelWarn, "NATS does not keep up: messages for other servers are dropped",
			slog.Int64("dropped_total", b.stats.dropped.Add(1)), slog.Int("limit_bytes", b.opts.OutboxBytes))
	}
	return nil
}

// A batch is of at most so many messages, and bytes, or of one message.
const (
	batchMax   = 1024
	batchBytes = 4 << 20
)

// publishAll sends a batch, and waits until NATS confirms it, while the next one gathers. After a lost connection it
// sends again what has not been confirmed: receivers recognise what has come already.
func (o *outbox) publishAll(batch []*message) {
	b := o.broker
	for len(batch) > 0 && o.awaitConnection() {
		n := batchLength(batch)
		sent, err := o.send(batch[:n])
		if err == nil {
			b.stats.published.Add(int64(n))
			batch = batch[n:]
			continue
		}
		if sent > 0 {
			b.throttled.Warn("NATS has not confirmed messages for other servers: they are sent again", "error", err,
				"messages", sent)
		}
		pause(b.ctx, firstWait)
	}
	if len(batch) > 0 {
		b.stats.publishErrors.Add(int64(len(batch)))
	}
}

// batchLength is how many of batch go out before NATS is asked to confirm.
func batchLength(batch []*message) int {
	bytes := 0
	for i, m := range batch[:min(len(batch), batchMax)] {
		if bytes += len(m.text); bytes > batchBytes && i > 0 {
			return i
		}
	}
	return min(len(batch), batchMax)
}

// awaitConnection waits until there is a connection and, where it is not the last one, until the others that were there
// are heard again. It reports false where the Broker is closed first.
func (o *outbox) awaitConnection() bool {
	b := o.broker
	for b.ctx.Err() == nil {
		up, epoch, changed := b.state.now()
		switch {
		case !up:
			select {
			case <-changed:
			case <-b.ctx.Done():
			}
		case epoch != o.epoch:
			if b.members.awaitOthers(epoch) {
				o.epoch = epoch
			}
		default:
			return true
		}
	}
	return false
}

// send publishes messages and waits until NATS has confirmed them. It returns how many may have been sent.
func (o *outbox) send(batch []*message) (sent int, err error) {
	conn := o.broker.conn
	before, limit := conn.Stats().Reconnects, int(conn.MaxPayload())
	for _, m := range batch {
		again := m.seq != 0
		if !again {
			o.seq++
			m.seq = o.seq
		}
		sent++
		if err := o.write(conn, m, limit, again); err != nil {
			return sent, err
		}
	}
	ctx, cancel := context.WithTimeout(o.broker.ctx, ioTimeout)
	defer cancel()
	if err := conn.FlushWithContext(ctx); err != nil {
		return sent, err
	}
	if conn.Stats().Reconnects != before {
		return sent, natsio.ErrDisconnected // the first of them went out on another connection
	}
	return sent, nil
}

// write writes a message, in parts where it is larger than the server takes.
func (o *outbox) write(conn *natsio.Conn, m *message, limit int, again bool) error {
	f := frame{again: again, sender: o.broker.id, seq: m.seq, data: m.text}
	if len(m.text)+wholeHeader <= limit && m.part == 0 {
		o.frame = f.append(o.frame[:0])
		return o.publish(conn, m.subject)
	}
	// Parts that have been sent stay as they are, unless this server does not take them.
	if m.part == 0 || m.part+partHeader > limit {
		m.part = limit - partHeader
	}
	count := partsOf(len(m.text), m.part)
	if count == 0 {
		o.broker.stats.dropped.Add(1)
		o.broker.throttled.Error("a message for other servers is dropped: it has too many parts of max_payload",
			"bytes", len(m.text), "max_payload", limit)
		return nil
	}
	f.count = uint32(count)
	for i := range count {
		f.index = uint32(i)
		from := i * m.part
		f.data = m.text[from:min(from+m.part, len(m.text))]
		o.frame = f.append(o.frame[:0])
		if err := o.publish(conn, m.subject); err != nil {
			return err
		}
	}
	return nil
}

// publish hands the frame to the client, which copies it.
func (o *outbox) publish(conn *natsio.Conn, subject string) error {
	err := conn.Publish(subject, o.frame)
	if cap(o.frame) > 1<<20 {
		o.frame = nil
	}
	return err
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
