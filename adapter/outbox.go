package adapter

// The outboxes: what this server has to say to the others, and what it has Redis keep, on its way, in order. What Redis
// passes on and what it stores go separately: a Redis that stores nothing at the moment still passes on.

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
)

// An outbox sends commands, in order.
type outbox struct {
	redis *Redis
	queue *batchqueue.Queue[command]

	// Of the goroutine that sends.
	proven   bool // the last command that was sent went through
	failures int  // since
	home     int  // what decides which master gets the commands that may go anywhere
	heard    listeners
}

func newOutbox(r *Redis) *outbox {
	o := &outbox{redis: r, heard: make(listeners)}
	o.queue = batchqueue.New(r.opts.OutboxBytes, o.publishAll)
	return o
}

// A command is one entry of an outbox.
type command struct {
	make func(ctx context.Context, p redis.Pipeliner, repeated bool) redis.Cmder
	// anywhere says that any master of a Redis Cluster will do. All such commands go to one, so that they keep their
	// order.
	anywhere bool
	// done, if not nil, gets the result, or the error with which the entry was lost.
	done func(redis.Cmder, error)
	// repeats says whether the command is sent again where nobody knows whether Redis has carried it out.
	repeats repetition
	// repeated says that it is.
	repeated bool
	// channel is where a message is published that all subscribers hear of one master; "" for others.
	channel string
	// stores says that Redis keeps something, which it may refuse to.
	stores bool
	// makeRoom, if not nil, makes the command wait while Redis refuses to store it. It is called, before the command is
	// sent again, where Redis's memory is full.
	makeRoom func(context.Context)
	size     int
}

// A repetition is of a command that Redis may have carried out or not.
type repetition uint8

const (
	repeatsNever repetition = iota
	// repeatsEnded is of a command that may be sent twice, as whoever gets it recognises a repetition; but not where
	// Redis stands still, and does it when it goes on: Node.js servers do not recognise one.
	repeatsEnded
	// repeatsAlways is of a command that may be sent twice.
	repeatsAlways
)

// publish queues PUBLISH.
func (r *Redis) publish(channel string, message []byte) {
	r.enqueue(command{
		make: func(ctx context.Context, p redis.Pipeliner, _ bool) redis.Cmder {
			return once(ctx, p, "publish", channel, message)
		},
		repeats:  repeatsNever, // the protocol has no place for a number
		anywhere: true,
		size:     len(channel) + len(message),
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
	o := r.outbox
	if c.stores {
		o = r.stores
	}
	if o.queue.Add(c, c.size+overhead) {
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

// A pipeline is of at most so many commands, and bytes, or of one command.
const (
	pipelineMax   = 512
	pipelineBytes = 2 << 20
)

// publishAll sends a batch in pipelines. While Redis is away it tries again, but only with commands that surely have
// not been carried out, or may be carried out twice.
func (o *outbox) publishAll(batch []command) {
	r := o.redis
	retry := r.newBackoff()
	since := time.Now() // of the outage, if there is one
	for len(batch) > 0 && r.ctx.Err() == nil {
		// Before the first batch, and after a failure, send a PING. Without it a failure to connect could not be told
		// from one behind the commands, and the batch would be lost.
		if !o.proven {
			if err := r.probe(); err != nil {
				o.failed()
				retry.wait(r.ctx)
				continue
			}
			if !batch[0].stores {
				o.awaitOthers(batch[0].channel, time.Since(since))
			}
		}
		n := pipelineLength(batch)
		if o.failures > 0 {
			n = 1 // Redis may come to its senses in the middle of a pipeline, and not take the first before the second
		}
		left, err := o.publishSome(batch[:n])
		batch = batch[n-left:]
		switch {
		case err == nil:
			o.proven, o.failures = true, 0
			r.setCondition(func(c *condition) { c.stuck = c.stuck &^ o.bit() })
			retry.reset()
		case moved(err):
			o.failures++
			o.awaitMove(batch[0].channel)
		case unwritable(err):
			if batch[0].makeRoom != nil && strings.HasPrefix(err.Error(), "OOM") {
				batch[0].makeRoom(r.ctx)
			}
			retry.wait(r.ctx)
		default:
			o.proven = false
			o.failed()
			since = time.Now()
			retry.wait(r.ctx)
		}
	}
	for _, c := range batch {
		r.finish(c, nil, r.ctx.Err())
	}
}

// failed notes that nothing can be sent. Where that was the second time in a row, the Redis is not up: a connection may
// break once.
func (o *outbox) failed() {
	if o.failures++; o.failures > 1 {
		o.redis.setCondition(func(c *condition) { c.stuck |= o.bit() })
	}
	o.redis.reload(o.redis.sender) // a master may have another place now
	o.home++
}

// pipelines returns that of all commands, and that of those which may go anywhere: the same, but on a Redis Cluster.
func (o *outbox) pipelines(ctx context.Context) (keyed, anywhere redis.Pipeliner, err error) {
	keyed = o.redis.sender.Pipeline()
	cluster, ok := o.redis.sender.(*redis.ClusterClient)
	if !ok {
		return keyed, keyed, nil
	}
	master, err := cluster.MasterForKey(ctx, strconv.Itoa(o.home))
	if err != nil {
		return nil, nil, err
	}
	return keyed, master.Pipeline(), nil
}

// bit stands for this outbox in condition.stuck.
func (o *outbox) bit() uint8 {
	if o == o.redis.stores {
		return 2
	}
	return 1
}

// pipelineLength is how many of batch go into one pipeline.
func pipelineLength(batch []command) int {
	bytes := 0
	for i, c := range batch[:min(len(batch), pipelineMax)] {
		if bytes += c.size; bytes > pipelineBytes && i > 0 {
			return i
		}
	}
	return min(len(batch), pipelineMax)
}

// probe reports whether there is a connection that works. An error that Redis answers is a sign of life, but for those
// with which it refuses everything.
func (r *Redis) probe() error {
	ctx, cancel := context.WithTimeout(r.ctx, ioTimeout)
	defer cancel()
	var err error
	if cluster, ok := r.sender.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			if err := master.Ping(ctx).Err(); err != nil && !neverSent(err) {
				return err
			}
			return nil // what cannot be dialled will get nothing, and the others go on
		})
	} else {
		err = r.sender.Ping(ctx).Err()
	}
	if err != nil && isReply(err) && !refused(err) {
		return nil
	}
	return err
}

// publishSome sends one pipeline. It returns how many commands are to be tried again, and moves those to batch's end.
// The error is the most serious of those that something can be done about: a lost connection, then a Redis that refuses
// what is to be stored, then a slot that has moved.
func (o *outbox) publishSome(batch []command) (left int, err error) {
	r := o.redis
	ctx, cancel := context.WithTimeout(r.ctx, 2*ioTimeout)
	defer cancel()
	keyed, anywhere, err := o.pipelines(ctx)
	if err != nil {
		return len(batch), err
	}
	results := make([]redis.Cmder, len(batch))
	for i, c := range batch {
		pipe := keyed
		if c.anywhere {
			pipe = anywhere
		}
		results[i] = c.make(ctx, pipe, c.repeated)
	}
	_, _ = keyed.Exec(ctx) // each command has its own error: on a Redis Cluster one master may be gone
	if anywhere != keyed {
		_, _ = anywhere.Exec(ctx)
	}
	var failed, full, elsewhere error
	for i, c := range batch {
		err := results[i].Err()
		again := tryAgain(c, err)
		switch {
		case err == nil:
			o.heard.note(c.channel, results[i])
		case moved(err):
			elsewhere = err
		case unwritable(err):
			if again {
				full = err
			}
		case refused(err) || !isReply(err):
			failed = err
		}
		if !again {
			r.finish(c, results[i], err)
		}
	}
	for i, c := range slices.Backward(batch) {
		if err := results[i].Err(); tryAgain(c, err) {
			left++
			c.repeated = c.repeated || !isReply(err) && !neverSent(err)
			batch[len(batch)-left] = c
		}
	}
	return left, cmp.Or(failed, full, elsewhere)
}

// tryAgain reports whether a command is to be sent again after err.
func tryAgain(c command, err error) bool {
	switch {
	case err == nil:
		return false
	case !isReply(err):
		return c.repeats == repeatsAlways || c.repeats == repeatsEnded && !isTimeout(err) || neverSent(err)
	case unwritable(err):
		return c.makeRoom != nil
	}
	return refused(err) || moved(err)
}

func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// replyCode is the first word of an error that Redis has answered; "" for any other error.
func replyCode(err error) string {
	if err == nil || !isReply(err) {
		return ""
	}
	code, _, _ := strings.Cut(err.Error(), " ")
	return code
}

// refused reports whether Redis has answered that it cannot carry out anything at the moment. (NOAUTH and WRONGPASS
// come before any command is sent.)
func refused(err error) bool {
	switch replyCode(err) {
	case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOAUTH", "WRONGPASS":
		return true
	}
	return false
}

// unwritable reports whether Redis has answered that it stores nothing at the moment. It passes on what is published
// all the same.
func unwritable(err error) bool {
	switch replyCode(err) {
	case "MISCONF", "OOM", "READONLY", "NOREPLICAS":
		return true
	}
	return false
}

// moved reports whether the master that was asked has answered that another one has the slot.
func moved(err error) bool {
	code := replyCode(err)
	return code == "MOVED" || code == "ASK"
}

func (r *Redis) finish(c command, result redis.Cmder, err error) {
	switch {
	case err != nil && c.stores && c.makeRoom == nil && unwritable(err):
		r.stats.notStored.Add(1) // a session, which is saved again; noteWritable says why
	case err != nil:
		r.throttled.LogAttrs(r.ctx, slog.LevelWarn, "message for other servers may be lost",
			slog.String("redis", r.name), slog.Any("error", err),
			slog.Int64("lost_total", r.stats.publishErrors.Add(1)))
	default:
		r.stats.published.Add(1)
	}
	if c.done != nil {
		c.done(result, err)
	}
}

// isTimeout reports whether Redis did not answer in time.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// neverSent reports whether a pipeline failed before anything was written.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout)
}
