package presence_test

// The store that every node has a copy of, on a log in memory.

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A commandLog is a CommandLog in memory.
type commandLog struct {
	clock func() time.Time

	mu       sync.Mutex
	first    uint64 // the sequence of commands[0]
	commands []timed
	grown    chan struct{}
	snapshot []byte
	upTo     uint64
	epoch    int // changes when everything is lost
	saves    int
	fail     bool
}

type timed struct {
	at   time.Time
	text []byte
}

func newCommandLog(clock func() time.Time) *commandLog {
	return &commandLog{clock: clock, first: 1, grown: make(chan struct{})}
}

var errTest = errors.New("the log is away")

func (l *commandLog) Append(_ context.Context, text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail {
		return errTest
	}
	l.commands = append(l.commands, timed{l.clock(), text})
	l.wake()
	return nil
}

func (l *commandLog) wake() {
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *commandLog) Save(_ context.Context, sequence uint64, snapshot []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sequence > l.upTo && sequence+1 >= l.first { // else it is of what has been lost, or an old one
		l.snapshot, l.upTo = snapshot, sequence
		l.saves++
	}
	return nil
}

// saved is how many snapshots there have been.
func (l *commandLog) saved() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.saves
}

// cut drops the commands that are in the snapshot.
func (l *commandLog) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.upTo >= l.first {
		l.commands = l.commands[l.upTo+1-l.first:]
		l.first = l.upTo + 1
	}
}

// lose loses everything.
func (l *commandLog) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first += uint64(len(l.commands)) + 1000
	l.commands, l.snapshot, l.upTo = nil, nil, 0
	l.epoch++
	l.wake()
}

func (l *commandLog) Follow(ctx context.Context, restore func([]byte) error,
	apply func(uint64, time.Time, []byte), following func(bool)) {
	next, epoch := uint64(0), -1
	for {
		l.mu.Lock()
		var snapshot []byte
		anew := epoch != l.epoch || next < l.first
		if anew {
			snapshot, next, epoch = l.snapshot, max(l.upTo+1, l.first), l.epoch
		}
		list, grown := l.commands[next-l.first:], l.grown
		l.mu.Unlock()
		if anew {
			if err := restore(snapshot); err != nil {
				panic(err)
			}
			following(true)
		}
		for _, c := range list {
			apply(next, c.at, c.text)
			next++
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return
		}
	}
}

func replicated(t *testing.T, log *commandLog, opts presence.ReplicatedOptions) *presence.Replicated {
	r := presence.NewReplicated(log, opts)
	t.Cleanup(r.Close)
	up := func() bool {
		_, _, err := r.Scan(t.Context(), func(presence.Item, presence.ID) {})
		return err == nil || err.Error() == presence.ErrSettling.Error()
	}
	if !await.Until(fleet.Patience, up) {
		t.Fatal("the copy does not follow")
	}
	return r
}

// Random operations have the same effect on a copy as on the model, and the copies of all nodes are the same, also of
// one that begins late with a snapshot.
func TestReplicatedDoesWhatTheModelDoes(t *testing.T) {
	outcomes := map[string]int{}
	saves := 0
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var log *commandLog
			var early *presence.Replicated
			compareRandomly(t, "a copy", func(clock func() time.Time) (presence.Store, func()) {
				log = newCommandLog(clock)
				early = replicated(t, log, presence.ReplicatedOptions{SnapshotEvery: 50})
				return replicated(t, log, presence.ReplicatedOptions{SnapshotEvery: 50}), log.lose
			}, seed, outcomes)
			log.cut()
			late := replicated(t, log, presence.ReplicatedOptions{})
			of := func(r *presence.Replicated) any { return presence.StateOf(r) }
			if !await.Until(fleet.Patience, func() bool { return reflect.DeepEqual(of(early), of(late)) }) {
				t.Errorf("copies differ:\n%+v\n%+v", of(early), of(late))
			}
			saves += log.saved()
		})
	}
	wantAll(t, outcomes)
	if saves < 10 {
		t.Errorf("%d snapshots", saves)
	}
}

// While the log is away nothing is answered: what a copy knows may be old.
func TestReplicatedWithoutItsLog(t *testing.T) {
	log := newCommandLog(time.Now)
	r := replicated(t, log, presence.ReplicatedOptions{})
	log.mu.Lock()
	log.fail = true
	log.mu.Unlock()
	if _, err := r.Beat(t.Context(), presence.Beat{Generation: "g", Lease: lease}); !errors.Is(err, errTest) {
		t.Errorf("a beat: %v", err)
	}
	presence.StopFollowing(r)
	if _, err := r.Write(t.Context(), presence.Batch{Generation: "g"}); err == nil || errors.Is(err, errTest) {
		t.Errorf("a batch: %v", err)
	}
	if _, err := r.Holds(t.Context(), "", []string{"u"}); err == nil {
		t.Error("a question is answered")
	}
	if _, err := r.Count(t.Context(), ""); err == nil {
		t.Error("a count is answered")
	}
	if _, _, err := r.Page(t.Context(), "", "", 1); err == nil {
		t.Error("a page is answered")
	}
	if _, err := r.Read(t.Context(), presence.ID{}); err == nil {
		t.Error("the log is read")
	}
}
