package nats

// Looking up in the journal what a client has seen, and what it has missed.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
)

// offsetOf is the offset of an entry: the sequence, in the stream, of its chunk, and its number in that, from 1.
func offsetOf(sequence uint64, number int) string {
	return strconv.FormatUint(sequence, 10) + "-" + strconv.Itoa(number)
}

// A stored is a message of a stream.
type stored struct {
	Subject  string `json:"subject"`
	Sequence uint64 `json:"seq"`
	Header   []byte `json:"hdrs"`
	Data     []byte `json:"data"`
}

// A query names messages of a stream (NATS, ADR-31).
type query struct {
	Sequence uint64 `json:"seq,omitempty"`
	LastOf   string `json:"last_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

// get asks the stream's leader for a message; nil where there is none. The copies of others may be behind.
func (j *journal) get(ctx context.Context, stream string, q query) (*stored, error) {
	request, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	m, err := j.broker.conn.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+stream, request)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *stored             `json:"message"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		return nil, err
	case answer.Error == nil:
		return answer.Message, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil
	}
	return nil, answer.Error
}

// ask is get, until there is an answer or ctx is done.
func (j *journal) ask(ctx context.Context, stream string, q query) (m *stored, err error) {
	err = recovery.Insist(ctx, isFinal, func(ctx context.Context) (err error) {
		m, err = j.get(ctx, stream, q)
		return err
	})
	return m, err
}

// isFinal reports whether JetStream has answered with an error that it would answer again.
func isFinal(err error) bool {
	var answer *jetstream.APIError
	return errors.As(err, &answer) && answer.Code < 500 || errors.Is(err, errCut)
}

// Has implements recovery.Log.
func (b *journalBus) Has(ctx context.Context, offset string) (bool, error) {
	sequence, number := recovery.Split(offset)
	if sequence == 0 || number == 0 {
		return false, nil
	}
	m, err := b.journal.ask(ctx, b.journal.name, query{Sequence: sequence})
	if m == nil || m.Subject != b.journal.subject+b.core.namespace {
		return false, err
	}
	c, err := parseChunk(m.Data)
	return err == nil && number <= uint64(len(c.entries)), nil
}

var (
	errBehind = errors.New("nats: a copy of the stream does not have everything yet")
	errCut    = errors.New("nats: the stream has lost what is looked for")
)

// Between implements recovery.Log.
func (b *journalBus) Between(ctx context.Context, from, to string, f func(string, *cluster.Message)) error {
	first, _ := recovery.Split(from)
	last, number := recovery.Split(to)
	if number == 0 {
		last--
	}
	once := make(map[chunkID]bool)
	return b.journal.scan(ctx, first, last, func(m *stored) error {
		if m.Subject != b.journal.subject+b.core.namespace {
			return nil
		}
		c, err := parseChunk(m.Data)
		if err != nil {
			return nil // as when it came
		}
		if c.part.count > 0 {
			whole, err := b.wholeOf(ctx, &c, m)
			if whole == nil || err != nil {
				return err
			}
			c.entries[0].data = whole
		}
		for i := range c.entries {
			e, offset := &c.entries[i], offsetOf(m.Sequence, i+1)
			id := chunkID{c.sender, e.seq}
			if once[id] {
				continue
			}
			once[id] = true
			if !recovery.Less(from, offset) || recovery.Less(to, offset) {
				continue
			}
			if m, err := b.decodeEntry(c.sender, e); err == nil {
				f(offset, &m)
			}
		}
		return nil
	})
}

// A chunkID is the sender and the number of an entry.
type chunkID struct {
	sender string
	seq    uint64
}

// wholeOf returns the data of an entry of which m has the last part; nil where it is not the last.
func (b *journalBus) wholeOf(ctx context.Context, last *chunk, m *stored) (whole []byte, err error) {
	if last.part.index < last.part.count-1 {
		return nil, nil
	}
	var p partial
	err = b.journal.scan(ctx, last.part.first, m.Sequence, func(m *stored) error {
		c, err := parseChunk(m.Data)
		if err == nil && c.sender == last.sender && c.part.count > 0 && c.entries[0].seq == last.entries[0].seq {
			if data, ok, _ := p.take(&c, b.journal.broker.opts.InboxBytes); ok {
				whole = data
			}
		}
		return nil
	})
	return whole, err
}

const (
	// scanMost and scanBytes are how much is fetched at once.
	scanMost  = 256
	scanBytes = 4 << 20
	// behindWait is how long a copy that does not have everything yet is given.
	behindWait = 20 * time.Millisecond
)

// scan calls f with the messages of the stream from one sequence to another. Both must be there: of what is between
// them nothing has been cut off then.
func (j *journal) scan(ctx context.Context, from, to uint64, f func(*stored) error) error {
	for next, begun := from, false; next <= to; {
		before := next
		var failed error // f has
		err := recovery.Insist(ctx, func(err error) bool { return failed != nil || isFinal(err) },
			func(ctx context.Context) error {
				return j.fetch(ctx, next, func(m *stored) error {
					if !begun && m.Sequence != from {
						return errCut
					}
					if begun = true; m.Sequence > to {
						return nil
					}
					next = m.Sequence + 1
					failed = f(m)
					return failed
				})
			})
		if err != nil {
			return err
		}
		if next == before {
			pause(ctx, behindWait)
			if ctx.Err() != nil {
				return fmt.Errorf("%w: %w", errBehind, ctx.Err())
			}
		}
	}
	return nil
}

// fetch calls f with some messages of the stream from a sequence on, as one of the copies has them.
func (j *journal) fetch(ctx context.Context, from uint64, f func(*stored) error) error {
	conn := j.broker.conn
	request, err := json.Marshal(query{Sequence: from, Batch: scanMost, MaxBytes: scanBytes})
	if err != nil {
		return err
	}
	inbox := conn.NewInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	if err := conn.PublishRequest(jetstream.DefaultAPIPrefix+"DIRECT.GET."+j.name, inbox, request); err != nil {
		return err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		switch status := isStatus(m); status {
		case "":
		case "204", "404": // the end of what there is; nothing
			return nil
		default:
			return fmt.Errorf("nats: %s %s", status, m.Header.Get("Description"))
		}
		sequence, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
		if err != nil {
			return err
		}
		if err := f(&stored{Subject: m.Header.Get("Nats-Subject"), Sequence: sequence, Data: m.Data}); err != nil {
			return err
		}
	}
}
