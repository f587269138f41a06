//go:build linux

package main

// All clients at once: how fast they connect, what they take, when the last has a broadcast, their rooms, and what
// happens to those whose node is killed.

import (
	"context"
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
)

const (
	perRoom  = 15
	allNodes = 5
)

// A crowd is what all clients of a fleet were measured with.
type crowd struct {
	clients    int
	connecting time.Duration
	memory     int64 // of all nodes, for each client, in bytes
	broadcasts deliveries
	lasts      []time.Duration // until the last client had each broadcast
	broadcast  spent           // of all broadcasts
	rooms      chatter
}

// deliveries are what clients were owed, and what they got.
type deliveries struct {
	owed, received int64
	faults         int64 // twice, or out of order
}

func (d deliveries) missing() int64 { return d.owed - d.received }

// chatter is what many rooms were measured with.
type chatter struct {
	deliveries
	rate     float64 // messages per second
	took     time.Duration
	p50, p99 time.Duration
	late     time.Duration // p99 of how late the load itself was
	spent    spent
}

// settle is how long a fleet is left alone before its memory is read.
const settle = 2 * time.Second

// crowd connects all clients to the nodes of the fleet, in their rooms, and has each broadcast reach them.
func (f *fleet) crowd(ctx context.Context, clients, broadcasts int, recovers bool) (*crowd, error) {
	c := &crowd{clients: clients}
	before, err := f.memory()
	if err != nil {
		return nil, err
	}
	if c.connecting, err = f.connect(ctx, clients, perRoom, "room", recovers); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := f.idle(ctx, settle); err != nil {
		return nil, err
	}
	after, err := f.memory()
	if err != nil {
		return nil, err
	}
	c.memory = (after - before) / int64(clients)
	from, err := f.spent()
	if err != nil {
		return nil, err
	}
	for number := range broadcasts {
		speaker := number % len(f.nodes) // a client of each node in turn
		last, d, err := f.broadcast(ctx, int64(number), speaker)
		if err != nil {
			return nil, fmt.Errorf("broadcast: %w", err)
		}
		c.lasts = append(c.lasts, last)
		c.broadcasts.add(d)
	}
	to, err := f.spent()
	c.broadcast = to.since(from)
	return c, err
}

func (d *deliveries) add(other deliveries) {
	d.owed += other.owed
	d.received += other.received
	d.faults += other.faults
}

// idle has the clients answer their heartbeats, and nothing else.
func (f *fleet) idle(ctx context.Context, d time.Duration) error {
	_, err := each[listening, listened](ctx, f.workers, "listen", func(int, *child) listening { return listening{d} })
	return err
}

// broadcast has a client say something to all, and waits until the last has it.
func (f *fleet) broadcast(
	ctx context.Context, number int64, speaker int,
) (last time.Duration, d deliveries, err error) {
	results, err := each[hearing, heard](ctx, f.workers, "hear", func(i int, _ *child) hearing {
		if i > 0 {
			return hearing{number, -1}
		}
		return hearing{number, speaker}
	})
	if err != nil {
		return 0, d, err
	}
	said := results[0].Said
	for i, r := range results {
		d.owed += int64(f.workers[i].count)
		d.received += int64(r.Received)
		d.faults += int64(r.Faults)
		last = max(last, time.Duration(r.Last-said))
	}
	return last, d, nil
}

// chat has all rooms talk, so many messages a second together.
func (f *fleet) chat(ctx context.Context, rate float64, d time.Duration, room string) (c chatter, err error) {
	c.rate, c.took = rate, d
	clients := 0
	for _, w := range f.workers {
		clients += w.count
	}
	from, err := f.spent()
	if err != nil {
		return c, err
	}
	results, err := each[talking, talked](ctx, f.workers, "talk", func(_ int, w *child) talking {
		return talking{Room: room, First: w.first, Rate: rate * float64(w.count) / float64(clients), For: d}
	})
	if err != nil {
		return c, fmt.Errorf("rooms: %w", err)
	}
	to, err := f.spent()
	if err != nil {
		return c, err
	}
	c.spent = to.since(from)
	latency, late := load.NewRecorder(), load.NewRecorder()
	for _, r := range results {
		c.add(deliveries{r.Owed, r.Owed - r.Missing, r.Faults})
		latency.Merge(r.Latency)
		late.Merge(r.Late)
	}
	c.p50, c.p99, c.late = quantile(latency, 50), quantile(latency, 99), quantile(late, 99)
	return c, nil
}

func quantile(r *load.Recorder, percentile float64) time.Duration {
	return time.Duration(r.Quantile(percentile) * 1e9)
}

// A rescue is what happened to the clients of a node that was killed.
type rescue struct {
	deliveries
	clients, resumed int
	back, caughtUp   time.Duration // from the kill, until the last one was; caughtUp of those that were resumed
}

const (
	rescueMessages = 12
	rescueKill     = 3 * time.Second // after the recovery's beginning
	// rescueRate is how many deliveries a second there are meanwhile, so that cores are left for those that come back.
	rescueRate = 30_000
)

// rescue kills the last node, while another says something to all from time to time.
func (f *fleet) rescue(ctx context.Context) (*rescue, error) {
	clients := 0
	for _, w := range f.workers {
		clients += w.count
	}
	speaker, err := startWorker(clients, 1)
	if err != nil {
		return nil, err
	}
	f.workers = append(f.workers, speaker)
	addrs := f.addrs()
	last := len(addrs) - 1
	killed := f.nodes[last]
	every := max(500*time.Millisecond, time.Duration(float64(clients)/rescueRate*float64(time.Second)))
	var joined connected
	err = speaker.do(ctx, "connect", connecting{
		First: clients, Count: 1, PerRoom: 1, Nodes: addrs[:1], Room: "speaker", Recovers: true,
	}, &joined)
	if err != nil {
		return nil, err
	}
	// One broadcast for the offset behind it, with which a session can be resumed.
	if _, _, err := f.broadcast(ctx, 0, 0); err != nil {
		return nil, err
	}
	kill := make(chan int64, 1)
	timer := time.AfterFunc(rescueKill, func() {
		kill <- now()
		killed.Stop() // which is SIGKILL
	})
	defer timer.Stop()
	results, err := each[recovering, recovered](ctx, f.workers, "recover", func(_ int, w *child) recovering {
		return recovering{
			Killed: killed.Addr(), Others: addrs[:last], Messages: rescueMessages, Every: every, Speaks: w == speaker,
		}
	})
	if err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	at := <-kill
	f.nodes = f.nodes[:last]
	r := new(rescue)
	for _, one := range results {
		r.add(deliveries{one.Owed, one.Received, one.Repeated})
		r.clients += one.Clients
		r.resumed += one.Resumed
		if one.Clients > 0 {
			r.back = max(r.back, time.Duration(one.Back-at))
		}
		if one.Resumed > 0 {
			r.caughtUp = max(r.caughtUp, time.Duration(one.CaughtUp-at))
		}
	}
	return r, nil
}
