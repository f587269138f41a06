//go:build linux

package main

// The clients: they begin by polling at one node and upgrade at another, as behind a balancer.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// said is what is said, 100 bytes long as JSON.
var said = `42["messages",{"nickname":"n","message":"` + strings.Repeat("x", 70) + `"}]`

type crowd struct {
	clients    []*wire.WebSocket
	registered atomic.Int64
	heard      atomic.Int64
	sent       int64
	lost       atomic.Pointer[error]
	leaving    atomic.Bool
	reading    sync.WaitGroup
}

// gather connects n clients.
func gather(ctx context.Context, n int, owner, via string) (*crowd, error) {
	g := &crowd{clients: make([]*wire.WebSocket, n)}
	var all sync.WaitGroup
	places := make(chan struct{}, 16)
	for i := range g.clients {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			ws, err := connect(owner, via)
			if err != nil {
				g.lose(err)
				return
			}
			g.clients[i] = ws
			g.reading.Go(func() { g.read(ws) })
		})
	}
	all.Wait()
	err := g.await(ctx, &g.registered, int64(n))
	if err != nil {
		g.leave()
	}
	return g, err
}

func connect(owner, via string) (*wire.WebSocket, error) {
	sid, err := wire.OpenSession(owner, patience)
	if err != nil {
		return nil, err
	}
	target := wire.NewPolling + "&sid=" + sid
	if _, err := wire.Post(owner, target, "40", patience); err != nil {
		return nil, err
	}
	if _, err := wire.Get(owner, target, patience); err != nil { // the connection to the namespace
		return nil, err
	}
	ws, err := wire.DialWebSocket(via, wire.NewSocket+"&sid="+sid)
	if err != nil {
		return nil, err
	}
	if err := ws.SendText("2probe"); err != nil {
		return nil, err
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err != nil || string(f.Payload) != "3probe" {
		return nil, fmt.Errorf("probe: %q %w", f.Payload, err)
	}
	ws.SetReadDeadline(time.Time{})
	return ws, errors.Join(ws.SendText("5"), ws.SendText(`42["registrar"]`))
}

func (g *crowd) read(ws *wire.WebSocket) {
	for {
		f, err := ws.ReadFrame()
		switch {
		case err != nil:
			g.lose(err)
			return
		case strings.HasPrefix(string(f.Payload), `42["messages"`):
			g.heard.Add(1)
		case strings.HasPrefix(string(f.Payload), `42["registrado"`):
			g.registered.Add(1)
		}
	}
}

func (g *crowd) lose(err error) {
	if !g.leaving.Load() {
		g.lost.Store(&err)
	}
}

// await waits until a count is reached.
func (g *crowd) await(ctx context.Context, count *atomic.Int64, want int64) error {
	for deadline := time.Now().Add(patience); count.Load() < want; time.Sleep(200 * time.Microsecond) {
		if err := g.lost.Load(); err != nil {
			return *err
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("%d of %d", count.Load(), want)
		}
	}
	return nil
}

func (g *crowd) say() error {
	g.sent += int64(len(g.clients))
	return g.clients[0].SendText(said)
}

// paced says something so many times in a second.
func (g *crowd) paced(ctx context.Context, rate int, last time.Duration) (n int, err error) {
	pause := time.Second / time.Duration(rate)
	for began := time.Now(); n < int(last/pause) && err == nil; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * pause)))
		err = g.say()
	}
	return n, errors.Join(err, g.await(ctx, &g.heard, g.sent))
}

// inFlight says something as soon as less than 16 messages have not been heard by everybody.
func (g *crowd) inFlight(ctx context.Context, last time.Duration) (n int, err error) {
	for end := time.Now().Add(last); time.Now().Before(end) && err == nil; n++ {
		err = errors.Join(g.say(), g.await(ctx, &g.heard, g.sent-15*int64(len(g.clients))))
	}
	return n, errors.Join(err, g.await(ctx, &g.heard, g.sent))
}

func (g *crowd) leave() {
	g.leaving.Store(true)
	for _, ws := range g.clients {
		if ws != nil {
			ws.Close()
		}
	}
	g.reading.Wait()
}
