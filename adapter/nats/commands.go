package nats

// A log of commands that all servers carry out in the same order, and snapshots of what has come of them.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/internal/jetstreams"
)

// Commands is a log in JetStream: a stream of commands, which all who follow it get in the same order with the same
// times, and a bucket of the key-value store with the newest snapshot, so that the stream need not have the commands
// before it. It is what presence.NewReplicated takes. Its methods may be called from any goroutine. There is one
// follower at a time.
type Commands struct {
	broker  *Broker
	name    string // of the stream, and of the bucket
	subject string

	making sync.Mutex
	js     jetstream.JetStream
	store  jetstream.KeyValue
	copies jetstreams.Copies
	made   bool

	// Of the follower:
	mu   sync.Mutex
	last uint64 // the sequence of the last command that it has got; 0 before the first snapshot
}

const (
	// commandsBytes bounds the stream. A stream that is full takes no more commands until there is a snapshot: none may
	// be lost that is in none.
	commandsBytes = 256 << 20
	// snapshotPart is how large the parts of a snapshot are.
	snapshotPart = 256 << 10
	// newestKey is the key of the snapshot that counts.
	newestKey = "newest"
)

// A pointer is what stands under newestKey.
type pointer struct {
	Sequence uint64 // of the last command that is in it
	Name     string // begins the keys of the parts
	Parts    int
}

func (p *pointer) key(i int) string { return p.Name + "." + strconv.Itoa(i) }

// Commands returns the log of a name, which is a token of a subject: letters, digits, '-' and '_'.
func (b *Broker) Commands(name string) *Commands {
	return &Commands{
		broker: b, name: jetstreams.Name(b.opts.Prefix) + "-" + name, subject: b.opts.Prefix + ".command." + name,
	}
}

// prepare makes the stream and the bucket where there are none.
func (c *Commands) prepare(ctx context.Context) (jetstream.JetStream, error) {
	c.making.Lock()
	defer c.making.Unlock()
	if c.js == nil {
		js, err := jetstream.New(c.broker.conn, jetstream.WithDefaultTimeout(ioTimeout))
		if err != nil {
			return nil, err
		}
		c.js = js
	}
	if c.made {
		return c.js, nil
	}
	store, err := c.js.KeyValue(ctx, c.name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		err = c.copies.Make(func(replicas int) (err error) {
			store, err = c.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
				Bucket: c.name, Description: "Snapshots", Storage: jetstream.FileStorage, Replicas: replicas,
			})
			return err
		})
		if errors.Is(err, jetstream.ErrBucketExists) { // another server was faster
			store, err = c.js.KeyValue(ctx, c.name)
		}
	}
	if err != nil {
		return nil, err
	}
	_, err = c.broker.provide(ctx, c.js, &c.copies, jetstream.StreamConfig{
		Name: c.name, Description: "Commands that all servers carry out", Subjects: []string{c.subject},
		MaxBytes: commandsBytes, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
		FirstSeq: uint64(time.Now().UnixMicro()), // behind those of a stream that there was before
	})
	if err != nil {
		return nil, err
	}
	c.store, c.made = store, true
	return c.js, nil
}

func (c *Commands) forget() {
	c.making.Lock()
	defer c.making.Unlock()
	c.made = false
}

func (c *Commands) failed(what string, err error) {
	c.broker.jetStreamFailed(what, err)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // no answer may only mean that it has no leader yet
		c.forget()
	}
}

// Append adds a command. Where there is an error nobody knows whether it has been added.
func (c *Commands) Append(ctx context.Context, command []byte) error {
	if up, _, _ := c.broker.state.now(); !up {
		return errAway
	}
	js, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	_, err = js.PublishMsg(ctx, &natsio.Msg{Subject: c.subject, Data: command},
		jetstream.WithExpectStream(c.name), jetstream.WithRetryAttempts(0))
	if err != nil && ctx.Err() == nil {
		c.failed("a command", err)
	}
	return err
}

// Follow calls apply with each command, its sequence and the time at which JetStream has taken it, from one goroutine,
// until ctx is done or the Broker is closed. Before the first command, and wherever some are missing, it calls restore
// with the newest snapshot, nil where there is none, and goes on behind that. following is told whether commands come,
// and all have that were there when it began: before that, what is known is of a time that is over.
func (c *Commands) Follow(ctx context.Context, restore func(snapshot []byte) error,
	apply func(sequence uint64, at time.Time, command []byte), following func(bool)) {
	var there atomic.Uint64 // the sequence of the last of these
	t := tail{
		broker: c.broker, name: c.name, prepare: c.prepare, forget: c.forget, failed: c.failed,
		following: func(yes bool) { following(yes && c.position() >= there.Load()) },
		begin: func(ctx context.Context, info *jetstream.StreamInfo) (uint64, error) {
			there.Store(info.State.LastSeq)
			last := c.position()
			if last != 0 && last+1 >= info.State.FirstSeq && last <= info.State.LastSeq {
				return last, nil
			}
			p, snapshot, err := c.load(ctx)
			if err != nil {
				return 0, err
			}
			if err := restore(snapshot); err != nil {
				return 0, err
			}
			c.moveTo(min(max(p.Sequence, info.State.FirstSeq-min(info.State.FirstSeq, 1)), info.State.LastSeq))
			return c.position(), nil
		},
		hand: func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
			if sequence := meta.Sequence.Stream; sequence != c.position()+1 {
				c.moveTo(0) // those before it have gone into a snapshot
				return errSkipped
			}
			apply(meta.Sequence.Stream, meta.Timestamp, m.Data())
			c.moveTo(meta.Sequence.Stream)
			if meta.Sequence.Stream == there.Load() {
				following(true)
			}
			return nil
		},
		position: c.position,
	}
	t.read(ctx)
}

func (c *Commands) position() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

func (c *Commands) moveTo(sequence uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = sequence
}

// newest returns the pointer to the newest snapshot, and its revision; zero where there is none.
func (c *Commands) newest(ctx context.Context) (p pointer, revision uint64, err error) {
	e, err := c.store.Get(ctx, newestKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, 0, nil
	} else if err != nil {
		return p, 0, err
	}
	return p, e.Revision(), json.Unmarshal(e.Value(), &p)
}

// load returns the newest snapshot.
func (c *Commands) load(ctx context.Context) (p pointer, snapshot []byte, err error) {
	p, revision, err := c.newest(ctx)
	if err != nil || revision == 0 {
		return p, nil, err
	}
	for i := range p.Parts {
		e, err := c.store.Get(ctx, p.key(i))
		if err != nil {
			return p, nil, fmt.Errorf("nats: a part of a snapshot: %w", err)
		}
		snapshot = append(snapshot, e.Value()...)
	}
	return p, snapshot, nil
}

// Save keeps a snapshot of what has come of all commands up to a sequence, unless there is a newer one. Commands that
// are older than the snapshot before it may go then. A snapshot of commands of a stream that has been lost is an error.
func (c *Commands) Save(ctx context.Context, sequence uint64, snapshot []byte) error {
	js, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, c.name)
	if err != nil {
		c.failed("a snapshot", err)
		return err
	}
	if first := stream.CachedInfo().State.FirstSeq; sequence+1 < first {
		return fmt.Errorf("nats: a snapshot up to %d of a stream that is lost; there is one from %d", sequence, first)
	}
	before, revision, err := c.newest(ctx)
	if err != nil || before.Sequence >= sequence {
		return err
	}
	p := pointer{Sequence: sequence}
	p.Name = strconv.FormatUint(sequence, 10) + "-" + strconv.FormatUint(rand.Uint64(), 16)
	part := min(snapshotPart, int(c.broker.conn.MaxPayload())-headerBytes)
	for ; p.Parts*part < len(snapshot); p.Parts++ {
		from := p.Parts * part
		if _, err := c.store.Put(ctx, p.key(p.Parts), snapshot[from:min(from+part, len(snapshot))]); err != nil {
			c.remove(ctx, &p)
			return err
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if revision == 0 {
		_, err = c.store.Create(ctx, newestKey, text)
	} else {
		_, err = c.store.Update(ctx, newestKey, text, revision) // one of those who try at once
	}
	if err != nil {
		c.remove(ctx, &p)
		return err
	}
	c.remove(ctx, &before)
	// Whoever has just read the pointer before finds what is behind that.
	return stream.Purge(ctx, jetstream.WithPurgeSequence(before.Sequence+1))
}

// remove deletes the parts of a snapshot. Where that fails they stay, which costs room only.
func (c *Commands) remove(ctx context.Context, p *pointer) {
	for i := range p.Parts {
		_ = c.store.Purge(ctx, p.key(i))
	}
}
