package adapter

// How recovery asks Redis: many questions at a time. To a server that thousands of clients come back to each round trip
// takes long, as its processor is busy, and one for each client would keep the pool's connections from everything else.

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
)

const (
	// questionsAtOnce is how many questions go into one pipeline at most.
	questionsAtOnce = 64
	// questionsMost is how many are in line at most; more wait in front of it.
	questionsMost = 100_000
	// aloneAtOnce is how many are asked again at a time.
	aloneAtOnce = 2
)

// A question is what somebody asks Redis.
type question struct {
	ctx    context.Context // of who asks
	add    func(context.Context, redis.Pipeliner)
	answer chan<- error // gets ctx's error where that is over, and nil where the commands have got their results
}

// askAll asks a batch.
func (s *streams) askAll(batch []question) {
	for some := range slices.Chunk(batch, questionsAtOnce) {
		s.askSome(some)
	}
}

// askSome asks some questions in one pipeline, but for those that nobody asks any more.
func (s *streams) askSome(some []question) {
	ctx, cancel := context.WithTimeout(s.redis.ctx, 2*ioTimeout)
	defer cancel()
	pipe := s.redis.client.Pipeline()
	over := make([]error, len(some))
	for i, q := range some {
		if over[i] = q.ctx.Err(); over[i] == nil {
			q.add(ctx, pipe)
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, q := range some {
		q.answer <- over[i]
	}
}

// ask asks Redis until it has answered, or ctx is done. add adds one or more commands to a pipeline, which may be sent
// again, and returns the last one. Where the first attempt fails, those behind it are made alone: maybe the answers
// were large.
func ask[C redis.Cmder](
	ctx context.Context, s *streams, add func(context.Context, redis.Pipeliner) C,
) (c C, err error) {
	answer := make(chan error, 1)
	q := question{ctx, func(ctx context.Context, p redis.Pipeliner) { c = add(ctx, p) }, answer}
	if err := s.questions.AddWait(ctx, q, 1); err != nil {
		return c, err
	}
	if err := <-answer; err != nil { // it comes in any case: what has been asked may have been done
		return c, err
	}
	if err := c.Err(); err == nil || isFinal(err) {
		return c, err
	}
	select {
	case s.alone <- struct{}{}:
		defer func() { <-s.alone }()
	case <-ctx.Done():
		return c, ctx.Err()
	}
	err = recovery.Insist(ctx, isFinal, func(ctx context.Context) error {
		q.ctx = ctx
		s.askSome([]question{q})
		if err := <-answer; err != nil {
			return err
		}
		return c.Err()
	})
	return c, err
}

// isFinal reports whether Redis has answered with an error that it would answer again.
func isFinal(err error) bool { return isReply(err) && !refused(err) && !unwritable(err) && !moved(err) }
