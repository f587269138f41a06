package nats

// The sessions that clients may resume, each the last message of a subject in a stream of its own.

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
	"github.com/brunossouza/websocket-escalonavel/internal/jetstreams"
)

// sessions are kept in a stream. An empty message says that a session is gone.
type sessions struct {
	journal *journal
	name    string // of the stream
	subject string // with an id's token behind it, a session's
	life    time.Duration
	queue   *batchqueue.Queue[keep]
}

// A keep is a session to be kept, or to be forgotten.
type keep struct {
	subject string
	text    string // "": to be forgotten
	life    time.Duration
}

const (
	// goneLife is how long JetStream knows who has taken a session out, who asks where the answer was lost.
	goneLife = time.Minute
	// claimHeader says who.
	claimHeader = "Claim"
)

// newSessions is called with how long a session lasts that has no client.
func newSessions(j *journal, life time.Duration) *sessions {
	prefix := j.broker.opts.Prefix
	s := &sessions{
		journal: j, name: jetstreams.Name(prefix) + "-sessions", subject: prefix + ".session.",
		life: recovery.Longest(life),
	}
	s.queue = batchqueue.New(j.broker.opts.OutboxBytes, s.writeAll)
	return s
}

// config is the stream's. Its messages have lives of their own, and what JetStream is asked for is the leader's copy:
// that of another server may not have a session yet.
func (s *sessions) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: s.name, Description: "Sessions that clients may resume", Subjects: []string{s.subject + "*"},
		MaxMsgsPerSubject: 1, MaxBytes: -1, MaxAge: s.life, Storage: jetstream.FileStorage, AllowMsgTTL: true,
	}
}

func (s *sessions) add(k keep) {
	b := s.journal.broker
	if !s.queue.Add(k, len(k.subject)+len(k.text)+messageOverhead) {
		b.throttled.LogAttrs(b.ctx, slog.LevelWarn, "JetStream does not keep up: sessions are not kept",
			slog.Int64("dropped_total", b.stats.dropped.Add(1)))
	}
}

// writeAll writes the last that is to be said of each session.
func (s *sessions) writeAll(batch []keep) {
	last := make(map[string]keep, len(batch))
	for _, k := range batch {
		last[k.subject] = k
	}
	list := make([]keep, 0, len(last))
	for _, k := range last {
		list = append(list, k)
	}
	atOnce(list, s.write)
}

// write writes one, and tries until JetStream has confirmed it or its life is over.
func (s *sessions) write(k keep) {
	b, until := s.journal.broker, time.Now().Add(k.life)
	for wait := firstWait; b.awaitUp(b.ctx) && time.Now().Before(until); wait = min(2*wait, longestRefusal) {
		m := &natsio.Msg{Subject: k.subject, Data: []byte(k.text)}
		_, err := s.journal.publish(s.name, m, jetstream.WithMsgTTL(wholeSeconds(time.Until(until))))
		if err == nil {
			return
		}
		if isTooLarge(err) {
			b.throttled.Error("session cannot be kept", "error", err)
			return
		}
		s.journal.failed("a session", err)
		pause(b.ctx, wait)
	}
}

// wholeSeconds is d as JetStream takes it.
func wholeSeconds(d time.Duration) time.Duration {
	return max(d+time.Second-1, time.Second).Truncate(time.Second)
}

// Keep implements recovery.Log.
func (b *journalBus) Keep(pid, session string, d time.Duration) {
	s := b.journal.sessions
	s.add(keep{s.subject + Token(pid), session, d})
}

// Forget implements recovery.Log.
func (b *journalBus) Forget(pid string) {
	s := b.journal.sessions
	s.add(keep{subject: s.subject + Token(pid), life: s.life})
}

// Take implements recovery.Log. It replaces the session that it has found, which succeeds for one caller alone. Where
// the answer to that is lost, it looks who has.
func (b *journalBus) Take(ctx context.Context, pid string) (string, error) {
	s, claim, maybe := b.journal.sessions, rand.Text(), ""
	for {
		m, err := b.journal.ask(ctx, s.name, query{LastOf: s.subject + Token(pid)})
		switch {
		case m == nil || err != nil:
			return "", err
		case len(m.Data) == 0 && bytes.Contains(m.Header, []byte(claim)):
			return maybe, nil
		case len(m.Data) == 0:
			return "", nil
		}
		gone := &natsio.Msg{Subject: m.Subject, Header: natsio.Header{claimHeader: {claim}}}
		_, err = b.journal.publish(s.name, gone, jetstream.WithMsgTTL(goneLife),
			jetstream.WithExpectLastSequencePerSubject(m.Sequence))
		switch {
		case err == nil:
			return string(m.Data), nil
		case isWrongSequence(err): // somebody else has it, or its server has just saved it once more
		case isFinal(err) || ctx.Err() != nil:
			return "", err
		default:
			maybe = string(m.Data)
			pause(ctx, firstWait)
		}
	}
}

// isWrongSequence reports whether JetStream refused something as there is a newer message of the subject.
func isWrongSequence(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && (refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
