//go:build linux

package main

// A message to a room of 1,000 clients on three nodes: sent by the API, and by an event of a client.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

const (
	clients = 1000
	nodes   = 3
	rate    = 20.0 // messages per second
	text    = `hello, this is a message of an ordinary length, for everybody here`
	patient = 5 * time.Second // with what is owed
)

// deliveries measures what one costs the three nodes together, both ways in turn.
func deliveries(ctx context.Context, p *peer.Peer, cores []int, rounds int, r *results, out io.Writer) error {
	redis, err := peer.StartRedis(ctx, cores[:1])
	if err != nil {
		return err
	}
	defer redis.Stop()
	var all []*node
	var specs []load.Spec
	for range nodes {
		n, err := start(ctx, p, redis.URL(), cores[1:2])
		if err != nil {
			return err
		}
		defer n.Stop()
		all = append(all, n)
		specs = append(specs, load.Spec{
			Addr: n.Addr(), Protocol: p.Protocol, Hello: `420["join","room"]`, Expect: `430[`,
		})
	}
	loop, err := load.NewLoop()
	if err != nil {
		return err
	}
	defer loop.Close()
	members, err := loop.Connect(ctx, 0, clients, specs...)
	if err != nil {
		return err
	}
	api, err := newSender(all[0].api)
	if err != nil {
		return err
	}
	defer api.close()
	room := &room{loop: loop, group: load.NewGroup(members), nodes: all}
	event := []byte(`42["say",{"room":"room","text":"` + text + `"}]`)
	ways := []struct {
		name string
		send func() error
	}{
		{"inside", func() error { members[0].SendText(event); return nil }},
		{"api", api.send},
	}
	if err := room.talk(ctx, warmFor*4, ways[0].send); err != nil {
		return err
	}
	for round := range rounds {
		for _, way := range ways {
			cost, err := room.measure(ctx, way.send)
			if err = errors.Join(err, api.failure()); err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			fmt.Fprintf(out, "%d %-30s %v of CPU a delivery\n", round+1, "a room message, "+way.name, cost)
			r.delivery(way.name, cost)
		}
	}
	return nil
}

// A room is the clients that get the messages, and the nodes that they are on.
type room struct {
	loop  *load.Loop
	group *load.Group
	nodes []*node
}

// talk has messages sent at the rate, and waits until all have come.
func (r *room) talk(ctx context.Context, d time.Duration, send func() error) error {
	end := r.loop.Now() + int64(d)
	next := float64(r.loop.Now())
	latest, delivered := r.loop.Now(), r.loop.Delivered
	var failed error
	err := r.loop.Run(ctx, func() (int64, bool) {
		now := r.loop.Now()
		for ; int64(next) <= now && now < end && failed == nil; next += 1e9 / rate {
			r.group.Owe()
			failed = send()
		}
		if r.loop.Delivered != delivered {
			latest, delivered = now, r.loop.Delivered
		}
		if failed != nil || r.loop.Lost > 0 || now-latest > int64(patient) {
			return 0, false
		}
		return min(int64(next), now+int64(20*time.Millisecond)), now < end || r.group.InFlight() > 0
	})
	if missing := r.group.Missing(); err == nil && failed == nil && (missing > 0 || r.loop.Lost > 0) {
		failed = fmt.Errorf("%d deliveries are missing, %d clients lost", missing, r.loop.Lost)
	}
	_, faults := r.group.Faults()
	return errors.Join(err, failed, faults)
}

// measure is talk, and what a delivery has cost the nodes together.
func (r *room) measure(ctx context.Context, send func() error) (time.Duration, error) {
	before, err := r.cpu()
	if err != nil {
		return 0, err
	}
	delivered := r.loop.Delivered
	if err := r.talk(ctx, measureFor, send); err != nil {
		return 0, err
	}
	after, err := r.cpu()
	return (after - before) / time.Duration(max(r.loop.Delivered-delivered, 1)), err
}

func (r *room) cpu() (total time.Duration, err error) {
	for _, n := range r.nodes {
		usage, err := n.Usage()
		if err != nil {
			return 0, err
		}
		total += usage.CPU
	}
	return total, nil
}

// A sender calls the API beside the loop, which must not wait.
type sender struct {
	due    chan struct{}
	ended  chan struct{}
	failed error // once ended is closed
	caller *caller
}

func newSender(addr string) (*sender, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	s := &sender{due: make(chan struct{}, 64), ended: make(chan struct{}), caller: c}
	const body = `{"event":"said","to":["room"],"args":[{"room":"room","text":"` + text + `"}]}`
	emission := &call{path: "/v1/emit", body: body}
	go func() {
		defer close(s.ended)
		for range s.due {
			if s.failed = s.caller.do(emission, 0); s.failed != nil {
				return
			}
		}
	}()
	return s, nil
}

// send has the next message sent.
func (s *sender) send() error {
	select {
	case s.due <- struct{}{}:
		return nil
	default:
		return errors.New("the API does not keep up")
	}
}

// failure is what has gone wrong so far.
func (s *sender) failure() error {
	select {
	case <-s.ended:
		return s.failed
	default:
		return nil
	}
}

func (s *sender) close() {
	close(s.due)
	<-s.ended
	s.caller.conn.Close()
}
