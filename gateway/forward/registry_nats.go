package forward

// The registry in NATS: a bucket of JetStream's key-value store, with a node's record, in JSON, under its tag. It
// expires unless the node renews it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/internal/jetstreams"
)

// ErrNoJetStream is matched by the error of CheckJetStream where the NATS server, or the user's account there, has no
// JetStream.
var ErrNoJetStream = errors.New("forward: the NATS server has no JetStream")

// CheckJetStream asks whether a registry can be had at conn. An error that does not match ErrNoJetStream means that
// nobody has answered.
func CheckJetStream(ctx context.Context, conn *nats.Conn) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	_, err = js.AccountInfo(ctx)
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return fmt.Errorf("%w: %w", ErrNoJetStream, err)
	}
	return err
}

// A NATSRegistry is a Registry in NATS; NewNATSRegistry makes it. Its methods may be called from any goroutine.
type NATSRegistry struct {
	js     jetstream.JetStream
	bucket string

	mu      sync.Mutex
	store   jetstream.KeyValue // nil before it is opened, and after it has failed
	watcher jetstream.KeyWatcher
	end     context.CancelFunc // ends the watcher
	found   map[string]seenRecord
	copies  jetstreams.Copies
}

// A seenRecord is a record, and when it came.
type seenRecord struct {
	Record
	at time.Time
}

// NewNATSRegistry returns the Registry that is under a prefix in the JetStream of conn, which must stay open as long as
// it is used. The bucket is made where there is none: three copies in memory, or one where the NATS servers are fewer
// than three.
func NewNATSRegistry(conn *nats.Conn, prefix string) (*NATSRegistry, error) {
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(roundTimeout))
	if err != nil {
		return nil, err
	}
	return &NATSRegistry{js: js, bucket: jetstreams.Name(prefix) + "-nodes"}, nil
}

// Exchange implements Registry. What others have written before this node's record was written is in the answer.
func (g *NATSRegistry) Exchange(ctx context.Context, tag string, own *Record) (map[string]Record, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.store == nil {
		if err := g.open(ctx); err != nil {
			return nil, err
		}
	}
	if err := g.exchange(ctx, tag, own); err != nil {
		g.close() // the bucket may be gone, or be another one of the same name
		return nil, err
	}
	records := make(map[string]Record)
	for tag, r := range g.found {
		if time.Since(r.at) > RecordLifetime {
			delete(g.found, tag)
			continue
		}
		records[tag] = r.Record
	}
	return records, nil
}

func (g *NATSRegistry) exchange(ctx context.Context, tag string, own *Record) error {
	if own == nil {
		return g.read(ctx, func(jetstream.KeyValueEntry) bool { return false })
	}
	text, err := json.Marshal(own)
	if err != nil {
		return err
	}
	revision, err := g.store.Put(ctx, tag, text)
	if err != nil {
		return err
	}
	back := false
	return g.read(ctx, func(e jetstream.KeyValueEntry) bool {
		back = back || e != nil && e.Revision() >= revision
		return !back
	})
}

// errLost says that a watcher has ended.
var errLost = errors.New("forward: what changes in the bucket is not heard any more")

// read takes in what the watcher has, and waits for more as long as more says so. It asks that of nil first.
func (g *NATSRegistry) read(ctx context.Context, more func(jetstream.KeyValueEntry) bool) error {
	for wait := more(nil); ; {
		var e jetstream.KeyValueEntry
		var open bool
		if wait {
			select {
			case e, open = <-g.watcher.Updates():
			case <-ctx.Done():
				return ctx.Err()
			}
		} else {
			select {
			case e, open = <-g.watcher.Updates():
			default:
				return nil
			}
		}
		if !open {
			return errLost
		}
		if e == nil {
			continue
		}
		g.take(e)
		wait = more(e)
	}
}

func (g *NATSRegistry) take(e jetstream.KeyValueEntry) {
	if e.Operation() != jetstream.KeyValuePut {
		delete(g.found, e.Key())
		return
	}
	var r Record
	if json.Unmarshal(e.Value(), &r) != nil {
		r = Record{}
	}
	g.found[e.Key()] = seenRecord{r, time.Now()}
}

// open opens the bucket and reads what is in it.
func (g *NATSRegistry) open(ctx context.Context) error {
	store, err := g.make(ctx)
	if err != nil {
		return err
	}
	watching, end := context.WithCancel(context.Background())
	watcher, err := store.WatchAll(watching)
	if err != nil {
		end()
		return err
	}
	g.store, g.watcher, g.end, g.found = store, watcher, end, make(map[string]seenRecord)
	for {
		select {
		case e, open := <-watcher.Updates():
			switch {
			case !open:
				g.close()
				return errLost
			case e == nil: // that was all
				return nil
			}
			g.take(e)
		case <-ctx.Done():
			g.close()
			return ctx.Err()
		}
	}
}

// make opens the bucket, and makes it first where there is none.
func (g *NATSRegistry) make(ctx context.Context) (jetstream.KeyValue, error) {
	store, err := g.js.KeyValue(ctx, g.bucket)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return store, err
	}
	config := jetstream.KeyValueConfig{
		Bucket: g.bucket, Description: "Nodes that serve each other's sessions", TTL: RecordLifetime,
		Storage: jetstream.MemoryStorage,
	}
	err = g.copies.Make(func(replicas int) (err error) {
		config.Replicas = replicas
		store, err = g.js.CreateKeyValue(ctx, config)
		return err
	})
	if errors.Is(err, jetstream.ErrBucketExists) { // another node was faster
		return g.js.KeyValue(ctx, g.bucket)
	}
	return store, err
}

// close forgets the bucket, which the next Exchange opens again.
func (g *NATSRegistry) close() {
	if g.store == nil {
		return
	}
	_ = g.watcher.Stop() // the error says that the connection is gone
	g.end()
	g.store, g.watcher = nil, nil
}

// Remove implements Registry.
func (g *NATSRegistry) Remove(ctx context.Context, tag string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.store == nil {
		return nil // it has not been written, or expires
	}
	return g.store.Delete(ctx, tag)
}

// Close ends what the registry has at its connection. It may be used again.
func (g *NATSRegistry) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.close()
}
