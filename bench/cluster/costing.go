//go:build linux

package main

// How costs are measured: a row for each thing that is done.

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

const (
	// heartbeats is longer than the 25 s within which each client is asked whether it is there, once.
	heartbeats = 27 * time.Second
	// costShouts is how often something is said to all.
	costShouts = 5
	// costSpan is how long everything else is measured, at most.
	costSpan = 3 * time.Second
)

// A costing measures one kind of nodes.
type costing struct {
	*machine
	kind kind
	span time.Duration // of each measurement
	out  io.Writer
	rows []report.Cost
}

func (c *costing) measure(ctx context.Context, d design) error {
	for _, nodes := range d.idle {
		if err := c.with(ctx, nodes, func(*fleet) error { return nil }); err != nil {
			return err
		}
	}
	for _, s := range d.crowds {
		if err := c.with(ctx, s.nodes, func(f *fleet) error { return c.crowd(ctx, f, s) }); err != nil {
			return err
		}
	}
	for _, s := range d.rooms {
		if err := c.with(ctx, s.nodes, func(f *fleet) error { return c.rooms(ctx, f, s) }); err != nil {
			return err
		}
	}
	for _, s := range d.talks {
		if err := c.with(ctx, s.nodes, func(f *fleet) error { return c.talks(ctx, f, s) }); err != nil {
			return err
		}
	}
	for _, s := range d.storms {
		if err := c.with(ctx, s.nodes, func(f *fleet) error { return c.storm(ctx, f, s.rate) }); err != nil {
			return err
		}
	}
	return nil
}

// with has so many nodes, and measures what they use while nobody is there.
func (c *costing) with(ctx context.Context, nodes int, measure func(*fleet) error) error {
	f, err := c.newFleet(ctx, c.kind)
	if err != nil {
		return err
	}
	if err = f.addAll(ctx, nodes, false); err == nil {
		err = c.row(f, report.Cost{What: "idle"}, func(*report.Cost) error { return sleep(ctx, c.span) })
	}
	if err == nil {
		err = measure(f)
	}
	return f.blame(err)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// used is what a fleet has used so far, and what it has of memory, in bytes.
type used struct {
	nodes, broker            time.Duration
	nodeMemory, brokerMemory int64
}

func (f *fleet) use() (all used, err error) {
	for _, n := range f.nodes {
		u, err := n.Usage()
		if err != nil {
			return all, err
		}
		all.nodes += u.CPU
		all.nodeMemory += u.RSS
	}
	u, err := f.broker.Usage()
	all.broker, all.brokerMemory = u.CPU, u.RSS
	return all, err
}

// row measures what a fleet uses while something is done, which completes the row.
func (c *costing) row(f *fleet, row report.Cost, do func(*report.Cost) error) error {
	row.Kind, row.Nodes = c.kind.name, len(f.nodes)
	for _, w := range f.workers {
		row.Clients += w.count
	}
	passed, err := f.broker.traffic()
	if err != nil {
		return err
	}
	began := time.Now() // each node is read so long after, both times
	before, err := f.use()
	if err != nil {
		return err
	}
	if err := do(&row); err != nil {
		return fmt.Errorf("%s: %w", row.What, err)
	}
	row.Seconds = time.Since(began).Seconds()
	after, err := f.use()
	if err != nil {
		return err
	}
	now, err := f.broker.traffic()
	if err != nil {
		return err
	}
	row.NodeCPU, row.BrokerCPU = (after.nodes - before.nodes).Seconds(), (after.broker - before.broker).Seconds()
	row.NodeMemory, row.BrokerMemory = after.nodeMemory, after.brokerMemory
	row.BrokerIn, row.BrokerOut = now.in-passed.in, now.out-passed.out
	if row.What == "connect" {
		row.Memory = after.nodeMemory - before.nodeMemory
	}
	c.rows = append(c.rows, row)
	fmt.Fprintf(c.out, "%+v\n", row)
	return nil
}

// connect connects clients, a row of its own.
func (c *costing) connect(ctx context.Context, f *fleet, clients, room int) error {
	return c.row(f, report.Cost{What: "connect", Room: room}, func(row *report.Cost) error {
		row.Clients, row.Connects = clients, int64(clients)
		_, err := f.connect(ctx, clients, room, "room", false)
		return err
	})
}

func (c *costing) crowd(ctx context.Context, f *fleet, s crowdSize) error {
	if err := c.connect(ctx, f, s.clients, perRoom); err != nil {
		return err
	}
	if s.fetched {
		if err := f.idle(ctx, settle); err != nil {
			return err
		}
		return c.fetch(ctx, f, time.Second)
	}
	if err := c.row(f, report.Cost{What: "idle", Pings: int64(s.clients)}, func(*report.Cost) error {
		return f.idle(ctx, heartbeats)
	}); err != nil {
		return err
	}
	if err := c.row(f, report.Cost{What: "all", Messages: costShouts}, func(row *report.Cost) error {
		for i := range costShouts {
			_, d, err := f.broadcast(ctx, int64(i), i%len(f.nodes))
			if err != nil {
				return err
			}
			row.Deliveries += d.owed
			row.Missing += d.missing()
		}
		return nil
	}); err != nil {
		return err
	}
	return c.fetch(ctx, f, c.span)
}

// fetch has clients ask for all sockets, one a second. What is incomplete is not answered.
func (c *costing) fetch(ctx context.Context, f *fleet, d time.Duration) error {
	return c.row(f, report.Cost{What: "fetch"}, func(row *report.Cost) error {
		h, err := f.hail(ctx, "fetch", 0, 1, d)
		row.Fetches, row.Missing = int64(h.acked), int64(h.sent-h.acked)
		row.Latency = h.p50.Seconds()
		return err
	})
}

func (c *costing) rooms(ctx context.Context, f *fleet, s roomSize) error {
	if err := c.connect(ctx, f, stepClients, s.room); err != nil {
		return err
	}
	for i, rate := range s.rates {
		if i == 0 {
			if _, err := f.chat(ctx, rate, time.Second, "room"); err != nil { // to warm up
				return err
			}
		}
		if err := c.row(f, report.Cost{What: "rooms", Room: s.room}, func(row *report.Cost) error {
			chatter, err := f.chat(ctx, rate, c.span, "room")
			row.Deliveries, row.Missing = chatter.owed, chatter.missing()
			row.Messages = row.Deliveries / int64(s.room)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// talks measures what the nodes that listen use, and the broker.
func (c *costing) talks(ctx context.Context, f *fleet, s talkSize) error {
	room := "others"
	if s.members {
		room = "foreign"
	}
	if _, err := f.connect(ctx, foreignRooms*s.nodes, s.nodes, room, false); err != nil {
		return err
	}
	for _, rate := range s.rates {
		if err := c.talk(ctx, f, s.members, rate); err != nil {
			return err
		}
	}
	return nil
}

func (c *costing) talk(ctx context.Context, f *fleet, members bool, rate int) error {
	if err := f.add(ctx, f.kind, false, "TALK="+strconv.Itoa(rate)); err != nil {
		return err
	}
	last := len(f.nodes) - 1
	speaker := f.nodes[last]
	f.nodes = f.nodes[:last] // it is not measured
	defer speaker.Stop()
	if err := f.idle(ctx, settle); err != nil {
		return err
	}
	return c.row(f, report.Cost{What: "talk", Rate: float64(rate)}, func(row *report.Cost) error {
		before, err := f.broker.traffic()
		if err != nil {
			return err
		}
		heard, err := each[listening, listened](ctx, f.workers, "listen", func(int, *child) listening {
			return listening{c.span}
		})
		if err != nil {
			return err
		}
		after, err := f.broker.traffic()
		row.Messages = after.messages - before.messages
		for _, h := range heard {
			row.Deliveries += h.Received
			row.Missing += h.Missing
		}
		if members {
			row.Room = len(f.nodes)
		}
		return err
	})
}

func (c *costing) storm(ctx context.Context, f *fleet, rate float64) error {
	if _, err := f.connect(ctx, stormers, 1, "own", false); err != nil {
		return err
	}
	if _, err := f.hail(ctx, "join", 0, 500, time.Second); err != nil { // to warm up
		return err
	}
	const first = 1000
	if err := c.row(f, report.Cost{What: "join"}, func(row *report.Cost) error {
		h, err := f.hail(ctx, "join", first, rate, c.span)
		row.Joins = int64(h.acked)
		return err
	}); err != nil {
		return err
	}
	return c.row(f, report.Cost{What: "leave"}, func(row *report.Cost) error {
		h, err := f.hail(ctx, "leave", first, rate, c.span)
		row.Leaves = int64(h.acked)
		return err
	})
}
