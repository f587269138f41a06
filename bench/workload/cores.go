//go:build linux

package workload

// One core compared with two. On a machine without a third core the load has to make room: it reads only a few clients
// promptly and sweeps all others from time to time, while the kernel discards and counts their bytes.

import (
	"errors"
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

const (
	promptEvery = 64 // one client in so many is read promptly; the window counts those
	coresWindow = 128
	sweepEvery  = 100 * time.Millisecond
	// lagLimit is how many messages the slowest of the others may be behind at a sweep. Beyond that, sending waits.
	lagLimit = 4 * coresWindow
	// giveUpAfter is how long nothing may arrive until messages must be lost: long, because server and load share a
	// core.
	giveUpAfter = 5 * time.Second
)

// cores measures the same broadcast with the server on one core, then on all. The load has one of these, and Redis too.
// What they take of it is counted out: scaling_alone is what the server would do with all cores to itself if it did as
// much with all of their time as with the rest.
func cores(r *run) error {
	v := r.result.Values
	others := 0.0 // cores
	for _, on := range [][]int{r.Server, r.AllCores} {
		s, err := r.sweptBroadcast(on)
		if err != nil {
			return fmt.Errorf("on cores %v: %w", on, err)
		}
		r.spent(s, len(on))
		if len(on) == len(r.Server) {
			v["one_core_deliveries_per_second"] = s.delivered / s.seconds
			v["one_core_server_cpu"], v["one_core_load_cpu"] = v["server_cpu"], v["load_cpu"]
			continue
		}
		v["deliveries_per_second"] = s.delivered / s.seconds
		r.each("cpu_per_delivery", s, s.delivered)
		others = (s.loadCPU + s.redisCPU) / s.seconds
	}
	if one := v["one_core_deliveries_per_second"]; one > 0 {
		v["scaling"] = v["deliveries_per_second"] / one
		all := float64(len(r.AllCores))
		v["scaling_alone"] = v["scaling"] * all / max(all-others, 1)
	}
	return nil
}

func (r *run) sweptBroadcast(on []int) (*span, error) {
	defer r.stop()
	addr, err := r.start(peer.Options{Cores: on})
	if err != nil {
		return nil, err
	}
	clients, err := r.connect(0, r.Clients, r.chat(addr))
	if err != nil {
		return nil, err
	}
	defer load.CloseAll(clients)
	b, others, err := r.parkMost(clients)
	if err != nil {
		return nil, err
	}
	w := &sweeper{loop: r.loop, others: others}
	if err := r.sendSwept(b, w, r.Warm); err != nil {
		return nil, err
	}
	s, err := r.begin()
	if err != nil {
		return nil, err
	}
	if err := r.sendSwept(b, w, r.Measure); err != nil {
		return nil, err
	}
	if err := w.sweep(); err != nil {
		return nil, err
	}
	if err := r.end(s); err != nil {
		return nil, err
	}
	// Sweep until what is owed has come.
	delivered, latest := r.loop.Delivered, r.loop.Now()
	err = r.loop.Run(r.ctx, func() (int64, bool) {
		now := r.loop.Now()
		failed := w.sweep()
		if r.loop.Delivered != delivered {
			delivered, latest = r.loop.Delivered, now
		}
		owing := b.groups[0].InFlight() > 0 || others.InFlight() > 0
		return now + int64(sweepEvery), failed == nil && owing && now-latest < int64(drainFor)
	})
	for _, c := range others.Members {
		err = errors.Join(err, c.Unpark())
		if err != nil {
			break
		}
	}
	b.groups = append(b.groups, others)
	return s, errors.Join(err, r.account(b))
}

// parkMost sends one message to everybody, to learn its length, and then parks all but a few clients.
func (r *run) parkMost(clients []*load.Client) (*broadcast, *load.Group, error) {
	m := r.chatMessage(textSize)
	all := r.oneRoom(clients, m, 1, 0)
	all.groups[0].Send(clients[0], m, r.loop.Now())
	if err := r.drain(all); err != nil {
		return nil, nil, err
	}
	if missing := all.groups[0].Missing(); missing > 0 {
		return nil, nil, fmt.Errorf("%d clients did not receive the first message", missing)
	}
	var prompt, parked []*load.Client
	for i, c := range clients {
		if i%promptEvery == 0 {
			prompt = append(prompt, c)
			continue
		}
		if err := c.Park(clients[0].MessageSize()); err != nil {
			return nil, nil, err
		}
		parked = append(parked, c)
	}
	for _, c := range clients {
		c.Expect(0)
	}
	return r.oneRoom(prompt, m, coresWindow, 0), load.NewGroup(parked), nil
}

// A sweeper empties the parked clients from time to time.
type sweeper struct {
	loop   *load.Loop
	others *load.Group
	next   int64
}

func (w *sweeper) sweep() error {
	w.next = w.loop.Now() + int64(sweepEvery)
	for _, c := range w.others.Members {
		if err := c.Sweep(); err != nil {
			return err
		}
	}
	return nil
}

// sendSwept keeps the window full and sweeps. It does not send while the slowest parked client is too far behind.
func (r *run) sendSwept(b *broadcast, w *sweeper, d time.Duration) error {
	prompt, others := b.groups[0], w.others
	end := r.loop.Now() + int64(d)
	latest := r.loop.Now()
	behind := false
	var failed error
	err := r.loop.Run(r.ctx, func() (int64, bool) {
		now := r.loop.Now()
		if now >= w.next || behind {
			delivered := r.loop.Delivered
			failed = w.sweep()
			behind = others.InFlight() > lagLimit
			if r.loop.Delivered != delivered {
				latest = now
			}
		}
		if now-latest > int64(giveUpAfter) {
			failed = fmt.Errorf("no delivery for %v, with %d messages in flight to those who read and %d to the others",
				giveUpAfter, prompt.InFlight(), others.InFlight())
		}
		for !behind && prompt.InFlight() < b.window && !others.Full() {
			prompt.Send(b.senders[0], b.messages[0], now)
			others.Owe()
		}
		wake := min(end, w.next)
		if behind {
			wake = min(wake, now+int64(time.Millisecond))
		}
		return wake, now < end && failed == nil && r.loop.Lost == b.lost
	})
	if r.loop.Lost > b.lost {
		err = errors.Join(err, b.firstLost())
	}
	return errors.Join(err, failed)
}
