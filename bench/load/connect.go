//go:build linux

package load

// Connects many clients, a limited number at a time.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// ConnectAtOnce is how many clients may be connecting at a time. It is below 511, the length of Node.js's accept queue.
// Beyond that one would measure TCP's retries, a second apart, and not the server.
const ConnectAtOnce = 400

// connectTimeout is how long Connect waits without another client becoming ready.
const connectTimeout = 15 * time.Second

// clientsPerSource is how many clients share a source address, which has some 28,000 ports.
const clientsPerSource = 10_000

// Connect connects count clients, numbered from first, and returns when all are ready. It takes the specs in turn. If a
// client cannot connect, Connect closes them all and returns its error.
func (l *Loop) Connect(ctx context.Context, first, count int, specs ...Spec) ([]*Client, error) {
	clients := make([]*Client, 0, count)
	ready, latest := 0, l.Now()
	var failed error
	onReady := func(c *Client) {
		latest = l.Now()
		if !c.Ready {
			failed = fmt.Errorf("client %d: %w", c.ID, c.Err)
		}
		ready++
		c.onReady = nil
	}
	err := l.Run(ctx, func() (int64, bool) {
		for len(clients) < count && len(clients)-ready < ConnectAtOnce && failed == nil {
			c := &Client{ID: first + len(clients), loop: l, spec: specs[len(clients)%len(specs)], onReady: onReady}
			if failed = l.open(c); failed == nil {
				clients = append(clients, c)
			}
		}
		if l.Now()-latest > int64(connectTimeout) {
			failed = fmt.Errorf("load: %d of %d clients are connected, and none since %v", ready, count, connectTimeout)
		}
		return l.Now() + int64(time.Second), failed == nil && ready < count
	})
	if err = errors.Join(err, failed); err != nil {
		CloseAll(clients)
		return nil, err
	}
	return clients, nil
}

func (l *Loop) open(c *Client) error {
	to, err := netip.ParseAddrPort(c.spec.Addr)
	if err != nil || !to.Addr().Is4() || !to.Addr().IsLoopback() {
		return fmt.Errorf("load: %q is not an IPv4 loopback address and port", c.spec.Addr)
	}
	from := [4]byte{127, 0, 0, byte(2 + c.ID/clientsPerSource)}
	if c.spec.Polling {
		return l.newPoller(c, to.Addr().As4(), from, int(to.Port()))
	}
	return l.newSocket(c, to.Addr().As4(), from, int(to.Port()))
}

// CloseAll closes the clients.
func CloseAll(clients []*Client) {
	for _, c := range clients {
		c.Close()
	}
}

// FirstLost returns the error of the first client that has lost its connection, or nil.
func FirstLost(clients []*Client) error {
	for _, c := range clients {
		if c.Err != nil {
			return fmt.Errorf("client %d: %w", c.ID, c.Err)
		}
	}
	return nil
}
