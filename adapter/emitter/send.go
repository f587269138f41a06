package emitter

// The way to Redis.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A command is one for Redis.
type command struct {
	args []any
	// anywhere says that any master of a Redis Cluster will do. All such commands go to one, so that they keep their
	// order.
	anywhere bool
}

// A onceCmd is sent once, whatever the client's MaxRetries.
type onceCmd struct{ *redis.Cmd }

// NoRetry overrides Cmd's.
func (onceCmd) NoRetry() bool { return true }

const (
	// tryFor is for how long what Redis surely has not taken is sent again.
	tryFor = time.Second
	// firstWait is how long the first wait before that is. Each is twice the one before it.
	firstWait = 10 * time.Millisecond
)

// send sends commands in order, in one go, and returns how many Redis has taken. The error is of the first one that it
// has not. All are sent again where Redis has surely taken none.
func (s *settings) send(ctx context.Context, commands []command) (taken int, err error) {
	start, wait := time.Now(), firstWait
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("emitter: not sent: %w", err)
		}
		taken, again, err := s.sendOnce(ctx, commands, try)
		if err == nil || !again || time.Since(start)+wait > tryFor {
			return taken, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return 0, err
		}
		wait *= 2
	}
}

// sendOnce is send without another try. again says that Redis has taken none, and may the next time.
func (s *settings) sendOnce(ctx context.Context, commands []command, try int) (taken int, again bool, err error) {
	pipe, err := s.pipeline(ctx, commands, try)
	if err != nil {
		return 0, true, fmt.Errorf("emitter: not sent: %w", err)
	}
	results := make([]*redis.Cmd, len(commands))
	for i, c := range commands {
		results[i] = redis.NewCmd(ctx, c.args...)
		_ = pipe.Process(ctx, onceCmd{results[i]}) // the error comes with the result
	}
	_, _ = pipe.Exec(ctx)
	again = true
	for _, r := range results {
		cause := r.Err()
		if cause == nil {
			taken++
			continue
		}
		again = again && (neverSent(cause) || refused(cause))
		if err != nil {
			continue
		}
		if err = fmt.Errorf("emitter: not taken: %w", cause); !isReply(cause) && !neverSent(cause) {
			err = fmt.Errorf("%w: %w", ErrMaybeTaken, cause)
		}
	}
	return taken, again && taken == 0, err
}

// pipeline is where commands of one kind go. On a Redis Cluster those that may go anywhere go to one master, and if
// that is gone, to another.
func (s *settings) pipeline(ctx context.Context, commands []command, try int) (redis.Pipeliner, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok || !commands[0].anywhere {
		return s.client.Pipeline(), nil
	}
	master, err := cluster.MasterForKey(ctx, strconv.Itoa(try))
	if err != nil {
		return nil, err
	}
	return master.Pipeline(), nil
}

// isReply reports whether err is Redis's answer.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// neverSent reports whether a command failed before it was written.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout)
}

// refused reports whether Redis has answered that it cannot take anything at the moment, as where a master is being
// replaced.
func refused(err error) bool {
	if !isReply(err) {
		return false
	}
	code, _, _ := strings.Cut(err.Error(), " ")
	switch code {
	case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "MOVED", "ASK":
		return true
	}
	return false
}

// A batch gathers commands.
type batch struct {
	commands []command
	over     bool
}

// add is called by the goroutine of Pipelined's function.
func (b *batch) add(c command) error {
	if b.over {
		return errors.New("emitter: the function of Pipelined has returned")
	}
	b.commands = append(b.commands, c)
	return nil
}

// pipelineMax is how many commands are sent in one go.
const pipelineMax = 512

// Pipelined calls f with an Emitter that gathers what f says with it, and then sends that in order, many messages in
// each round trip to Redis; one Emit costs a whole one. It is for jobs that say a lot. The contexts that f gives do not
// count, ctx does. f must use its Emitter from one goroutine, and not keep it. Where f returns an error nothing is
// sent, and it is Pipelined's. Otherwise taken is how many messages Redis has taken, and err why not all: of those in
// the round trip that failed some may be taken behind one that is not.
func (e Emitter) Pipelined(ctx context.Context, f func(e Emitter) error) (taken int, err error) {
	e.batch = &batch{}
	err = f(e)
	e.batch.over = true
	if err != nil {
		return 0, err
	}
	for commands := e.batch.commands; len(commands) > 0; {
		n := min(len(commands), pipelineMax)
		sent, err := e.send(ctx, commands[:n])
		if taken += sent; err != nil {
			return taken, err
		}
		commands = commands[n:]
	}
	return taken, nil
}
