package presence_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// newClient returns a client to a Redis as package adapter makes them.
func newClient(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(clientOptions(addr))
	t.Cleanup(func() { c.Close() })
	return c
}

// clientOptions are those of package adapter. A feature for one vendor's servers is off: setting it up is racy.
func clientOptions(addr string) *redis.Options {
	return &redis.Options{
		Addr: addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: time.Second, ReadTimeout: time.Second,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// A model is the store in memory beside another: both get the same.
type model struct {
	t      *testing.T
	mu     sync.Mutex // for now: a copy says that it has a snapshot when it has
	now    time.Time
	name   string            // of the other store
	stores [2]presence.Store // memory, the other
	forget func()            // has that lose everything
	log    [2][]presence.Entry
	read   [2]presence.ID

	outcomes map[string]int
}

const lease = 10 * time.Second

// An open makes a store with a clock, and what has it lose everything.
type open func(clock func() time.Time) (s presence.Store, forget func())

func newModel(t *testing.T, name string, other open) *model {
	m := &model{t: t, name: name, now: time.UnixMilli(1_764_000_000_000), outcomes: map[string]int{}}
	clock := func() time.Time {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.now
	}
	m.stores[0] = presence.NewMemoryAt(clock)
	m.stores[1], m.forget = other(clock)
	return m
}

// pass has time pass.
func (m *model) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

func inRedis(client redis.UniversalClient, prefix string) open {
	return func(clock func() time.Time) (presence.Store, func()) {
		s := presence.NewRedis(client, presence.RedisOptions{Prefix: prefix})
		presence.SetClock(s, clock)
		return s, func() {
			ctx := context.Background()
			client.Del(ctx, client.Keys(ctx, "{"+prefix+"#*").Val()...)
		}
	}
}

// both runs f on both stores and compares what it returns.
func (m *model) both(what string, f func(s presence.Store) any) any {
	m.t.Helper()
	want, got := f(m.stores[0]), f(m.stores[1])
	if !reflect.DeepEqual(got, want) {
		m.t.Fatalf("%s:\n%s  %+v\nmemory %+v", what, m.name, got, want)
	}
	return want
}

func (m *model) beat(b presence.Beat) presence.Standing {
	m.t.Helper()
	b.Lease = lease
	standing := m.both(fmt.Sprintf("%+v", b), func(s presence.Store) any {
		standing, err := s.Beat(m.t.Context(), b)
		if err != nil {
			m.t.Fatal(err)
		}
		return standing
	}).(presence.Standing)
	m.outcomes["cleared"] += standing.Cleared
	return standing
}

func (m *model) write(b presence.Batch) presence.Written {
	m.t.Helper()
	written := m.both(fmt.Sprintf("%+v", b), func(s presence.Store) any {
		written, err := s.Write(m.t.Context(), b)
		if err != nil {
			m.t.Fatal(err)
		}
		return written
	}).(presence.Written)
	if written.Outcome == "done" && b.Ops[0].Kind == presence.OpPutBack {
		m.outcomes["put back"]++
	}
	m.outcomes[written.Outcome]++
	return written
}

// compare compares the logs and all items. What is cleared together is in any order.
func (m *model) compare() {
	m.t.Helper()
	m.both("the log", func(s presence.Store) any {
		i := slices.Index(m.stores[:], s)
		for {
			last := m.beatless(s)
			if !m.read[i].Less(last) {
				break
			}
			entries, err := s.Read(m.t.Context(), m.read[i])
			if err != nil {
				m.t.Fatal(err)
			}
			m.log[i] = append(m.log[i], entries...)
			m.read[i] = entries[len(entries)-1].ID
		}
		kinds := map[string]int{}
		for _, e := range m.log[i] {
			kinds[fmt.Sprintf("%c %q %v", e.Kind, e.Item, e.Generation)]++
		}
		m.log[i] = nil
		return kinds
	})
	m.both("all items", func(s presence.Store) any {
		found := map[string]bool{}
		_, _, err := s.Scan(m.t.Context(), func(i presence.Item, _ presence.ID) { found[fmt.Sprintf("%q", i)] = true })
		return []any{found, err}
	})
}

// beatless is the newest ID of a store.
func (m *model) beatless(s presence.Store) presence.ID {
	standing, err := s.Beat(m.t.Context(), presence.Beat{Generation: "nobody", Lease: lease})
	if err != nil {
		m.t.Fatal(err)
	}
	return standing.Last
}

// simulated is one node of the random test, which does not know better than the store.
type simulated struct {
	name   string
	number uint64
	epoch  uint64
	seen   presence.ID
	last   *presence.Batch
}

// Random operations of several nodes, also repeated, late, forged and after long silence, have the same effect in Redis
// as in memory, which is simple enough to be believed.
func TestRedisDoesWhatTheModelDoes(t *testing.T) {
	r := fleet.StartRedis(t)
	outcomes := map[string]int{}
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			compareRandomly(t, "Redis", inRedis(newClient(t, r.Addr), fmt.Sprint("model", seed)), seed, outcomes)
		})
	}
	wantAll(t, outcomes)
}

// wantAll fails the test unless everything has happened that it is to try.
func wantAll(t *testing.T, outcomes map[string]int) {
	t.Helper()
	t.Log(outcomes)
	for _, what := range []string{"done", "gone", "settling", "lost", "put back", "cleared"} {
		if outcomes[what] < 5 {
			t.Errorf("%q has happened %d times: the test does not try what it is to try", what, outcomes[what])
		}
	}
}

func compareRandomly(t *testing.T, name string, other open, seed uint64, outcomes map[string]int) {
	random := rand.New(rand.NewPCG(seed, 12))
	m := newModel(t, name, other)
	m.outcomes = outcomes
	nodes := make([]*simulated, 4)
	serial := 0
	renew := func(n *simulated) {
		serial++
		*n = simulated{name: fmt.Sprintf("n.%d", serial), seen: n.seen}
	}
	for i := range nodes {
		nodes[i] = new(simulated)
		renew(nodes[i])
	}
	items := make([]presence.Item, 12)
	for i := range items {
		items[i] = presence.Item{Room: []string{"", "a", "b\x00|:\xff"}[i%3], User: fmt.Sprintf("u|%d-\xff:", i/3)}
	}
	ops := func(kinds ...byte) (list []presence.Op) {
		for _, i := range random.Perm(len(items))[:1+random.IntN(4)] {
			op := presence.Op{Kind: kinds[random.IntN(len(kinds))], Item: items[i]}
			if op.Kind == presence.OpPutBack {
				op.Since = presence.ID{Epoch: 1_700_000_000_000, Number: random.Uint64N(9) + 1}
			}
			list = append(list, op)
		}
		return list
	}
	m.compare() // writing begins behind a beat
	for i := range 300 {
		n := nodes[random.IntN(len(nodes))]
		switch random.IntN(16) {
		case 0, 1, 2:
			standing := m.beat(presence.Beat{Generation: n.name, Begin: n.number == 0, Seen: n.seen})
			if !standing.Known && random.IntN(4) > 0 {
				renew(n)
			}
			n.seen, n.epoch = standing.Last, standing.Last.Epoch
		case 3, 4, 5, 6:
			b := presence.Batch{Generation: n.name, Number: n.number + 1, Epoch: n.epoch}
			b.Ops = ops(presence.OpAdd, presence.OpRemove)
			if w := m.write(b); w.Outcome == "done" {
				n.number, n.last, n.seen = n.number+1, &b, w.Last
			}
		case 7:
			b := presence.Batch{Generation: n.name, Number: n.number + 1, Epoch: n.epoch, Ops: ops(presence.OpPutBack)}
			if w := m.write(b); w.Outcome == "done" {
				n.number, n.last, n.seen = n.number+1, &b, w.Last
			}
		case 8: // a repetition, perhaps after the generation was cleared
			if n.last != nil {
				m.write(*n.last)
			}
		case 9: // a wrong number, a generation that never was
			b := presence.Batch{Generation: n.name, Number: n.number + 3, Epoch: n.epoch, Ops: ops(presence.OpAdd)}
			if random.IntN(2) == 0 {
				b.Generation = "x"
			}
			m.write(b)
		case 10, 13, 14:
			m.pass(time.Duration(random.IntN(4000)) * time.Millisecond)
		case 11:
			switch random.IntN(24) {
			case 0:
				m.pass(time.Minute)
			case 1:
				m.pass(-time.Minute)
			case 2:
				m.beat(presence.Beat{Generation: n.name, Seen: n.seen, Doubt: true})
			case 3:
				presence.Forget(m.stores[0])
				m.forget()
			}
		case 12:
			other := nodes[random.IntN(len(nodes))]
			other.number++ // it thinks that it has written
		default:
			m.both("leave", func(s presence.Store) any {
				return s.Leave(t.Context(), n.name, 0)
			})
			m.compare()
		}
		if i%5 == 0 {
			m.compare()
		}
	}
	asked := items[:4]
	m.both("queries", func(s presence.Store) any {
		var answers []any
		for _, room := range []string{"", "a", "b\x00|:\xff", "none"} {
			users := make([]string, len(asked))
			for i := range users {
				users[i] = asked[i].User
			}
			holds, err := s.Holds(t.Context(), room, users)
			n, err2 := s.Count(t.Context(), room)
			page, next, err3 := s.Page(t.Context(), room, "", 100)
			slices.Sort(page)
			answers = append(answers, holds, n, len(page), append([]string{}, page...), next, err, err2, err3)
		}
		return answers
	})
}

// Everybody who is there all the time is on a page, however many pages there are.
func TestPagesHaveEverybody(t *testing.T) {
	m := newModel(t, "Redis", inRedis(newClient(t, fleet.StartRedis(t).Addr), "pages"))
	const users = 3000
	standing := m.beat(presence.Beat{Generation: "n", Begin: true})
	for standing.Settling > 0 {
		m.pass(lease / 4)
		standing = m.beat(presence.Beat{Generation: "n"})
	}
	epoch := standing.Last.Epoch
	for i := range uint64(users / 100) {
		b := presence.Batch{Generation: "n", Number: i + 1, Epoch: epoch}
		for j := range uint64(100) {
			item := presence.Item{User: fmt.Sprint("user", i*100+j)}
			b.Ops = append(b.Ops, presence.Op{Kind: presence.OpAdd, Item: item})
		}
		if w := m.write(b); w.Outcome != "done" {
			t.Fatal(w)
		}
	}
	for i, s := range m.stores {
		found, pages := map[string]int{}, 0
		for cursor := ""; ; pages++ {
			page, next, err := s.Page(t.Context(), "", cursor, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, user := range page {
				found[user]++
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if len(found) != users || pages < 10 {
			t.Errorf("store %d: %d pages have %d of %d users", i, pages, len(slices.Collect(maps.Keys(found))), users)
		}
		if _, _, err := s.Page(t.Context(), "", "no cursor", 100); !errors.Is(err, presence.ErrCursor) {
			t.Errorf("store %d: %v", i, err)
		}
	}
}
