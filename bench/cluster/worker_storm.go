//go:build linux

package main

// A storm of joins, each of a room that there was not before, or of the leaves that end those rooms.

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
)

// storming is a command: the clients in turn join, or leave, the rooms numbered from First, so many a second.
type storming struct {
	Event string // join or leave
	First int
	Rate  float64
	For   time.Duration
}

// stormed is what came of it. Ack is from the moment at which a request was due to its acknowledgement, Late from then
// until it was sent.
type stormed struct {
	Sent, Acked int
	Ended       int64 // when the last acknowledgement came, on the machine's clock
	Ack, Late   *hdrhistogram.Snapshot
}

// stormRoom is the name of a room of a storm.
func stormRoom(number int) string { return "storm" + strconv.Itoa(number) }

func (w *worker) storm(ctx context.Context, s storming) (r stormed, err error) {
	ack, late := load.NewRecorder(), load.NewRecorder()
	began := w.loop.Now()
	end := began + int64(s.For)
	ack.From, ack.Until, late.From, late.Until = began, end, began, end
	due := func(i int) int64 { return began + int64(float64(i)*1e9/s.Rate) }
	for _, c := range w.clients {
		c.OnAck = func(head []byte) {
			i, ok := ackID(head)
			if i -= s.First; ok && i >= 0 && i < r.Sent {
				r.Acked++
				r.Ended = w.at(w.loop.Arrived())
				ack.Record(due(i), w.loop.Arrived())
			}
		}
	}
	latest, acked := began, 0
	var text []byte
	err = w.loop.Run(ctx, func() (int64, bool) {
		now := w.loop.Now()
		for ; due(r.Sent) <= now && due(r.Sent) < end; r.Sent++ {
			number := s.First + r.Sent
			late.Record(due(r.Sent), now)
			text = fmt.Appendf(text[:0], `42%d["%s","%s"]`, number, s.Event, stormRoom(number))
			w.clients[number%len(w.clients)].SendText(text)
		}
		if r.Acked != acked {
			latest, acked = now, r.Acked
		}
		more := now < end || r.Acked < r.Sent && now-latest < int64(giveUp)
		return min(max(due(r.Sent), now), now+int64(20*time.Millisecond)), more
	})
	for _, c := range w.clients {
		c.OnAck = nil
	}
	r.Ack, r.Late = ack.Snapshot(), late.Snapshot()
	return r, err
}

// ackID is the number in "43123[true]".
func ackID(head []byte) (n int, ok bool) {
	for i := 2; i < len(head) && head[i] >= '0' && head[i] <= '9'; i++ {
		n, ok = n*10+int(head[i]-'0'), true
	}
	return n, ok
}

// reaching is a command: have clients of other nodes speak to the rooms of a storm, again and again, until the one
// that joined each has heard it.
type reaching struct{ Rooms []int }

// reached is how many have heard something, and when the last one first did, on the machine's clock.
type reached struct {
	Rooms int
	Last  int64
}

func (w *worker) reach(ctx context.Context, q reaching) (r reached, err error) {
	has := make(map[int]bool)
	wants := make(map[int]bool)
	for _, number := range q.Rooms {
		wants[number] = true
	}
	for _, c := range w.clients {
		c.OnStamp = func(number, _, arrived int64) {
			if n := int(number); wants[n] && !has[n] {
				has[n] = true
				r.Rooms++
				r.Last = w.at(arrived)
			}
		}
	}
	const every = 50 * time.Millisecond
	next, end := w.loop.Now(), w.loop.Now()+int64(giveUp)
	err = w.loop.Run(ctx, func() (int64, bool) {
		now := w.loop.Now()
		if now >= next {
			for _, number := range q.Rooms {
				if !has[number] {
					m := load.Text(`42["say",{"room":"`+stormRoom(number)+`","text":"`, textSize, `"}]`)
					w.clients[(number+1)%len(w.clients)].Send(m, int64(number), now)
				}
			}
			next = now + int64(every)
		}
		return next, r.Rooms < len(q.Rooms) && now < end
	})
	for _, c := range w.clients {
		c.OnStamp = nil
	}
	return r, err
}
