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
func storm(r *run) error { return r.storm(peer.Options{}, "") }

// site is the origin of the pages of storm-proxy's clients.
const site = "https://chat.example.com"

// proxied is what a proxy adds to a client's request.
const proxied = "Origin: " + site + "\r\nX-Forwarded-For: 203.0.113.%d\r\nX-Real-IP: 203.0.113.%[1]d\r\n" +
	"X-Forwarded-Proto: https\r\nX-Forwarded-Host: chat.example.com\r\n"

// stormProxy is the same as production has it: the server takes pages of two origins only, and is behind a proxy.
func stormProxy(r *run) error {
	return r.storm(peer.Options{Origins: []string{"https://www.example.com", site}}, proxied)
}

// storm connects all clients to a server with these options. headers, if there are any, are a format for the number of
// a client.
func (r *run) storm(o peer.Options, headers string) error {
	addr, err := r.start(o)
	if err != nil {
		return err
	}
	specs := []load.Spec{r.chat(addr)}
	if headers != "" {
		specs = make([]load.Spec, 250)
		for i := range specs {
			specs[i] = r.chat(addr)
			specs[i].Headers = fmt.Sprintf(headers, i+1)
		}
	}
	// A few go first, so that one-time costs are not measured.
	first, err := r.connect(0, 20, specs...)
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
	clients, err := r.connect(len(first), r.Storm, specs...)
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
	r.each("cpu_per_connection", s, float64(r.Storm))
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
	s, err := r.begin()
	if err != nil {
		return err
	}
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
	if err := r.end(s); err != nil {
		return err
	}
	r.each("cpu_per_connection", s, float64(r.Idle))
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
	r.each("cpu_to_first_connect", &span{serverCPU: u.CPU.Seconds(), user: u.User.Seconds()}, 1)
	return err
}
