//go:build linux

package workload

// A broadcast to a room that others join and leave all the time, compared with the same broadcast without them.

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

const (
	churners   = 100
	churnRate  = 500.0 // joins and leaves per second, all together
	churnTurns = 2     // with churn, and as many without
	// churnSettle is the pause between two turns, in which the last requests are answered.
	churnSettle = 250 * time.Millisecond
)

// A churner joins and leaves, one request at a time. A message that crosses its join or leave may reach it or not, so
// what it is owed has a lower and an upper bound.
type churner struct {
	client  *load.Client
	member  bool
	waiting bool // for the acknowledgement of its last request

	doneAtJoin, sentAtJoined, doneAtLeave int64
	least, most                           int64
}

func churn(r *run) error {
	addr, err := r.start(peer.Options{Extra: true})
	if err != nil {
		return err
	}
	clients, err := r.connect(0, r.Clients, r.joined(addr, "churn"))
	if err != nil {
		return err
	}
	outside, err := r.connect(r.Clients, churners, load.Spec{Addr: addr, Protocol: r.peer.Protocol})
	if err != nil {
		return err
	}
	b := r.oneRoom(clients, said("churn", textSize), 16, 0)
	c := r.newChurn(outside, b.groups[0])
	if err := r.send(b, r.Warm, c.step); err != nil {
		return err
	}
	var plain, churned, total span
	changes := 0
	for turn := range 2 * churnTurns {
		sum, also := &plain, c.stop
		if turn%2 == 1 {
			sum, also = &churned, c.step
			c.next = float64(r.loop.Now())
		}
		// Let the churners stop or start before measuring.
		if err := r.send(b, churnSettle, also); err != nil {
			return err
		}
		before := c.changes
		s, err := r.begin()
		if err != nil {
			return err
		}
		if turn == 0 {
			b.latency.From, b.latency.Until = s.at, s.at+int64(time.Hour)
		}
		if err := r.send(b, r.Measure/churnTurns, also); err != nil {
			return err
		}
		if err := r.end(s); err != nil {
			return err
		}
		changes += c.changes - before
		for _, to := range []*span{sum, &total} {
			to.add(s)
		}
	}
	r.spent(&total, len(r.Server))
	r.each("cpu_per_delivery", &total, total.delivered)
	v := r.result.Values
	v["deliveries_per_second"] = churned.delivered / churned.seconds
	v["plain_deliveries_per_second"] = plain.delivered / plain.seconds
	if plain.delivered > 0 {
		v["churn_ratio"] = v["deliveries_per_second"] / v["plain_deliveries_per_second"]
	}
	v["changes_per_second"] = float64(changes) / churned.seconds
	if err := r.drain(b); err != nil {
		return err
	}
	if err := c.empty(r); err != nil {
		return err
	}
	r.result.Latency = b.latency.Percentiles()
	return errors.Join(r.account(b), c.account(r))
}

type churning struct {
	room     *load.Group
	churners []*churner
	next     float64 // when the next change is due
	turn     int
	changes  int
}

func (r *run) newChurn(clients []*load.Client, room *load.Group) *churning {
	c := &churning{room: room, next: float64(r.loop.Now())}
	for _, client := range clients {
		ch := &churner{client: client}
		client.OnAck = func([]byte) {
			ch.waiting = false
			c.changes++
			if ch.member = !ch.member; ch.member {
				ch.sentAtJoined = room.Sent
				return
			}
			ch.least += max(ch.doneAtLeave-ch.sentAtJoined, 0)
			ch.most += room.Sent - ch.doneAtJoin
		}
		c.churners = append(c.churners, ch)
	}
	return c
}

// step makes the changes that are due and returns when the next one is.
func (c *churning) step(now int64) int64 {
	for int64(c.next) <= now {
		c.next += 1e9 / churnRate
		ch := c.churners[c.turn%len(c.churners)]
		c.turn++
		if !ch.waiting {
			c.change(ch)
		}
	}
	return int64(c.next)
}

// stop has everybody leave and makes no other changes.
func (c *churning) stop(now int64) int64 {
	for _, ch := range c.churners {
		if ch.member && !ch.waiting {
			c.change(ch)
		}
	}
	return now + int64(10*time.Millisecond)
}

// empty waits until everybody has left.
func (c *churning) empty(r *run) error {
	end := r.loop.Now() + int64(drainFor)
	return r.loop.Run(r.ctx, func() (int64, bool) {
		now := r.loop.Now()
		wake := c.stop(now)
		inside := slices.ContainsFunc(c.churners, func(ch *churner) bool { return ch.member || ch.waiting })
		return wake, inside && now < end
	})
}

func (c *churning) change(ch *churner) {
	ch.waiting = true
	if ch.member {
		ch.doneAtLeave = c.room.Done
		ch.client.SendText([]byte(`422["leave","churn"]`))
		return
	}
	ch.doneAtJoin = c.room.Done
	ch.client.SendText([]byte(`421["join","churn"]`))
}

// account adds the least that the churners were owed. It is an error if one received more than the most.
func (c *churning) account(r *run) error {
	var faults error
	for _, ch := range c.churners {
		if ch.waiting || ch.member {
			return fmt.Errorf("client %d waits for the answer to its join or leave", ch.client.ID)
		}
		r.result.Owed += ch.least
		r.result.Missing += max(ch.least-ch.client.Received, 0)
		if ch.client.Received > ch.most && faults == nil {
			faults = fmt.Errorf("client %d received %d messages; while it was in the room there were %d",
				ch.client.ID, ch.client.Received, ch.most)
		}
	}
	return faults
}
