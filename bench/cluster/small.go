//go:build linux

package main

// What takes some clients only: storms of joins, traffic that is none of a node's business, and the cost of more nodes.

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
)

// stormers are the clients of a storm; a room of each join has one of them.
const stormers = 1000

// A storm is the joins of new rooms at one rate, and then their leaves.
type storm struct {
	rate        float64
	join, leave hail
	// sampled rooms were spoken to by clients of other nodes when the last join was acknowledged, and reached heard it,
	// the last of them behind so long.
	sampled, reached int
	behind           time.Duration
}

// hail is one half of a storm.
type hail struct {
	sent, acked int
	p50, p99    time.Duration // from when a request was due to its acknowledgement
	late        time.Duration // p99 of how late the load itself was
	took        time.Duration
	spent       spent
}

// sampledRooms are the last rooms of a storm, of which is found out when they are reached.
const sampledRooms = 100

// storms has new rooms joined and left, at each rate in turn. It ends at the first rate that is too much.
func (f *fleet) storms(ctx context.Context, rates []float64, d time.Duration) (all []storm, err error) {
	if _, err := f.connect(ctx, stormers, 1, "own", false); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := f.idle(ctx, settle/2); err != nil {
		return nil, err
	}
	first := 0
	if _, err := f.hail(ctx, "join", first, min(rates[0], 1000), time.Second); err != nil { // to warm up
		return nil, err
	}
	first += int(rates[0])
	for _, rate := range rates {
		s := storm{rate: rate}
		if s.join, err = f.hail(ctx, "join", first, rate, d); err != nil {
			return all, err
		}
		q := reaching{}
		for i := range min(sampledRooms, s.join.sent) {
			q.Rooms = append(q.Rooms, first+s.join.sent-1-i)
		}
		s.sampled = len(q.Rooms)
		began := now()
		var r reached
		if err := f.workers[0].do(ctx, "reach", q, &r); err != nil {
			return all, err
		}
		if s.reached = r.Rooms; r.Rooms > 0 {
			s.behind = time.Duration(r.Last - began)
		}
		if s.leave, err = f.hail(ctx, "leave", first, rate, d); err != nil {
			return all, err
		}
		first += s.join.sent
		all = append(all, s)
		if s.join.acked < s.join.sent || s.join.p99 > time.Second {
			break
		}
		if err := f.idle(ctx, settle/2); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (f *fleet) hail(ctx context.Context, event string, first int, rate float64, d time.Duration) (h hail, err error) {
	from, err := f.spent()
	if err != nil {
		return h, err
	}
	began := now()
	var r stormed
	if err := f.workers[0].do(ctx, "storm", storming{event, first, rate, d}, &r); err != nil {
		return h, fmt.Errorf("%s: %w", event, err)
	}
	to, err := f.spent()
	if err != nil {
		return h, err
	}
	ack, late := load.NewRecorder(), load.NewRecorder()
	ack.Merge(r.Ack)
	late.Merge(r.Late)
	h = hail{
		sent: r.Sent, acked: r.Acked, p50: quantile(ack, 50), p99: quantile(ack, 99), late: quantile(late, 99),
		took: time.Duration(now() - began), spent: to.since(from),
	}
	return h, nil
}

// A bystander is a node that hears, or does not hear, what others say in rooms that have no member there.
type bystander struct {
	rate, idle, busy float64 // messages per second; cores, without them and with
	spent            spent   // of all, in a second
	deliveries
}

// foreignRooms is how many rooms the talking node speaks to, as in node/main.go.
const foreignRooms = 100

// bystander starts a node of the fleet's kind beside two of ours that speak its protocol: one that says something to
// rooms, and one that has a client in each of these.
func (f *fleet) bystander(ctx context.Context, rate int, d time.Duration) (*bystander, error) {
	ours := f.kind
	ours.node = false
	if err := f.add(ctx, ours, false); err != nil {
		return nil, err
	}
	if _, err := f.connect(ctx, foreignRooms, 1, "foreign", false); err != nil {
		return nil, err
	}
	if err := f.add(ctx, f.kind, false); err != nil {
		return nil, err
	}
	by := f.nodes[1]
	idlers, err := startWorker(foreignRooms, foreignRooms)
	if err != nil {
		return nil, err
	}
	f.workers = append(f.workers, idlers)
	var joined connected
	err = idlers.do(ctx, "connect", connecting{
		First: foreignRooms, Count: foreignRooms, PerRoom: 1, Nodes: []string{by.Addr()}, Room: "bystander",
	}, &joined)
	if err != nil {
		return nil, err
	}
	b := new(bystander)
	if err := f.idle(ctx, settle/2); err != nil {
		return nil, err
	}
	if b.idle, _, err = f.share(ctx, by, d, nil); err != nil {
		return nil, err
	}
	if err := f.add(ctx, ours, false, "TALK="+strconv.Itoa(rate)); err != nil {
		return nil, err
	}
	if err := f.idle(ctx, settle/2); err != nil {
		return nil, err
	}
	from, err := f.spent()
	if err != nil {
		return nil, err
	}
	if b.busy, b.rate, err = f.share(ctx, by, d, &b.deliveries); err != nil {
		return nil, err
	}
	to, err := f.spent()
	b.spent = to.since(from)
	return b, err
}

// share is how much of a core a node uses meanwhile, and how many messages come in a second.
func (f *fleet) share(
	ctx context.Context, node interface{ Addr() string }, d time.Duration, to *deliveries,
) (cores, rate float64, err error) {
	before, err := f.usageOf(node.Addr())
	if err != nil {
		return 0, 0, err
	}
	listen := func(int, *child) listening { return listening{d} }
	results, err := each[listening, listened](ctx, f.workers, "listen", listen)
	if err != nil {
		return 0, 0, err
	}
	after, err := f.usageOf(node.Addr())
	if err != nil {
		return 0, 0, err
	}
	took := after.At.Sub(before.At).Seconds()
	for _, r := range results {
		rate += float64(r.Received) / took
		if to != nil {
			to.add(deliveries{owed: r.Received + r.Missing, received: r.Received})
		}
	}
	return (after.CPU - before.CPU).Seconds() / took, rate, nil
}

// A step is a constant load on so many nodes.
type step struct {
	nodes int
	chatter
}

const (
	stepClients = 1500
	stepRate    = 1000.0 // messages a second to rooms of 15
)

// step has the same clients talk at the same rate, on all nodes of the fleet.
func (f *fleet) step(ctx context.Context, d time.Duration) (s step, err error) {
	s.nodes = len(f.nodes)
	if _, err := f.connect(ctx, stepClients, perRoom, "step", false); err != nil {
		return s, fmt.Errorf("connect: %w", err)
	}
	if err := f.idle(ctx, settle/2); err != nil {
		return s, err
	}
	if _, err := f.chat(ctx, stepRate, time.Second, "step"); err != nil { // to warm up
		return s, err
	}
	s.chatter, err = f.chat(ctx, stepRate, d, "step")
	return s, err
}
