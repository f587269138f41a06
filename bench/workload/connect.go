//go:build linux

package workload

// Connecting: many at once, many that then stay idle, and the first one after the server's start.

import (
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// storm connects all clients at once. Each makes its WebSocket handshake, sends the Socket.IO CONNECT, and registers.
func storm(r *run) error {
	addr, err := r.start(peer.Options{})
	if err != nil {
		return err
	}
	// A few go first, so that one-time costs are not measured.
	first, err := r.connect(0, 20, r.chat(addr))
	if err != nil {
		return err
	}
	load.CloseAll(first)
	if err := r.loop.Sleep(r.ctx, 300*time.Millisecond); err != nil {
		return err
	}
	s, err := r.begin()
	if err != nil {
		return err
	}
	clients, err := r.connect(len(first), r.Storm, r.chat(addr))
	if err != nil {
		return err
	}
	if err := r.end(s); err != nil {
		return err
	}
	last := int64(0)
	for _, c := range clients {
		last = max(last, c.ReadyAt)
	}
	r.spent(s, len(r.Server))
	v := r.result.Values
	v["seconds_to_last"] = float64(last-s.at) / 1e9
	v["connections_per_second"] = float64(r.Storm) / v["seconds_to_last"]
	v["cpu_per_connection"] = s.serverCPU / float64(r.Storm)
	return nil
}

// idle reads the server's resident memory with no client, then with more and more clients that do nothing.
func idle(r *run) error {
	addr, err := r.start(peer.Options{})
	if err != nil {
		return err
	}
	const steps = 3
	var rss [steps + 1]float64
	for i := range rss {
		if i > 0 {
			spec := r.chat(addr)
			spec.Hello, spec.Expect = "", ""
			if _, err := r.connect((i-1)*r.Idle/steps, r.Idle/steps, spec); err != nil {
				return fmt.Errorf("beyond %d clients: %w", (i-1)*r.Idle/steps, err)
			}
		}
		if err := r.loop.Sleep(r.ctx, r.Settle); err != nil {
			return err
		}
		u, err := r.usage()
		if err != nil {
			return err
		}
		rss[i] = float64(u.RSS)
		r.result.Values[fmt.Sprintf("rss_%d", i*r.Idle/steps)] = rss[i]
	}
	v := r.result.Values
	v["rss"] = rss[steps]
	v["rss_per_connection"] = (rss[steps] - rss[0]) / float64(r.Idle)
	v["rss_per_connection_slope"] = (rss[steps] - rss[1]) / float64(r.Idle-r.Idle/steps)
	if r.loop.Lost > 0 {
		return fmt.Errorf("%d idle clients were lost", r.loop.Lost)
	}
	return nil
}

// startup measures the time from the server's execution to the first client's connection.
func startup(r *run) error {
	addr, err := r.start(peer.Options{})
	if err != nil {
		return err
	}
	spec := r.chat(addr)
	spec.Hello, spec.Expect = "", ""
	if _, err := r.connect(0, 1, spec); err != nil {
		return err
	}
	r.result.Values["seconds_to_first_connect"] = time.Since(r.processes[0].Started()).Seconds()
	u, err := r.usage()
	r.result.Values["rss"] = float64(u.RSS)
	return err
}
