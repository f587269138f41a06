package adapter

// What recovery asks of a stream, and of the Redis that it is in: recovery.Log.

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
)

var _ recovery.Log = (*streamsBus)(nil)

// warnMissed logs that another server's entries were cut off the stream before this server had read them, or that it
// could not add them.
func (b *streamsBus) warnMissed(uid string, missed, total int64) {
	b.redis.throttled.Warn("another server's messages are not in the stream any more", "redis", b.redis.name,
		"stream", b.stream, "from", uid, "missed", missed, "missed_total", total)
}

// Has implements recovery.Log.
func (b *streamsBus) Has(ctx context.Context, offset string) (bool, error) {
	entry, err := ask(ctx, b.streams, func(ctx context.Context, p redis.Pipeliner) *redis.XMessageSliceCmd {
		return p.XRange(ctx, b.stream, offset, offset)
	})
	if err != nil && isFinal(err) {
		return false, nil // not an id
	}
	if err != nil {
		return false, err
	}
	found := entry.Val()
	return len(found) == 1 && found[0].Values["nsp"] == b.adapter.Namespace().Name(), nil
}

// rangeCount is how many entries are fetched at once, for one of those that ask at the same time.
const rangeCount = 100

// Between implements recovery.Log.
func (b *streamsBus) Between(ctx context.Context, from, to string, f func(string, *cluster.Message)) error {
	for recovery.Less(from, to) {
		some, err := ask(ctx, b.streams, func(ctx context.Context, p redis.Pipeliner) *redis.XMessageSliceCmd {
			return p.XRangeN(ctx, b.stream, "("+from, to, rangeCount)
		})
		if err != nil {
			return err
		}
		entries := some.Val()
		for _, entry := range entries {
			from = entry.ID
			if entry.Values["nsp"] != b.adapter.Namespace().Name() {
				continue
			}
			if m, err := b.decodeEntry(entry); err == nil {
				f(entry.ID, &m)
			}
		}
		if len(entries) < rangeCount {
			break
		}
	}
	return nil
}

func (b *streamsBus) sessionKey(pid string) string { return b.streams.opts.SessionPrefix + pid }

// Keep implements recovery.Log.
func (b *streamsBus) Keep(pid, session string, d time.Duration) {
	key := b.sessionKey(pid)
	b.redis.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner, _ bool) redis.Cmder {
			return p.Set(ctx, key, session, d)
		},
		repeats: repeatsAlways, stores: true,
		size: len(key) + len(session),
	})
}

// Forget implements recovery.Log.
func (b *streamsBus) Forget(pid string) {
	key := b.sessionKey(pid)
	b.redis.enqueue(command{
		make:    func(ctx context.Context, p redis.Pipeliner, _ bool) redis.Cmder { return p.Del(ctx, key) },
		repeats: repeatsAlways, stores: true,
		size: len(key),
	})
}

// Take implements recovery.Log. It gives the session a name of its own, for as long as it has to live: where the answer
// is lost it asks again, and finds what it has taken.
func (b *streamsBus) Take(ctx context.Context, pid string) (string, error) {
	key := b.sessionKey(pid)
	taken := takenKey(key)
	if taken == "" {
		return "", nil
	}
	session, err := ask(ctx, b.streams, func(ctx context.Context, p redis.Pipeliner) *redis.StringCmd {
		p.Rename(ctx, key, taken) // which fails where there is none, or it is taken
		return p.Get(ctx, taken)
	})
	if errors.Is(err, redis.Nil) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	b.redis.enqueue(command{
		make:    func(ctx context.Context, p redis.Pipeliner, _ bool) redis.Cmder { return p.Del(ctx, taken) },
		repeats: repeatsAlways, stores: true,
		size: len(taken),
	})
	return session.Val(), nil
}

// takenKey is the name of a session that somebody has taken out, with the key that it was under, on the same master of
// a Redis Cluster. It is "" where there is none such, which no id that a server gives does.
func takenKey(key string) string {
	claim := "#" + rand.Text()
	if slot := slotOf(key); slotOf(key+claim) == slot {
		return key + claim // it says itself what decides its slot
	} else if taken := "{" + key + "}" + claim; slotOf(taken) == slot {
		return taken
	}
	return ""
}

// Standing implements recovery.Log.
func (b *streamsBus) Standing() (up bool, connects int64) {
	stats := b.redis.Stats()
	return stats.Up, stats.Connects
}
