package gateway

// The cluster: how this node joins the others, and what /readyz says of it.

import (
	"context"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// joinCluster opens the Redis that the configuration names, and sets the adapter that stands on it. Without REDIS_URL
// it takes the one on this machine, if there is one.
func (g *Gateway) joinCluster(opts *socketio.Options) error {
	if g.cfg.Recovery > 0 {
		opts.ConnectionStateRecovery = &socketio.ConnectionStateRecovery{
			MaxDisconnectionDuration: g.cfg.Recovery, MaxBytes: g.cfg.RecoveryMax,
		}
	}
	switch {
	case g.cfg.Adapter == "memory":
		g.log.Warn("ADAPTER is memory: THIS NODE STANDS ALONE, its clients do not hear those of other nodes")
		return nil
	case g.cfg.Adapter == natsAdapter:
		return g.joinNATS(opts)
	case !g.cfg.RedisGiven && !adapter.Reachable(context.Background(), g.cfg.RedisURL):
		g.log.Warn("no REDIS_URL, and no Redis on this machine: THIS IS ONE NODE, with its rooms in memory",
			"looked_at", g.cfg.RedisURL)
		return nil
	}
	redisOpts := adapter.Options{
		Prefix: g.cfg.RedisPrefix, TLS: g.cfg.RedisTLS, Logger: g.log,
		OutboxBytes: g.cfg.MaxClusterQueue, InboxBytes: g.cfg.MaxClusterQueue,
		// Every server of redis-adapter 8.x listens to a channel of its own, and says in each request which that is.
		SpecificResponses: true,
	}
	g.measureRedis(&redisOpts)
	redis, err := adapter.Open(g.cfg.RedisURL, redisOpts)
	if err != nil {
		return err
	}
	g.redis = redis
	switch g.cfg.Adapter {
	case "sharded":
		opts.Adapter = redis.Sharded(adapter.Dynamic)
	case "streams":
		opts.Adapter = redis.Streams(adapter.StreamsOptions{
			MaxBytes: int64(g.cfg.StreamMaxBytes), Recovery: opts.ConnectionStateRecovery,
		})
	default:
		opts.Adapter = redis.PubSub()
	}
	g.log.Info("joining the cluster", "redis", redis.Name(), "adapter", g.cfg.Adapter, "prefix", g.cfg.RedisPrefix)
	return nil
}

// readiness is the body of /readyz.
type readiness struct {
	Status   string      `json:"status"` // "ready", "not ready" or "draining"
	Hostname string      `json:"hostname"`
	Adapter  string      `json:"adapter"`
	Redis    *redisState `json:"redis,omitempty"` // none on a node that stands alone
	NATS     *natsState  `json:"nats,omitempty"`  // the same
	Drain    *drainState `json:"drain,omitempty"` // only while it is being stopped
}

type redisState struct {
	Status         string  `json:"status"` // "up" or "down"
	Since          string  `json:"since"`  // RFC 3339
	ConnectSeconds float64 `json:"connectSeconds"`
	Connects       int64   `json:"connects"`
	OutboxBytes    int     `json:"outboxBytes"`
	Dropped        int64   `json:"dropped"`
	// Refusal is the code with which Redis refuses to store anything, such as OOM: streams and sessions wait,
	// what is published goes on.
	Refusal string `json:"refusal,omitempty"`
	Trims   int64  `json:"trims,omitempty"`  // of streams, for want of memory
	Missed  int64  `json:"missed,omitempty"` // others' messages that were cut off the stream before they were read
}

// serveReady answers whether this node should get clients. It becomes ready when it has first joined the cluster, and
// stays so when Redis or NATS goes: that goes for all nodes at once, and a fleet that turned unready as one would
// send away clients that it can still serve. Its state is in the body all the same. A node that is being stopped is not
// ready from the first moment, although it serves on.
func (g *Gateway) serveReady(w http.ResponseWriter) {
	body := readiness{Status: "ready", Hostname: g.hostname, Adapter: "memory"}
	status := http.StatusOK
	if g.redis != nil {
		s := g.redis.Stats()
		body.Adapter = g.cfg.Adapter
		body.Redis = &redisState{
			Status: "down", Since: s.Since.UTC().Format(time.RFC3339), ConnectSeconds: s.ConnectTime.Seconds(),
			Connects: s.Connects, OutboxBytes: s.OutboxBytes, Dropped: s.Dropped,
			Refusal: s.Refusal, Trims: s.Trims, Missed: s.Missed,
		}
		if s.Up {
			body.Redis.Status = "up"
		}
		// It is not ready before the others can find its sessions either.
		if s.Connects == 0 || g.forward != nil && !g.forward.Registered() {
			body.Status, status = "not ready", http.StatusServiceUnavailable
		}
	}
	if g.nats != nil {
		body.Adapter, body.NATS = g.cfg.Adapter, g.natsState()
		if body.NATS.Connects == 0 || g.forward != nil && !g.forward.Registered() {
			body.Status, status = "not ready", http.StatusServiceUnavailable
		}
	}
	if body.Drain = g.drained(); body.Drain != nil {
		body.Status, status = "draining", http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, body)
}
