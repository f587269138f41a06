package gateway

// No sticky sessions: how this node finds, and is found by, the others. Package forward does the work.

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func forwardSetting() Setting {
	return Setting{
		Name: "FORWARD", Default: "on",
		Meaning: "whether a request for another node's session is passed on to that node, so that balancers need no sticky cookie; it takes Redis",
		Valid:   "on or off",
		set:     func(c *Config, v string) bool { c.Forward = v == "on"; return v == "on" || v == "off" },
	}
}

func advertiseSetting() Setting {
	return Setting{
		Name: "ADVERTISE_ADDR", Default: "auto",
		Meaning: "address at which the other nodes reach this one; auto is HOST, or where that is all interfaces the one that leads to Redis, with PORT",
		Valid:   "auto, or host:port of this one node, not of a balancer",
		set: func(c *Config, v string) bool {
			if v == "auto" {
				return true
			}
			c.AdvertiseAddr = v
			host, port, err := net.SplitHostPort(v)
			n, portErr := strconv.ParseUint(port, 10, 16)
			return err == nil && portErr == nil && n != 0 && host != "" && validHost(host)
		},
	}
}

func trustedProxiesSetting() Setting {
	return Setting{
		Name: "TRUSTED_PROXIES", Default: "none",
		Meaning: "proxies whose X-Forwarded-For is believed on a client's address; not a network that clients come from, as with Swarm's routing mesh they all do",
		Valid:   "none, or IP addresses and networks such as 10.0.9.0/24, separated by commas",
		set:     func(c *Config, v string) bool { return parseProxies(v, &c.TrustedProxies) },
	}
}

// beginForwarding makes this node one of those that serve each other's sessions, where it has a Redis to be found in.
func (g *Gateway) beginForwarding(opts *socketio.Options) {
	if g.redis == nil || !g.cfg.Forward {
		return
	}
	g.forward = forward.New(forward.Options{
		Redis:   g.redis.Client(),
		Prefix:  g.cfg.RedisPrefix,
		Address: g.advertised,
		Host:    g.hostname,
		// A poll waits for a heartbeat at most.
		AnswerTimeout: g.cfg.PingInterval + g.cfg.PingTimeout + writeGrace/2,
		Logger:        g.log,
	})
	opts.NewID = g.forward.NewID
}

// registrationTimeout is how long a node waits to be registered before it takes its first client.
const registrationTimeout = 2 * time.Second

func (g *Gateway) startForwarding(ctx context.Context) {
	if g.forward == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	g.forward.Start(ctx)
}

// advertised is the address at which the other nodes reach this one, "" while it is not known.
func (g *Gateway) advertised() string {
	if g.cfg.AdvertiseAddr != "" {
		return g.cfg.AdvertiseAddr
	}
	port, err := netip.ParseAddrPort(g.Addr().String())
	if err != nil {
		return ""
	}
	host := port.Addr().Unmap()
	if host.IsUnspecified() {
		switch a := g.redis.LocalAddr().(type) {
		case nil: // not yet connected
			return ""
		case *net.TCPAddr:
			host = a.AddrPort().Addr().Unmap()
		default: // a Unix socket
			host = ownAddress()
		}
	}
	return net.JoinHostPort(host.String(), strconv.Itoa(int(port.Port())))
}

// ownAddress is the first private address of this machine, or else the loopback one.
func ownAddress() netip.Addr {
	addresses, _ := net.InterfaceAddrs() // none on an error
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(network.IP); ok && addr.Unmap().IsPrivate() {
				return addr.Unmap()
			}
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// sessions is the handler of everything under SocketPath.
func (g *Gateway) sessions() http.Handler {
	if g.forward == nil {
		return g.io
	}
	return g.forward.Handler(g.io)
}

// drainForwarding lets go of the clients of other nodes, over a window.
func (g *Gateway) drainForwarding(ctx context.Context, window time.Duration) {
	if g.forward != nil {
		g.forward.Drain(ctx, window)
	}
}

// tunnels counts the WebSocket connections that lead through this node to others.
func (g *Gateway) tunnels() int {
	if g.forward == nil {
		return 0
	}
	return g.forward.Stats().Tunnels
}

// cutForwarding ends what is still forwarded.
func (g *Gateway) cutForwarding() {
	if g.forward != nil {
		g.forward.Cut()
	}
}

// endForwarding takes this node out of the registry. It needs Redis.
func (g *Gateway) endForwarding(ctx context.Context) {
	if g.forward == nil {
		return
	}
	if err := g.forward.Close(ctx); err != nil {
		g.log.Warn("this node could not be taken out of the registry, and expires there", "error", err)
	}
}
