//go:build linux

package main

// A fleet: some nodes on one broker, and the workers whose clients are connected to them.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A machine is which cores do what: the nodes have half of them, the load and the broker the others.
type machine struct {
	programs
	nodes, load []int
}

// A fleet is what runs at a time.
type fleet struct {
	*machine
	kind    kind
	broker  *broker // nil: one node in memory
	nodes   []peer.Process
	workers []*child
}

// readyWithin is how long a node may take until it has the broker.
const readyWithin = 20 * time.Second

// newFleet starts the broker.
func (m *machine) newFleet(ctx context.Context, k kind) (*fleet, error) {
	b, err := startBroker(ctx, k, m.load)
	if err != nil {
		return nil, err
	}
	return &fleet{machine: m, kind: k, broker: b}, nil
}

// add starts one more node, of the fleet's kind or another that speaks with it.
func (f *fleet) add(ctx context.Context, k kind, recovers bool, env ...string) error {
	port, err := peer.FreePort()
	if err != nil {
		return err
	}
	url := ""
	if f.broker != nil {
		url = f.broker.url
	}
	p, err := peer.Start(ctx, f.peerOf(k, url, recovers, env...), peer.Options{Port: port, Cores: f.machine.nodes})
	if err != nil {
		return err
	}
	f.nodes = append(f.nodes, p)
	if k.ours() {
		return ready(ctx, p.Addr())
	}
	return nil // it listens when it has the broker
}

// addAll starts so many nodes of the fleet's kind.
func (f *fleet) addAll(ctx context.Context, count int, recovers bool) error {
	for range count {
		if err := f.add(ctx, f.kind, recovers); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until a node of ours says that it is.
func ready(ctx context.Context, addr string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for end := time.Now().Add(readyWithin); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		response, err := client.Get("http://" + addr + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the node at %s is not ready after %v", addr, readyWithin)
}

// connect starts workers and has their clients connect. It returns how long the connections took.
func (f *fleet) connect(ctx context.Context, clients, perRoom int, room string, recovers bool) (time.Duration, error) {
	var err error
	if f.workers, err = startWorkers(clients, perRoom); err != nil {
		return 0, err
	}
	addrs := f.addrs()
	began := now()
	results, err := each[connecting, connected](ctx, f.workers, "connect", func(_ int, w *child) connecting {
		return connecting{
			First: w.first, Count: w.count, PerRoom: perRoom, Nodes: addrs, Room: room, Recovers: recovers,
		}
	})
	if err != nil {
		return 0, err
	}
	var last int64
	for _, r := range results {
		last = max(last, r.At)
	}
	return time.Duration(last - began), nil
}

func (f *fleet) addrs() (list []string) {
	for _, n := range f.nodes {
		list = append(list, n.Addr())
	}
	return list
}

// stop ends all, and returns what the nodes have said. The nodes end first: one of them may keep a core busy by itself.
func (f *fleet) stop() string {
	var said []string
	for _, n := range f.nodes {
		said = append(said, n.Stop())
	}
	if f.broker != nil {
		f.broker.Stop()
	}
	stopWorkers(f.workers)
	return strings.TrimSpace(strings.Join(said, "\n"))
}

// blame adds to an error what the nodes have said, of which the end is of interest.
func (f *fleet) blame(err error) error {
	said := f.stop()
	if err == nil || said == "" || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w; the nodes said: %s", err, said[max(0, len(said)-600):])
}

// spent is the CPU that each side has used.
type spent struct{ nodes, broker, load time.Duration }

// spent reads the CPU used so far; that of the workers as of their last answers.
func (f *fleet) spent() (s spent, err error) {
	for _, n := range f.nodes {
		u, err := n.Usage()
		if err != nil {
			return s, err
		}
		s.nodes += u.CPU
	}
	if f.broker != nil {
		u, err := f.broker.Usage()
		if err != nil {
			return s, err
		}
		s.broker = u.CPU
	}
	s.load = workersCPU(f.workers)
	return s, nil
}

// usageOf is what the node at an address has used.
func (f *fleet) usageOf(addr string) (peer.Usage, error) {
	for _, n := range f.nodes {
		if n.Addr() == addr {
			return n.Usage()
		}
	}
	return peer.Usage{}, peer.ErrEnded
}

func (s spent) since(before spent) spent {
	return spent{s.nodes - before.nodes, s.broker - before.broker, s.load - before.load}
}

// memory is the nodes' resident memory, in bytes.
func (f *fleet) memory() (total int64, err error) {
	for _, n := range f.nodes {
		u, err := n.Usage()
		if err != nil {
			return 0, err
		}
		total += u.RSS
	}
	return total, nil
}
