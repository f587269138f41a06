package forward

// Any registry: what all have in common, and a second one, which shows that forwarding needs no more of it.

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// A memoryRegistry is a Registry for nodes of one process. The zero value is empty.
type memoryRegistry struct {
	mu      sync.Mutex
	away    bool
	records map[string]Record
	expiry  map[string]time.Time
}

// shared is the registry itself, for joinAll.
func (g *memoryRegistry) shared() Registry { return g }

func (g *memoryRegistry) setAway(away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away = away
}

var errAway = errors.New("the registry is away")

// Exchange implements Registry.
func (g *memoryRegistry) Exchange(_ context.Context, tag string, own *Record) (map[string]Record, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away {
		return nil, errAway
	}
	if g.records == nil {
		g.records, g.expiry = make(map[string]Record), make(map[string]time.Time)
	}
	if own != nil {
		g.records[tag], g.expiry[tag] = *own, time.Now().Add(RecordLifetime)
	}
	maps.DeleteFunc(g.records, func(tag string, _ Record) bool { return time.Now().After(g.expiry[tag]) })
	return maps.Clone(g.records), nil
}

// Remove implements Registry.
func (g *memoryRegistry) Remove(_ context.Context, tag string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.records, tag)
	return nil
}

// What a node relies on, of each registry.
func TestRegistries(t *testing.T) {
	for name, registry := range map[string]Registry{
		"Redis": inRedis(t, fleet.StartRedis(t)), "memory": new(memoryRegistry),
		"NATS":              inNATS(t, natsserver.Start(t, natsserver.Options{JetStream: true})),
		"a cluster of NATS": inNATS(t, natsserver.StartCluster(t, 3, natsserver.Options{JetStream: true})[0]),
	} {
		t.Run(name, func(t *testing.T) {
			a := Record{Address: "10.0.0.1:3000", Key: "ka", Host: "a"}
			b := Record{Address: "10.0.0.2:3000", Key: "kb", Host: "b"}
			exchange := func(tag string, own *Record, want map[string]Record) {
				t.Helper()
				got, err := registry.Exchange(t.Context(), tag, own)
				delete(got, tag) // its own may be there or not
				if err != nil || !maps.Equal(got, want) {
					t.Errorf("%s: got %v, %v; want %v", tag, got, err, want)
				}
			}
			exchange("aaaaaaaa", nil, nil) // looks, and is not registered by it
			exchange("aaaaaaaa", &a, nil)
			exchange("bbbbbbbb", &b, map[string]Record{"aaaaaaaa": a})
			exchange("aaaaaaaa", &a, map[string]Record{"bbbbbbbb": b})
			exchange("cccccccc", nil, map[string]Record{"aaaaaaaa": a, "bbbbbbbb": b})
			if err := registry.Remove(t.Context(), "aaaaaaaa"); err != nil {
				t.Error(err)
			}
			exchange("bbbbbbbb", &b, nil)
			exchange("cccccccc", nil, map[string]Record{"bbbbbbbb": b})
		})
	}
}

// While the registry is away, known nodes are used and unknown ones are not waited for; a node that leaves is gone
// from it.
func TestARegistryThatIsAway(t *testing.T) {
	registry := new(memoryRegistry)
	m := joinAll(t, 2, registry.shared)
	sid := m[1].open(t)
	registry.setAway(true)
	until(t, "the outage is noticed", func() bool {
		m[0].directory.mu.RLock()
		defer m[0].directory.mu.RUnlock()
		return m[0].directory.down
	})
	if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
		t.Errorf("a session of a known node: %d %q", got.Code, got.Body)
	}
	expectUnknown(t, "of no node", m[0].request(t, "GET", target("polling", strings.Repeat("A", idLength)), ""))
	if !m[0].Registered() {
		t.Error("the others remember it, but it does not say so")
	}

	registry.setAway(false)
	until(t, "the registry answers again", func() bool {
		m[0].directory.mu.RLock()
		defer m[0].directory.mu.RUnlock()
		return !m[0].directory.down
	})
	m[1].stop()
	if err := m[1].Close(t.Context()); err != nil {
		t.Error(err)
	}
	left, err := registry.Exchange(t.Context(), "", nil)
	if err != nil || len(left) != 1 || left[m[0].tag].Address != m[0].addr {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Records that no request can be sent to, and those of this very node's predecessor, are left out.
func TestRecordsThatAreNotUsed(t *testing.T) {
	registry := new(memoryRegistry)
	m := join(t, registry)
	for tag, r := range map[string]Record{
		"zero0000": {}, "noport00": {Address: "10.0.0.1", Key: "k"}, "port0000": {Address: "10.0.0.1:0", Key: "k"},
		"nohost00": {Address: ":3000", Key: "k"}, "nokey000": {Address: "10.0.0.1:3000"},
		"me000000": {Address: m.addr, Key: "old", Host: "test"},
		"good0000": {Address: "10.0.0.1:3000", Key: "k"},
	} {
		if _, err := registry.Exchange(t.Context(), tag, &r); err != nil {
			t.Fatal(err)
		}
	}
	m.await(t, 1)
	if o := m.directory.find(t.Context(), "good0000"); o == nil || o.Address != "10.0.0.1:3000" {
		t.Errorf("found %v", o)
	}
	if !strings.Contains(m.log.String(), "a record in the registry of nodes makes no sense") {
		t.Error("the log does not say that there are others")
	}
}
