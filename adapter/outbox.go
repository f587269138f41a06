package adapter

// The outbox: what this server has to say to the others, on its way to Redis, in order.

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A command is one entry of the outbox.
type command struct {
	make func(context.Context, redis.Pipeliner) redis.Cmder
	// done, if not nil, gets the result, or the error with which the entry was lost.
	done func(redis.Cmder, error)
	// again says that the command may be sent twice: whoever gets it recognises a repetition.
	again bool
	size  int
}

// publish queues PUBLISH.
func (r *Redis) publish(channel string, message []byte) {
	r.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner) redis.Cmder {
			return once(ctx, p, "publish", channel, message)
		},
		size: len(channel) + len(message),
	})
}

// once adds a command that is to be sent once. (By itself go-redis's Cluster client sends pipelines again.)
func once(ctx context.Context, p redis.Pipeliner, args ...any) redis.Cmder {
	cmd := onceCmd{redis.NewIntCmd(ctx, args...)}
	_ = p.Process(ctx, cmd) // the error comes with the result
	return cmd
}

type onceCmd struct{ *redis.IntCmd }

// NoRetry overrides IntCmd's.
func (onceCmd) NoRetry() bool { return true }

func (r *Redis) enqueue(c command) {
	const overhead = 256
	if r.outbox.Add(c, c.size+overhead) {
		return
	}
	r.throttled.LogAttrs(r.ctx, slog.LevelWarn, "Redis does not keep up: messages for other servers are dropped",
		slog.String("redis", r.name), slog.Int64("dropped_total", r.stats.dropped.Add(1)),
		slog.Int("limit_bytes", r.opts.OutboxBytes))
	if c.done != nil {
		c.done(nil, errOutboxFull)
	}
}

var errOutboxFull = errors.New("adapter: outbox is full")

// pipelineMax bounds a batch, in commands.
const pipelineMax = 512

// publishAll sends a batch in pipelines. While Redis is away it tries again, but only with commands that surely have
// not been carried out, or may be carried out twice.
func (r *Redis) publishAll(batch []command) {
	var retry backoff
	since := time.Now() // of the outage, if there is one
	for len(batch) > 0 && r.ctx.Err() == nil {
		// Before the first batch, and after a failure, send a PING. Without it a failure to connect could not be told
		// from one behind the commands, and the batch would be lost.
		if !r.proven {
			if err := r.probe(); err != nil {
				retry.wait(r.ctx)
				continue
			}
			if !batch[0].again {
				r.awaitOthers(time.Since(since))
			}
		}
		n := min(len(batch), pipelineMax)
		left, err := r.publishSome(batch[:n])
		batch = batch[n-left:]
		if r.proven = err == nil; r.proven {
			retry.reset()
		} else {
			since = time.Now()
			retry.wait(r.ctx)
		}
	}
	for _, c := range batch {
		r.finish(c, nil, r.ctx.Err())
	}
}

// awaitOthers waits, after an outage, until the other servers are likely to have subscribed again: they miss what is
// published before. They come back about when this one does, give or take one wait of their backoff.
func (r *Redis) awaitOthers(outage time.Duration) {
	const patience = 3 * time.Second // with a Redis that lets this server publish and not subscribe
	late := time.After(patience)
	for changed := r.Changed(); !r.Stats().Up; changed = r.Changed() {
		select {
		case <-changed:
			continue
		case <-late:
		case <-r.ctx.Done():
		}
		return
	}
	select {
	case <-time.After(min(outage, backoffLast)):
	case <-r.ctx.Done():
	}
}

// probe reports whether there is a connection that works.
func (r *Redis) probe() error {
	ctx, cancel := context.WithTimeout(r.ctx, ioTimeout)
	defer cancel()
	err := r.client.Ping(ctx).Err()
	if err != nil && strings.HasPrefix(err.Error(), "NOPERM") {
		return nil // it answers
	}
	return err
}

// publishSome sends one pipeline. It returns how many commands are to be tried again, and moves those to batch's end.
func (r *Redis) publishSome(batch []command) (left int, err error) {
	pipe := r.client.Pipeline()
	results := make([]redis.Cmder, len(batch))
	ctx, cancel := context.WithTimeout(r.ctx, 2*ioTimeout)
	defer cancel()
	for i, c := range batch {
		results[i] = c.make(ctx, pipe)
	}
	_, err = pipe.Exec(ctx)
	if err != nil && neverSent(err) {
		return len(batch), err
	}
	failed := error(nil)
	for i, c := range batch {
		err := results[i].Err()
		if err != nil && (refused(err) || !isReply(err)) {
			failed = err
		}
		if !tryAgain(c, err) {
			r.finish(c, results[i], err)
		}
	}
	for i, c := range slices.Backward(batch) {
		if tryAgain(c, results[i].Err()) {
			left++
			batch[len(batch)-left] = c
		}
	}
	return left, failed
}

func tryAgain(c command, err error) bool {
	return err != nil && (refused(err) || c.again && !isReply(err))
}

func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// refused reports whether Redis has answered that it cannot carry out anything at the moment. (NOAUTH and WRONGPASS
// come before any command is sent.)
func refused(err error) bool {
	if !isReply(err) {
		return false
	}
	code, _, _ := strings.Cut(err.Error(), " ")
	switch code {
	case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOAUTH", "WRONGPASS":
		return true
	}
	return false
}

func (r *Redis) finish(c command, result redis.Cmder, err error) {
	if err != nil {
		r.throttled.LogAttrs(r.ctx, slog.LevelWarn, "message for other servers may be lost",
			slog.String("redis", r.name), slog.Any("error", err),
			slog.Int64("lost_total", r.stats.publishErrors.Add(1)))
	} else {
		r.stats.published.Add(1)
	}
	if c.done != nil {
		c.done(result, err)
	}
}

// neverSent reports whether a pipeline failed before anything was written.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout)
}
