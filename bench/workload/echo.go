//go:build linux

package workload

// Requests with an acknowledgement, over WebSocket and by polling; and the chat's room by polling.

import (
	"errors"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// echo has each client send a text and wait for it to come back, one at a time.
func echo(clients int, polling bool) func(*run) error {
	return func(r *run) error {
		addr, err := r.start(peer.Options{Extra: true})
		if err != nil {
			return err
		}
		connected, err := r.connect(0, clients, load.Spec{Addr: addr, Protocol: r.peer.Protocol, Polling: polling})
		if err != nil {
			return err
		}
		e := newEchoes(r.loop, connected)
		if err := r.echoFor(e, r.Warm); err != nil {
			return err
		}
		s, err := r.begin()
		if err != nil {
			return err
		}
		e.latency.From, e.latency.Until = s.at, s.at+int64(r.Measure)
		before := e.answered
		if err := r.echoFor(e, r.Measure); err != nil {
			return err
		}
		if err := r.end(s); err != nil {
			return err
		}
		echoes := float64(e.answered - before)
		r.spent(s, len(r.Server))
		r.result.Values["echoes_per_second"] = echoes / s.seconds
		r.each("cpu_per_echo", s, echoes)
		err = e.finish(r)
		r.result.Latency = e.latency.Percentiles()
		r.result.Owed, r.result.Missing = e.sent, e.sent-e.answered
		return err
	}
}

// echoes are the requests in flight, one for each client.
type echoes struct {
	loop           *load.Loop
	clients        []*load.Client
	message        *load.Message
	latency        *load.Recorder
	due            []*load.Client // clients that may send again
	seq            map[*load.Client]int64
	sent, answered int64
	wrong          error
}

func newEchoes(loop *load.Loop, clients []*load.Client) *echoes {
	e := &echoes{
		loop: loop, clients: clients, latency: load.NewRecorder(), seq: make(map[*load.Client]int64, len(clients)),
		message: load.Text(`421["echo",{"text":"`, textSize, `"}]`),
	}
	for _, c := range clients {
		e.due = append(e.due, c)
		c.OnAck = func(head []byte) {
			seq, at, ok := load.FindStamp(head)
			if !ok || seq != e.seq[c] {
				e.wrong = errors.New("an acknowledgement is not the answer to the last request")
			}
			e.answered++
			e.seq[c]++
			e.latency.Record(at, loop.Arrived())
			e.due = append(e.due, c)
		}
	}
	return e
}

func (r *run) echoFor(e *echoes, d time.Duration) error {
	end := r.loop.Now() + int64(d)
	err := r.loop.Run(r.ctx, func() (int64, bool) {
		now := r.loop.Now()
		if now >= end || e.wrong != nil || r.loop.Lost > 0 {
			return 0, false
		}
		for _, c := range e.due {
			c.Send(e.message, e.seq[c], now)
			e.sent++
		}
		e.due = e.due[:0]
		return end, true
	})
	return errors.Join(err, e.wrong, load.FirstLost(e.clients))
}

// finish waits for the last answers.
func (e *echoes) finish(r *run) error {
	end := r.loop.Now() + int64(drainFor)
	err := r.loop.Run(r.ctx, func() (int64, bool) {
		return end, e.answered < e.sent && e.wrong == nil && r.loop.Now() < end
	})
	return errors.Join(err, e.wrong)
}

// pollingFanout is the chat's room with clients that all use long-polling.
func pollingFanout(clients int, window int64) func(*run) error {
	return func(r *run) error {
		addr, err := r.start(peer.Options{})
		if err != nil {
			return err
		}
		spec := r.chat(addr)
		spec.Polling = true
		connected, err := r.connect(0, clients, spec)
		if err != nil {
			return err
		}
		return r.measure(r.oneRoom(connected, r.chatMessage(textSize), window, 0))
	}
}
