// Package memory is a broker in memory: the servers of one process as a cluster. It is for tests, which need neither
// Redis nor a network then, and shows all that it takes to make a cluster.Bus.
//
//	broker := memory.NewBroker()
//	opts := socketio.Options{Adapter: broker.NewAdapter}
//	a, b := socketio.NewServer(opts), socketio.NewServer(opts)
package memory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Broker connects the servers whose namespaces have its adapters. All its methods may be called from any goroutine.
type Broker struct {
	mu     sync.Mutex
	buses  map[string][]*bus // by namespace
	down   bool
	silent int                                 // servers that are counted and never answer
	heard  func(namespace string, data []byte) // gets each message; nil but in this package's tests
}

// NewBroker returns a Broker that nobody is connected to.
func NewBroker() *Broker { return &Broker{buses: make(map[string][]*bus)} }

// NewAdapter connects a namespace; it is for socketio.Options.Adapter. Closing the adapter, which
// socketio.Server.Shutdown does, ends the connection.
func (b *Broker) NewAdapter(ns *socketio.Namespace) socketio.Adapter {
	return cluster.New(ns, cluster.Options{}, func(a *cluster.Adapter) cluster.Bus {
		c := &bus{Codec: cluster.NewCodec(a), adapter: a, broker: b}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.buses[ns.Name()] = append(b.buses[ns.Name()], c)
		return c
	})
}

// Break has the broker lose all messages, as one that is away does, until Mend.
func (b *Broker) Break() { b.set(func() { b.down = true }) }

// Mend undoes Break.
func (b *Broker) Mend() { b.set(func() { b.down = false }) }

func (b *Broker) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// deliver hands a message to those whom it is for, in the order of the calls.
func (b *Broker) deliver(namespace string, data []byte, isFor func(*bus) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.heard != nil {
		b.heard(namespace, data)
	}
	if b.down {
		return
	}
	for _, c := range b.buses[namespace] {
		if isFor(c) {
			c.adapter.Receive(namespace, data)
		}
	}
}

// A bus is one server's connection to a Broker, in one namespace.
type bus struct {
	cluster.Codec
	adapter *cluster.Adapter
	broker  *Broker
}

var _ cluster.Bus = (*bus)(nil)

func (c *bus) send(m cluster.Message, isFor func(*bus) bool) error {
	data, err := c.Encode(m)
	if err == nil {
		c.broker.deliver(c.adapter.Namespace().Name(), data, isFor)
	}
	return err
}

func (c *bus) Publish(m cluster.Message) error {
	return c.send(m, func(other *bus) bool { return other != c })
}

func (c *bus) Respond(to string, m cluster.Message) error {
	return c.send(m, func(other *bus) bool { return other.adapter.ID() == to })
}

func (c *bus) Others(context.Context) (int, error) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return 0, errors.New("memory: the broker is down")
	}
	return len(b.buses[c.adapter.Namespace().Name()]) - 1 + b.silent, nil
}

func (c *bus) Decode(_ string, data []byte, m *cluster.Message) error { return c.Codec.Decode(data, m) }

func (c *bus) Close() {
	c.broker.set(func() {
		name := c.adapter.Namespace().Name()
		c.broker.buses[name] = slices.DeleteFunc(c.broker.buses[name], func(other *bus) bool { return other == c })
	})
}
