package presence

// The Store that every node has a copy of, on a log which all nodes add to and which all get in the same order: NATS.
// What is in the log are not changes but commands, a beat, a batch, a leave; each copy is a Store in memory, carries
// them out one after the other by the log's clock, and so comes to the same answer.

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A CommandLog keeps commands in an order that is the same for all. (*nats.Broker).Commands, of package adapter/nats,
// is one.
type CommandLog interface {
	// Append adds a command. Where there is an error nobody knows whether it has been added.
	Append(ctx context.Context, command []byte) error
	// Follow calls apply with each command, its sequence, which grows, and the time at which it was added, from one
	// goroutine, until ctx is done. At first, and wherever some are missing, it calls restore with the newest snapshot,
	// nil where there is none, and goes on behind that. following is told whether commands come, and all have that were
	// there when it began.
	Follow(ctx context.Context, restore func(snapshot []byte) error,
		apply func(sequence uint64, at time.Time, command []byte), following func(bool))
	// Save keeps a snapshot of what has come of all commands up to a sequence, unless there is a newer one.
	Save(ctx context.Context, sequence uint64, snapshot []byte) error
}

// ReplicatedOptions configure a Replicated store. The zero value is usable.
type ReplicatedOptions struct {
	// SnapshotEvery is how many commands there are between two snapshots. Default 10,000.
	SnapshotEvery int
}

// Replicated is a Store of which every node has a copy in memory: about 200 bytes for each user, and each room of a
// user, that a node holds, of all nodes. Questions are answered from the copy, which other nodes' changes reach a
// little later than their own.
type Replicated struct {
	log    CommandLog
	every  uint64
	id     string
	state  *memoryStore // carries the commands out
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu        sync.Mutex
	at        time.Time // of the command being carried out
	applied   uint64    // its sequence
	saved     uint64    // up to which there is a snapshot
	saving    bool
	following bool
	serial    int
	patience  time.Duration       // with which an answer is waited for
	waiting   map[string]chan any // for what comes of own commands
}

// A command is one of the log.
type command struct {
	By         string // names the command, and who waits for what comes of it
	Beat       *Beat
	Batch      *Batch
	Leave      string // a generation
	LeaveAfter time.Duration
	Saved      uint64 // there is a snapshot up to this sequence
}

var (
	_            Store = (*Replicated)(nil)
	errFollowing       = errors.New("presence: what other nodes say does not come")
)

// NewReplicated returns a Store on a log. Close ends it.
func NewReplicated(log CommandLog, opts ReplicatedOptions) *Replicated {
	if opts.SnapshotEvery <= 0 {
		opts.SnapshotEvery = 10_000
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Replicated{
		log: log, patience: callTimeout, every: uint64(opts.SnapshotEvery), id: rand.Text()[:10], cancel: cancel,
		waiting: make(map[string]chan any),
	}
	r.state = &memoryStore{clock: func() time.Time { return r.at }}
	r.state.forget()
	r.ended.Go(func() { log.Follow(ctx, r.restore, r.apply, r.setFollowing) })
	return r
}

// Close ends what the store has at its log.
func (r *Replicated) Close() {
	r.cancel()
	r.ended.Wait()
}

func (r *Replicated) setFollowing(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.following = yes
}

func (r *Replicated) isFollowing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.following
}

// do adds a command and waits for what comes of it. A beat is added also where nothing comes: the lease is renewed with
// it all the same, as the other copies carry it out. Nothing is waited for for longer than there is between two beats,
// as where it went to a server that has just died: there would be none before the lease is over.
func (r *Replicated) do(ctx context.Context, c command) (any, error) {
	answer := make(chan any, 1)
	r.mu.Lock()
	following := r.following
	if c.Beat != nil {
		r.patience = min(callTimeout, c.Beat.Lease/beatsPerLease)
	}
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	r.serial++
	c.By = r.id + "." + strconv.Itoa(r.serial)
	r.waiting[c.By] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.waiting, c.By)
	}()
	if !following && c.Beat == nil {
		return nil, errFollowing
	}
	text, err := encode(&c)
	if err == nil {
		err = r.log.Append(ctx, text)
	}
	switch {
	case err != nil:
		return nil, err
	case !following:
		return nil, errFollowing
	}
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// apply carries a command out.
func (r *Replicated) apply(sequence uint64, at time.Time, text []byte) {
	var c command
	if gob.NewDecoder(bytes.NewReader(text)).Decode(&c) != nil {
		return // nobody's, and the same for all
	}
	ctx := context.Background() // nothing waits
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.applied = at.Truncate(time.Millisecond), sequence
	var answer any
	switch {
	case c.Beat != nil:
		answer, _ = r.state.Beat(ctx, *c.Beat)
	case c.Batch != nil:
		answer, _ = r.state.Write(ctx, *c.Batch)
	case c.Leave != "":
		_ = r.state.Leave(ctx, c.Leave, c.LeaveAfter)
		answer = true
	case c.Saved > 0:
		r.saved = max(r.saved, c.Saved)
	}
	own := r.waiting[c.By]
	if own == nil {
		return
	}
	own <- answer
	delete(r.waiting, c.By)
	if r.saved == 0 {
		r.saved = sequence - 1
	}
	if sequence-r.saved >= r.every && !r.saving {
		r.saving = true
		s := r.snapshot()
		r.ended.Go(func() { r.save(s) })
	}
}

// snapshotTimeout bounds how long a snapshot may take to be saved.
const snapshotTimeout = 30 * time.Second

// save saves a snapshot and says so in the log, so that not all nodes do it. Where that fails a later command has it
// tried again.
func (r *Replicated) save(s *snapshot) {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotTimeout)
	defer cancel()
	text, err := encode(s)
	if err == nil {
		err = r.log.Save(ctx, s.Applied, text)
	}
	if err == nil {
		if text, err = encode(&command{Saved: s.Applied}); err == nil {
			_ = r.log.Append(ctx, text) // else another node saves one more
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saving = false
}

// A snapshot is what a memoryStore knows.
type snapshot struct {
	Applied       uint64
	Last          ID
	Settled, Beat time.Time
	Nodes         map[string]savedNode
	Since         map[Item]ID
	Log           []Entry // the newest
}

type savedNode struct {
	Ends    time.Time
	Dead    bool
	Written uint64
	Items   []Item
}

// snapshotLog is how many entries of the log go into a snapshot: whoever was cut off for longer compares.
const snapshotLog = 1000

// snapshot is what there is now. mu is held.
func (r *Replicated) snapshot() *snapshot {
	m := r.state
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &snapshot{
		Applied: r.applied, Last: m.last, Settled: m.settled, Beat: m.beat, Nodes: make(map[string]savedNode),
		Since: make(map[Item]ID), Log: slices.Clone(m.log[max(len(m.log)-snapshotLog, 0):]),
	}
	for name, g := range m.nodes {
		s.Nodes[name] = savedNode{g.ends, g.dead, g.written, slices.Collect(maps.Keys(g.items))}
	}
	for room, users := range m.rooms {
		for user, h := range users {
			s.Since[Item{room, user}] = h.since
		}
	}
	return s
}

// restore replaces what is known by a snapshot. Nobody gets an answer who waits for one: they ask again.
func (r *Replicated) restore(text []byte) error {
	var s snapshot
	if text != nil {
		if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&s); err != nil {
			return fmt.Errorf("presence: a snapshot: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied, r.saved = s.Applied, s.Applied
	r.state.forget()
	m := r.state
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.settled, m.beat, m.log = s.Last, s.Settled, s.Beat, s.Log
	for name, n := range s.Nodes {
		g := &generation{ends: n.Ends, dead: n.Dead, written: n.Written, items: make(map[Item]bool, len(n.Items))}
		m.nodes[name] = g
		for _, item := range n.Items {
			g.items[item] = true
			if m.rooms[item.Room] == nil {
				m.rooms[item.Room] = make(map[string]*holding)
			}
			h := m.rooms[item.Room][item.User]
			if h == nil {
				h = &holding{since: s.Since[item]}
				m.rooms[item.Room][item.User] = h
			}
			h.count++
		}
	}
	return nil
}

// Beat implements Store.
func (r *Replicated) Beat(ctx context.Context, b Beat) (Standing, error) {
	answer, err := r.do(ctx, command{Beat: &b})
	standing, _ := answer.(Standing)
	return standing, err
}

// Write implements Store.
func (r *Replicated) Write(ctx context.Context, b Batch) (Written, error) {
	answer, err := r.do(ctx, command{Batch: &b})
	written, _ := answer.(Written)
	return written, err
}

// Leave implements Store.
func (r *Replicated) Leave(ctx context.Context, generation string, d time.Duration) error {
	_, err := r.do(ctx, command{Leave: generation, LeaveAfter: d})
	return err
}

// Read implements Store.
func (r *Replicated) Read(ctx context.Context, after ID) ([]Entry, error) {
	waiting, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	entries, err := r.state.Read(waiting, after)
	switch {
	case err == nil:
		return entries, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !r.isFollowing():
		return nil, errFollowing
	}
	return nil, nil
}

// Scan implements Store.
func (r *Replicated) Scan(ctx context.Context, f func(Item, ID)) (begin, end ID, err error) {
	if !r.isFollowing() {
		return ID{}, ID{}, errFollowing
	}
	return r.state.Scan(ctx, f)
}

// Holds implements Store.
func (r *Replicated) Holds(ctx context.Context, room string, users []string) ([]bool, error) {
	if !r.isFollowing() {
		return nil, errFollowing
	}
	return r.state.Holds(ctx, room, users)
}

// Count implements Store.
func (r *Replicated) Count(ctx context.Context, room string) (int, error) {
	if !r.isFollowing() {
		return 0, errFollowing
	}
	return r.state.Count(ctx, room)
}

// Page implements Store.
func (r *Replicated) Page(ctx context.Context, room, cursor string, limit int) ([]string, string, error) {
	if !r.isFollowing() {
		return nil, "", errFollowing
	}
	return r.state.Page(ctx, room, cursor, limit)
}
