package cluster_test

// A broker in memory: all that it takes to make a Bus, and the proof that one needs to know nothing of Redis.

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A toyBroker hands each message to the buses of its namespace but the one that it comes from.
type toyBroker struct {
	mu    sync.Mutex
	buses map[string][]*toyBus // by namespace
	down  bool
	deaf  int // servers that are counted and never answer
	sent  [][]byte
}

// A toyBus is one server's connection to a toyBroker, in one namespace.
type toyBus struct {
	cluster.Codec
	adapter *cluster.Adapter
	broker  *toyBroker
}

func (b *toyBroker) newAdapter(ns *socketio.Namespace) socketio.Adapter {
	return cluster.New(ns, cluster.Options{}, func(a *cluster.Adapter) cluster.Bus {
		bus := &toyBus{Codec: cluster.NewCodec(a), adapter: a, broker: b}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.buses[ns.Name()] = append(b.buses[ns.Name()], bus)
		return bus
	})
}

// deliver hands a message to those whom it is for.
func (b *toyBroker) deliver(namespace string, data []byte, isFor func(*toyBus) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bus := range b.buses[namespace] {
		if !b.down && isFor(bus) {
			bus.adapter.Receive(namespace, data)
		}
	}
	b.sent = append(b.sent, data)
}

func (b *toyBus) send(m cluster.Message, isFor func(*toyBus) bool) error {
	data, err := b.Encode(m)
	if err == nil {
		b.broker.deliver(b.adapter.Namespace().Name(), data, isFor)
	}
	return err
}

func (b *toyBus) Publish(m cluster.Message) error {
	return b.send(m, func(other *toyBus) bool { return other != b })
}

func (b *toyBus) Respond(to string, m cluster.Message) error {
	return b.send(m, func(other *toyBus) bool { return other.adapter.ID() == to })
}

func (b *toyBus) Others(context.Context) (int, error) {
	b.broker.mu.Lock()
	defer b.broker.mu.Unlock()
	if b.broker.down {
		return 0, errors.New("the broker is down")
	}
	return len(b.broker.buses[b.adapter.Namespace().Name()]) - 1 + b.broker.deaf, nil
}

func (b *toyBus) Decode(_ string, data []byte, m *cluster.Message) error {
	return b.Codec.Decode(data, m)
}

func (b *toyBus) Close() {
	b.broker.mu.Lock()
	defer b.broker.mu.Unlock()
	name := b.adapter.Namespace().Name()
	b.broker.buses[name] = slices.DeleteFunc(b.broker.buses[name], func(other *toyBus) bool { return other == b })
}

func TestToyBus(t *testing.T) {
	adaptertest.Run(t, func(_ testing.TB, servers int) *adaptertest.Cluster {
		broker := &toyBroker{buses: make(map[string][]*toyBus)}
		setDown := func(down bool) func() {
			return func() {
				broker.mu.Lock()
				defer broker.mu.Unlock()
				broker.down = down
			}
		}
		c := &adaptertest.Cluster{Break: setDown(true), Mend: setDown(false)}
		c.Silent = func(testing.TB) {
			broker.mu.Lock()
			defer broker.mu.Unlock()
			broker.deaf++
		}
		for range servers {
			c.Adapters = append(c.Adapters, broker.newAdapter)
		}
		c.Malformed = func(testing.TB) (func(*rand.Rand), func(testing.TB)) {
			var recorded [][]byte
			return func(random *rand.Rand) {
				if recorded == nil {
					broker.mu.Lock()
					recorded = slices.Clone(broker.sent)
					broker.mu.Unlock()
				}
				message := adaptertest.Mutate(random, recorded[random.IntN(len(recorded))])
				broker.deliver("/", message, func(*toyBus) bool { return true })
			}, nil
		}
		return c
	})
}
