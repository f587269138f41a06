//go:build linux

package main

// Measurements as the run shows them, a line each.

import (
	"fmt"
	"slices"
	"time"
)

// brief is a duration that is easy to read.
func brief(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}

func (d deliveries) String() string {
	return fmt.Sprintf("%d of %d deliveries, %d twice or out of order", d.received, d.owed, d.faults)
}

// cores is CPU as cores that were busy for so long.
func (s spent) cores(took time.Duration) string {
	of := func(cpu time.Duration) float64 { return cpu.Seconds() / took.Seconds() }
	return fmt.Sprintf("nodes %.2f, broker %.2f, load %.2f cores", of(s.nodes), of(s.broker), of(s.load))
}

// last is the median of the times until the last client had a broadcast.
func (c *crowd) last() time.Duration { return median(c.lasts) }

func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

func (c *crowd) String() string {
	s := fmt.Sprintf("%d clients in %v (%.0f/s), %.1f KB each; broadcast: last after %v (all: %v), %v, "+
		"CPU nodes %v broker %v load %v",
		c.clients, brief(c.connecting), float64(c.clients)/c.connecting.Seconds(), float64(c.memory)/1024,
		brief(c.last()), c.lasts, c.broadcasts, brief(c.broadcast.nodes), brief(c.broadcast.broker),
		brief(c.broadcast.load))
	if c.rooms.took > 0 {
		s += "; rooms: " + c.rooms.String()
	}
	return s
}

func (c chatter) String() string {
	return fmt.Sprintf("%.0f messages/s: p50 %v p99 %v (load late by %v), %v, %v", c.rate, brief(c.p50), brief(c.p99),
		brief(c.late), c.deliveries, c.spent.cores(c.took))
}

func (s storm) String() string {
	return fmt.Sprintf("storm of %.0f/s: joins %v; leaves %v; %d of %d rooms reached, after %v",
		s.rate, s.join, s.leave, s.reached, s.sampled, brief(s.behind))
}

func (h hail) String() string {
	return fmt.Sprintf("%d of %d acknowledged, p50 %v p99 %v (load late by %v), in %v: %s", h.acked, h.sent,
		brief(h.p50), brief(h.p99), brief(h.late), brief(h.took), h.spent.cores(h.took))
}

func (b *bystander) String() string {
	return fmt.Sprintf("bystander of %.0f messages/s: %.1f%% of a core, %.1f%% without; %v", b.rate, 100*b.busy,
		100*b.idle, b.deliveries)
}

func (s step) String() string { return fmt.Sprintf("%d nodes, %v", s.nodes, s.chatter) }

func (r *rescue) String() string {
	return fmt.Sprintf("a node of %d clients killed: %d resumed, the last back after %v, "+
		"with all it missed after %v; %v",
		r.clients, r.resumed, brief(r.back), brief(r.caughtUp), r.deliveries)
}
