//go:build linux

package main

// What a worker's clients say in their rooms, and what they hear of others.

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
)

const textSize = 64 // bytes of each message

// talking is a command: in each room in turn its speaker says something, so many messages a second over all rooms.
type talking struct {
	Room  string // how their names begin
	First int    // the number of the first client
	Rate  float64
	For   time.Duration
}

// talked is what came of it. Owed and Missing are deliveries. Faults are those that came twice or out of order.
type talked struct {
	Owed, Missing, Faults int64
	Latency, Late         *hdrhistogram.Snapshot
}

func (w *worker) talk(ctx context.Context, t talking) (r talked, err error) {
	latency, late := load.NewRecorder(), load.NewRecorder()
	var messages []*load.Message
	for i, g := range w.groups {
		room := fmt.Sprintf("%s%d", t.Room, t.First/len(w.groups[0].Members)+i)
		messages = append(messages, load.Text(`42["say",{"room":"`+room+`","text":"`, textSize, `"}]`))
		for _, c := range g.Members {
			c.Latency, c.Check = latency, true
			c.Expect(g.Sent)
		}
	}
	owed, missing, faults := w.owed(), w.missing(), w.faults()
	began := w.loop.Now()
	end := began + int64(t.For)
	latency.From, latency.Until, late.From, late.Until = began, end, began, end
	due, turn := float64(began), 0
	latest, delivered := began, w.loop.Delivered
	err = w.loop.Run(ctx, func() (int64, bool) {
		now := w.loop.Now()
		for ; int64(due) <= now && int64(due) < end; due += 1e9 / t.Rate {
			g := w.groups[turn%len(w.groups)]
			if !g.Full() {
				late.Record(int64(due), now)
				g.Send(g.Members[turn%len(w.groups)%len(g.Members)], messages[turn%len(w.groups)], int64(due))
			}
			turn++
		}
		if w.loop.Delivered != delivered {
			latest, delivered = now, w.loop.Delivered
		}
		more := now < end || w.missing() > missing && now-latest < int64(giveUp)
		return min(max(int64(due), now), now+int64(20*time.Millisecond)), more
	})
	for _, c := range w.clients {
		c.Latency, c.Check = nil, false
	}
	r.Owed, r.Missing = w.owed()-owed, w.missing()-missing
	r.Faults = w.faults() - faults
	r.Latency, r.Late = latency.Snapshot(), late.Snapshot()
	return r, err
}

func (w *worker) owed() (n int64) {
	for _, g := range w.groups {
		n += g.Owed()
	}
	return n
}

func (w *worker) missing() (n int64) {
	for _, g := range w.groups {
		n += g.Missing()
	}
	return n
}

// faults counts broadcasts to all, too, of which the rooms know nothing.
func (w *worker) faults() (total int64) {
	for _, g := range w.groups {
		n, _ := g.Faults() // the error is about the first of them
		total += n
	}
	return total
}

// listening is a command: count what others say, for so long.
type listening struct{ For time.Duration }

// listened is how many messages have come, and how many of those between a client's first and last have not.
type listened struct{ Received, Missing int64 }

func (w *worker) listen(ctx context.Context, l listening) (r listened, err error) {
	for _, c := range w.clients {
		next := int64(-1)
		c.OnStamp = func(number, _, _ int64) {
			r.Received++
			if next >= 0 && number != next {
				r.Missing += max(number-next, 1)
			}
			next = number + 1
		}
	}
	err = w.loop.Sleep(ctx, l.For)
	for _, c := range w.clients {
		c.OnStamp = nil
	}
	return r, err
}
