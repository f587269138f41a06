package nats

// The journal: a stream of JetStream's through which the messages of all namespaces go that must not be lost.
// journal_write.go writes it, journal_read.go reads it on, journal_range.go looks up what somebody has missed.

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
	"github.com/brunossouza/websocket-escalonavel/internal/jetstreams"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// JetStreamOptions configure adapters on JetStream. The zero value is usable: each field's comment names its default.
// All servers of a cluster have the same.
type JetStreamOptions struct {
	// MaxBytes is how many bytes the stream keeps at most, in each copy: past it the oldest messages go. It bounds what
	// sessions can be resumed over, and how far behind a server may fall. Default 64 MiB.
	MaxBytes int64
	// MaxAge is for how long the stream keeps a message at most. A client can resume behind the last event that it got,
	// if that is not older. Default 24 h.
	MaxAge time.Duration
	// Recovery keeps sessions and appends an offset to every event. Set it if, and only if, the server's
	// ConnectionStateRecovery is set, to the same.
	Recovery *socketio.ConnectionStateRecovery
}

// JetStream returns the constructor of adapters that send what must not be lost through a stream of JetStream's, which
// is read on from the last message after an outage. Requests and answers go by core NATS. It is called once. The NATS
// servers must be 2.11 or newer, and have JetStream for this user. The stream is made where there is none: on disk,
// with three copies, or one where the servers are fewer than three.
//
// With Recovery, this server's own sockets get a broadcast when it comes back from the stream: all servers deliver in
// the stream's order, and an offset stands for everything before it. While JetStream does not answer they get it
// without an offset, a second later at most.
func (b *Broker) JetStream(opts JetStreamOptions) func(*socketio.Namespace) socketio.Adapter {
	opts.MaxBytes = cmp.Or(opts.MaxBytes, 64<<20)
	opts.MaxAge = cmp.Or(opts.MaxAge, 24*time.Hour)
	j := newJournal(b, opts)
	b.journal.Store(j)
	b.background.Go(j.read)
	return func(ns *socketio.Namespace) socketio.Adapter {
		var bus *journalBus
		a := cluster.New(ns, b.clusterOptions(), func(a *cluster.Adapter) cluster.Bus {
			bus = newJournalBus(j, a)
			return bus
		})
		if opts.Recovery == nil {
			j.add(bus)
			return a
		}
		bus.recovering = recovery.New(b.ctx, a, bus, bus, &bus.received, *opts.Recovery, b.log, func(save func()) {
			b.background.Go(save)
		})
		j.add(bus)
		return bus.recovering
	}
}

// A journal is the stream, with what is to be written and who reads.
type journal struct {
	broker   *Broker
	opts     JetStreamOptions
	name     string // of the stream
	subject  string // with a namespace's token behind it, the namespace's
	queue    *batchqueue.Queue[*record]
	sessions *sessions // nil without recovery

	making sync.Mutex // held while JetStream is waited for
	js     jetstream.JetStream
	copies jetstreams.Copies
	made   bool // there are the streams, as far as is known

	times atomic.Int64 // how often a stream was made

	mu        sync.Mutex
	following bool
	known     bool                     // it is known where to begin
	last      uint64                   // the sequence of the last message that was handed on
	buses     map[string][]*journalBus // by namespace, as a token; the lists are replaced, never changed
	unread    []written                // this server's messages that have not come back, oldest first
	bytes     int64                    // of these
	returned  chan struct{}
}

// A written is a message in the stream.
type written struct {
	sequence uint64
	size     int64
}

func newJournal(b *Broker, opts JetStreamOptions) *journal {
	j := &journal{
		broker: b, opts: opts, name: jetstreams.Name(b.opts.Prefix) + "-log", subject: b.opts.Prefix + ".log.",
		buses: make(map[string][]*journalBus), returned: make(chan struct{}),
	}
	j.queue = batchqueue.New(b.opts.OutboxBytes, j.writeAll)
	if opts.Recovery != nil {
		j.sessions = newSessions(j, cmp.Or(max(opts.Recovery.MaxDisconnectionDuration, 0), recovery.DefaultDuration))
	}
	return j
}

func (j *journal) add(b *journalBus) {
	j.mu.Lock()
	defer j.mu.Unlock()
	token := b.core.namespace
	j.buses[token] = append(slices.Clip(j.buses[token]), b)
	if j.known {
		b.begin(j.last)
	}
}

func (j *journal) remove(b *journalBus) {
	j.mu.Lock()
	defer j.mu.Unlock()
	token := b.core.namespace
	left := slices.DeleteFunc(slices.Clone(j.buses[token]), func(other *journalBus) bool { return other == b })
	if j.buses[token] = left; len(left) == 0 {
		delete(j.buses, token)
	}
}

// isFollowing reports whether what others say comes in.
func (j *journal) isFollowing() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.following
}

func (j *journal) setFollowing(yes bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.following = yes
}

// prepare makes the streams where there are none, and returns JetStream.
func (j *journal) prepare(ctx context.Context) (jetstream.JetStream, error) {
	j.making.Lock()
	defer j.making.Unlock()
	if j.js == nil {
		js, err := jetstream.New(j.broker.conn, jetstream.WithDefaultTimeout(ioTimeout))
		if err != nil {
			return nil, err
		}
		j.js = js
	}
	if j.made {
		return j.js, nil
	}
	config := jetstream.StreamConfig{
		Name: j.name, Description: "What servers tell each other's clients", Subjects: []string{j.subject + "*"},
		MaxBytes: j.opts.MaxBytes, MaxAge: j.opts.MaxAge, Storage: jetstream.FileStorage, AllowDirect: true,
		// A stream that is made anew goes on behind the one before, so that no offset stands for two messages.
		FirstSeq: uint64(time.Now().UnixMicro()),
	}
	configs := []jetstream.StreamConfig{config}
	if j.sessions != nil {
		configs = append(configs, j.sessions.config())
	}
	for _, config := range configs {
		made, err := j.broker.provide(ctx, j.js, &j.copies, config)
		if err != nil {
			return nil, err
		}
		if made {
			j.times.Add(1)
		}
	}
	j.made = true
	return j.js, nil
}

// provide makes a stream where there is none, and has one that there is keep what it should. It reports whether it has
// made it.
func (b *Broker) provide(ctx context.Context, js jetstream.JetStream, copies *jetstreams.Copies,
	config jetstream.StreamConfig) (made bool, err error) {
	stream, err := js.Stream(ctx, config.Name)
	switch {
	case err == nil:
		was := stream.CachedInfo().Config
		if was.MaxBytes == config.MaxBytes && was.MaxAge == config.MaxAge {
			return false, nil
		}
		was.MaxBytes, was.MaxAge = config.MaxBytes, config.MaxAge
		if was.MaxAge > 0 {
			was.Duplicates = min(was.Duplicates, was.MaxAge)
		}
		_, err = js.UpdateStream(ctx, was)
		return false, err
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return false, err
	}
	config.Duplicates = 2 * time.Minute
	if config.MaxAge > 0 {
		config.Duplicates = min(config.Duplicates, config.MaxAge)
	}
	err = copies.Make(func(replicas int) error {
		config.Replicas = replicas
		_, err := js.CreateStream(ctx, config)
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another server was faster
		return false, nil
	}
	if err == nil {
		b.log.Info("JetStream has a new stream", "stream", config.Name)
	}
	return err == nil, err
}

// forgetMade has the streams looked for again.
func (j *journal) forgetMade() {
	j.making.Lock()
	defer j.making.Unlock()
	j.made = false
}

// failed counts and logs that JetStream has refused something, or has not answered.
func (j *journal) failed(what string, err error) {
	j.broker.jetStreamFailed(what, err)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // no answer may only mean that it has no leader yet
		j.forgetMade()
	}
}

// noteWritten notes that a message of this server's is in the stream.
func (j *journal) noteWritten(sequence uint64, size int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if sequence > j.last {
		j.unread = append(j.unread, written{sequence, int64(size)})
		j.bytes += int64(size)
	}
}

// noteRead notes that everything up to a sequence has been handed on. mu is held.
func (j *journal) noteRead(sequence uint64) {
	n := 0
	for n < len(j.unread) && j.unread[n].sequence <= sequence {
		j.bytes -= j.unread[n].size
		n++
	}
	if j.unread = j.unread[n:]; n > 0 {
		close(j.returned)
		j.returned = make(chan struct{})
	}
}

// pace waits while many bytes of this server's have not come back from the stream. Otherwise a backlog, as after an
// outage, would push messages out of the stream before anybody has read them. Where nothing comes back pace gives up.
func (j *journal) pace() {
	for {
		j.mu.Lock()
		ahead, returned := j.bytes > max(j.opts.MaxBytes/4, chunkBytes), j.returned
		j.mu.Unlock()
		if !ahead {
			return
		}
		silence := time.NewTimer(recovery.LocalWait / 2)
		select {
		case <-returned:
		case <-silence.C:
			j.mu.Lock()
			if j.returned == returned {
				j.noteRead(math.MaxUint64)
			}
			j.mu.Unlock()
		case <-j.broker.ctx.Done():
			silence.Stop()
			return
		}
		silence.Stop()
	}
}
