package nats

// Reading a stream on.

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readMost is how many messages are on their way to a reader at most.
	readMost = 64
	// readHeartbeat is how often JetStream says that it is still there. Twice as long a silence is an end.
	readHeartbeat = time.Second
	// readExpiry is how long one request for messages lasts.
	readExpiry = 30 * time.Second
	// readerLife is how long JetStream keeps what it knows of a reader that asks for nothing any more.
	readerLife = 10 * time.Second
	// lookEvery is how often a reader that gets nothing looks whether there is something.
	lookEvery = 2 * time.Second
)

var (
	errSkipped = errors.New("nats: a message of the stream was lost on its way")
	errUnled   = errors.New("nats: the stream has no leader")
	errTurned  = errors.New("nats: the connection is another one, or something did not come")
)

// A tail reads a stream on, from where its owner says, until the Broker is closed or ctx ends. All but what it is made
// of is of its goroutines.
type tail struct {
	broker *Broker
	name   string // of the stream
	// prepare makes the stream where there is none, and forget has it looked for again.
	prepare func(context.Context) (jetstream.JetStream, error)
	forget  func()
	// begin returns the sequence to read on behind, of a stream that is like this now.
	begin func(context.Context, *jetstream.StreamInfo) (last uint64, err error)
	// hand gets what comes, in order, and position is the sequence of the last of that. With an error reading begins
	// anew.
	hand     func(m jetstream.Msg, meta *jetstream.MsgMetadata) error
	position func() uint64
	// following is told whether what is added to the stream comes.
	following func(bool)
	failed    func(what string, err error)
}

// read reads.
func (t *tail) read(ctx context.Context) {
	for wait := firstWait; t.broker.awaitUp(ctx); wait = min(2*wait, longestRefusal) {
		came, err := t.follow(ctx)
		t.following(false)
		if came {
			wait = firstWait
		}
		if !errors.Is(err, errTurned) && ctx.Err() == nil {
			t.failed("reading", err)
		}
		pause(ctx, wait)
	}
}

// follow hands on what comes until something is wrong. came says that something was right.
func (t *tail) follow(ctx context.Context) (came bool, err error) {
	_, epoch, _ := t.broker.state.now()
	opening, cancel := context.WithTimeout(ctx, 2*ioTimeout)
	defer cancel()
	js, err := t.prepare(opening)
	if err != nil {
		return false, err
	}
	stream, err := js.Stream(opening, t.name)
	if err != nil {
		return false, err
	}
	if !isLed(stream.CachedInfo()) {
		return false, errUnled
	}
	last, err := t.begin(opening, stream.CachedInfo())
	if err != nil {
		return false, err
	}
	consumer, err := stream.CreateConsumer(opening, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: last + 1,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: readerLife, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return false, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readMost), jetstream.PullExpiry(readExpiry),
		jetstream.PullHeartbeat(readHeartbeat))
	if err != nil {
		return false, err
	}
	t.following(true)
	watching, end := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		t.watch(watching, stream, epoch)
		messages.Stop() // Next ends
	}()
	defer func() {
		end()
		<-watched
		ending, cancel := context.WithTimeout(t.broker.ctx, readHeartbeat)
		defer cancel()
		_ = stream.DeleteConsumer(ending, consumer.CachedInfo().Name) // else it ends by itself
	}()
	for number := uint64(1); ; number++ {
		m, err := messages.Next()
		switch {
		case errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return came, errTurned
		case err != nil:
			return came, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return came, err
		}
		if meta.Sequence.Consumer != number {
			return came, errSkipped
		}
		came = true
		if err := t.hand(m, meta); err != nil {
			return came, err
		}
	}
}

// watch returns when the connection is not that of epoch any more, or the stream has something that has not come.
func (t *tail) watch(ctx context.Context, stream jetstream.Stream, epoch int) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for before := t.position(); ; {
		up, now, changed := t.broker.state.now()
		if !up || now != epoch {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			continue
		case <-look.C:
		}
		if at := t.position(); at != before {
			before = at
			t.following(true)
			continue
		}
		asked, cancel := context.WithTimeout(ctx, ioTimeout)
		info, err := stream.Info(asked)
		cancel()
		if err == nil && !isLed(info) {
			err = errUnled
		}
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			t.forget()
			return
		case ctx.Err() != nil:
			return
		case err != nil: // whoever sends may be cut off with this server: it would have nothing to send
			t.following(false)
			t.failed("looking at the stream", err)
		case info.State.LastSeq != before && t.position() == before:
			return
		default:
			t.following(true)
		}
	}
}

// isLed reports whether it was a stream's leader that has said how it is. A server that is cut off from the others, and
// knows of no leader, says how its own copy is.
func isLed(info *jetstream.StreamInfo) bool { return info.Cluster == nil || info.Cluster.Leader != "" }
