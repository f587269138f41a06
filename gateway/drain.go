package gateway

// How a node leaves a running cluster. First it says that it wants no more clients, while everything still works, so
// that balancers can notice. Then it lets its clients go, spread over a while, so that the other nodes can take them.

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrInterrupted is for the cause of the end of Run's context. It has all clients let go at once: somebody at a
// terminal waits, and no balancer.
var ErrInterrupted = errors.New("gateway: interrupted")

// A drainState is what /readyz says of a node that is being stopped.
type drainState struct {
	// Stage is "waiting" for balancers to notice, "closing" while clients are let go, or "stopping" while the rest is
	// closed.
	Stage    string `json:"stage"`
	Since    string `json:"since"`    // when the stage began, RFC 3339
	Sessions int    `json:"sessions"` // that are still there
	// Tunnels are WebSocket connections that lead through this node to sessions of others.
	Tunnels int `json:"tunnels"`
}

const (
	stageWaiting  = "waiting"
	stageClosing  = "closing"
	stageStopping = "stopping"
)

// progressEvery is how often a long drain logs how many clients are left.
const progressEvery = 5 * time.Second

// drained is the state of the stop, nil before it begins.
func (g *Gateway) drained() *drainState {
	s := g.drainStage.Load()
	if s == nil {
		return nil
	}
	state := *s
	state.Sessions, state.Tunnels = g.io.Sessions(), g.tunnels()
	return &state
}

func (g *Gateway) enter(stage string) {
	g.drainStage.Store(&drainState{Stage: stage, Since: time.Now().UTC().Format(time.RFC3339Nano)})
}

// drain stops the gateway in at most DrainDelay + DrainWindow + ShutdownTimeout. failed gets a value when serving has
// ended, which cuts the delay short.
func (g *Gateway) drain(cause error, failed <-chan error) error {
	began := time.Now()
	delay, window := g.cfg.DrainDelay, g.cfg.DrainWindow
	if errors.Is(cause, ErrInterrupted) {
		delay, window = 0, 0
	}
	g.enter(stageWaiting)
	g.log.Info("stopping", "sessions", g.io.Sessions(), "tunnels", g.tunnels(),
		"delay", delay, "window", window, "timeout", g.cfg.ShutdownTimeout)
	var served error
	select {
	case served = <-failed:
	case <-time.After(delay):
	}
	g.enter(stageClosing)
	ctx, cancel := context.WithTimeout(context.Background(), window+g.cfg.ShutdownTimeout)
	defer cancel()
	there := g.io.Sessions()
	g.log.Info("letting clients go", "sessions", there, "tunnels", g.tunnels(), "window", window, "after", since(began))
	err := g.letGo(ctx, window)
	if left := g.io.Sessions(); err == nil {
		g.log.Info("all clients have left", "sessions", there, "after", since(began))
	} else {
		g.log.Warn("not every client left in time: the rest is cut",
			"sessions", left, "of", there, "after", since(began))
	}
	g.enter(stageStopping)
	err = g.stop(ctx)
	if served == nil {
		<-failed
	}
	return err
}

// letGo ends the sessions, and says now and then how many are left.
func (g *Gateway) letGo(ctx context.Context, window time.Duration) error {
	gone := make(chan error, 1)
	go func() {
		var others sync.WaitGroup
		others.Go(func() { g.drainForwarding(ctx, window) })
		err := g.io.Drain(ctx, window)
		others.Wait()
		gone <- err
	}()
	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for {
		select {
		case err := <-gone:
			return err
		case <-progress.C:
			g.log.Info("clients are leaving", "sessions", g.io.Sessions(), "tunnels", g.tunnels())
		}
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
