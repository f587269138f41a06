package gateway

// No sticky sessions: package forward does the work, and this file gives it what it needs of the gateway.

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/internal/openfiles"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// beginForwarding makes this node one of those that serve each other's sessions, if it has a Redis or a NATS to be
// found in.
func (g *Gateway) beginForwarding(opts *socketio.Options) error {
	registry, err := g.registryOfNodes()
	if registry == nil || err != nil || !g.cfg.Forward {
		return err
	}
	var certificate *tls.Certificate
	if g.certificate != nil {
		certificate = g.certificate.forNodes
	}
	files, _ := openfiles.ForConnections()
	g.forward = forward.New(forward.Options{
		Registry: registry,
		Address:  g.advertised,
		Host:     g.hostname,
		// A poll waits for one heartbeat at most.
		AnswerTimeout:  g.cfg.PingInterval + g.cfg.PingTimeout + writeGrace/2,
		Path:           SocketPath,
		MaxHeaderBytes: maxHeaderBytes,
		MaxFile:        files,
		Certificate:    certificate,
		Logger:         g.log,
	})
	opts.NewID = g.forward.NewID
	return nil
}

// registryOfNodes is where the nodes find each other; nil on a node that stands alone.
func (g *Gateway) registryOfNodes() (forward.Registry, error) {
	switch {
	case g.redis != nil:
		return forward.NewRedisRegistry(g.redis.Client(), g.cfg.RedisPrefix), nil
	case g.nats != nil:
		registry, err := forward.NewNATSRegistry(g.nats.Conn(), g.cfg.NATS.Prefix)
		if err != nil {
			return nil, err
		}
		g.endRegistry = registry.Close
		return registry, nil
	}
	return nil, nil
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
	if g.nats != nil {
		return forward.AddressOf(g.Addr(), g.nats.LocalAddr())
	}
	return forward.AddressOf(g.Addr(), g.redis.LocalAddr())
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

// endForwarding takes this node out of the registry, which is in Redis or NATS.
func (g *Gateway) endForwarding(ctx context.Context) {
	defer g.endRegistry()
	if g.forward == nil {
		return
	}
	if err := g.forward.Close(ctx); err != nil {
		g.log.Warn("this node could not be taken out of the registry, and expires there", "error", err)
	}
}
