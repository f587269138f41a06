//go:build linux

package main

// A worker: a process with a share of the clients, as one process may have 20,000 files. It does what the harness says
// on its standard input, one command after the other, and answers on its standard output.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A call is a command to a worker.
type call struct {
	Do   string
	Args json.RawMessage
}

// An answer is what a worker says when it has done that.
type answer struct {
	Error  string
	Result json.RawMessage
	CPU    time.Duration // of this worker, so far
}

// giveUp is how long a worker waits for what is owed while nothing comes.
const giveUp = 10 * time.Second

// A worker has clients of its own loop, whose clock begins at epoch on the machine's.
type worker struct {
	loop    *load.Loop
	epoch   int64
	clients []*load.Client
	groups  []*load.Group
	members []*member
}

// runWorker obeys until its input ends.
func runWorker(ctx context.Context, in io.Reader, out io.Writer) error {
	loop, err := load.NewLoop()
	if err != nil {
		return err
	}
	defer loop.Close()
	w := &worker{loop: loop, epoch: now() - loop.Now()}
	commands, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var c call
		if err := commands.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		result, err := w.obey(ctx, c)
		if err == nil {
			a.Result, err = json.Marshal(result)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if a.CPU, err = load.OwnCPU(); err != nil {
			return err
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

// now is the machine's clock, in nanoseconds, which all workers share.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // there is no Linux without it
	}
	return ts.Nano()
}

// at is a time of the loop on the machine's clock.
func (w *worker) at(t int64) int64 { return w.epoch + t }

// obey does one command.
func (w *worker) obey(ctx context.Context, c call) (any, error) {
	switch c.Do {
	case "connect":
		return do(ctx, c, w.connect)
	case "hear":
		return do(ctx, c, w.hear)
	case "talk":
		return do(ctx, c, w.talk)
	case "storm":
		return do(ctx, c, w.storm)
	case "reach":
		return do(ctx, c, w.reach)
	case "listen":
		return do(ctx, c, w.listen)
	case "recover":
		return do(ctx, c, w.recover)
	case "leave":
		load.CloseAll(w.clients)
		w.clients, w.groups, w.members = nil, nil, nil
		return nil, nil
	}
	return nil, fmt.Errorf("there is no command %q", c.Do)
}

func do[A, R any](ctx context.Context, c call, f func(context.Context, A) (R, error)) (any, error) {
	var args A
	if err := json.Unmarshal(c.Args, &args); err != nil {
		return nil, err
	}
	return f(ctx, args)
}

// connecting is a command: connect clients, numbered from First over all workers. The clients take the nodes in turn.
// Each joins a room with the PerRoom clients that have its number divided by that.
type connecting struct {
	First, Count, PerRoom int
	Nodes                 []string
	Room                  string // how the rooms' names begin
	Recovers              bool   // the clients keep what they need to resume their session
}

// connected is when the last of them was ready, on the machine's clock.
type connected struct{ At int64 }

func (w *worker) connect(ctx context.Context, c connecting) (connected, error) {
	specs := make([]load.Spec, c.Count)
	w.members = nil
	for i := range specs {
		id := c.First + i
		specs[i] = load.Spec{
			Addr: c.Nodes[id%len(c.Nodes)], Protocol: peer.SocketIO, Expect: `430[`,
			Hello: fmt.Sprintf(`420["join","%s%d"]`, c.Room, id/c.PerRoom),
		}
		if c.Recovers {
			m := &member{node: specs[i].Addr}
			specs[i].OnPacket = m.packet
			w.members = append(w.members, m)
		}
	}
	clients, err := w.loop.Connect(ctx, c.First, c.Count, specs...)
	if err != nil {
		return connected{}, err
	}
	w.clients, w.groups = clients, nil
	for i, m := range w.members {
		m.client = clients[i]
	}
	if c.PerRoom > 1 {
		for at := 0; at < len(clients); at += c.PerRoom {
			w.groups = append(w.groups, load.NewGroup(clients[at:min(at+c.PerRoom, len(clients))]))
		}
	}
	var last int64
	for _, client := range clients {
		last = max(last, client.ReadyAt)
	}
	return connected{w.at(last)}, nil
}

// hearing is a command: hear one broadcast to all, with this number. The worker whose client says it waits a moment
// until the others listen.
type hearing struct {
	Number  int64
	Speaker int // a client of this worker, or -1
}

// heard is how many clients have heard the broadcast, when it was said and when the last one had it, on the machine's
// clock; and how many got it twice, or another.
type heard struct {
	Received, Faults int
	Said, Last       int64
}

// untilAllListen is how long it takes at most until all workers have read a command.
const untilAllListen = 100 * time.Millisecond

func (w *worker) hear(ctx context.Context, h hearing) (r heard, err error) {
	has := make([]bool, len(w.clients))
	for i, c := range w.clients {
		c.OnStamp = func(number, _, arrived int64) {
			if number != h.Number || has[i] {
				r.Faults++
				return
			}
			has[i] = true
			r.Received++
			r.Last = w.at(arrived)
		}
	}
	defer func() {
		for _, c := range w.clients {
			c.OnStamp = nil
		}
	}()
	latest, seen := w.loop.Now(), 0
	due := latest + int64(untilAllListen)
	message := load.Text(`42["shout","`, textSize, `"]`)
	err = w.loop.Run(ctx, func() (int64, bool) {
		t := w.loop.Now()
		if h.Speaker >= 0 && r.Said == 0 && t >= due {
			t = w.loop.Now()
			r.Said = w.at(t)
			w.clients[h.Speaker].Send(message, h.Number, t)
		}
		if r.Received != seen {
			latest, seen = t, r.Received
		}
		wake := t + int64(50*time.Millisecond)
		if r.Said == 0 && h.Speaker >= 0 {
			wake = due
		}
		return wake, r.Received < len(w.clients)-w.loop.Lost && t-latest < int64(giveUp)
	})
	return r, err
}
