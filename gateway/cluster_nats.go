package gateway

// The cluster on NATS.

import (
	"context"
	"errors"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/nats"
	"github.com/brunossouza/websocket-escalonavel/adapter/nats/natsmetrics"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// joinNATS opens the NATS that the configuration names, and sets the adapter that stands on it. Where sessions of other
// nodes are to be served, or resumed, or users to be known, it takes JetStream: a server that has none is a mistake in
// the configuration. One that does not answer yet is waited for elsewhere.
func (g *Gateway) joinNATS(opts *socketio.Options) error {
	cfg := &g.cfg.NATS
	natsOpts := nats.Options{
		Prefix: cfg.Prefix, Name: g.hostname, Credentials: cfg.Credentials, User: cfg.User, Password: cfg.Password,
		TLS: cfg.TLS, OutboxBytes: g.cfg.MaxClusterQueue, InboxBytes: g.cfg.MaxClusterQueue, Logger: g.log,
	}
	if g.cfg.MetricsAddr != metricsOff {
		g.natsMetrics = natsmetrics.Instrument(&natsOpts, natsmetrics.Options{Prefix: metricsPrefix})
	}
	broker, err := nats.Open(cfg.URLs, natsOpts)
	if err != nil {
		return err
	}
	if err := g.checkJetStream(broker, opts.ConnectionStateRecovery != nil); err != nil {
		g.closeNATS(broker)
		return err
	}
	g.nats = broker
	opts.Adapter = broker.Adapter()
	if opts.ConnectionStateRecovery != nil {
		opts.Adapter = broker.JetStream(nats.JetStreamOptions{
			MaxBytes: int64(g.cfg.StreamMaxBytes), Recovery: opts.ConnectionStateRecovery,
		})
	}
	g.log.Info("joining the cluster", "nats", nats.SafeName(cfg.URLs), "adapter", g.cfg.Adapter, "prefix", cfg.Prefix)
	return nil
}

// jetStreamPatience is how long a NATS server that is connected may take to say whether it has JetStream.
const jetStreamPatience = 2 * time.Second

func (g *Gateway) checkJetStream(broker *nats.Broker, recovery bool) error {
	presence := g.cfg.Presence.On
	if !g.cfg.Forward {
		g.log.Warn("FORWARD is off: balancers need a sticky cookie")
	}
	if !g.cfg.Forward && !recovery && !presence {
		return nil
	}
	if !broker.Stats().Up {
		return nil // its nodes are not ready before they are registered
	}
	ctx, cancel := context.WithTimeout(context.Background(), jetStreamPatience)
	defer cancel()
	err := forward.CheckJetStream(ctx, broker.Conn())
	switch {
	case errors.Is(err, forward.ErrNoJetStream) && recovery:
		return &SettingError{"RECOVERY", g.cfg.Recovery.String(), "off, as the NATS server has no JetStream for this " +
			"user, which keeps sessions and what their clients have missed"}
	case errors.Is(err, forward.ErrNoJetStream) && presence:
		return &SettingError{"PRESENCE", "on", "off, as the NATS server has no JetStream for this user, in which " +
			"nodes tell each other who is online"}
	case errors.Is(err, forward.ErrNoJetStream):
		return &SettingError{"FORWARD", "on", "off, with a sticky cookie at the balancers, as the NATS server has no " +
			"JetStream for this user, in which nodes find each other"}
	case err != nil:
		g.log.Warn("JetStream does not answer; this node is not ready before it does", "error", err)
	}
	return nil
}

// closeNATS publishes what waits, and ends the connection.
func (g *Gateway) closeNATS(broker *nats.Broker) {
	ctx, cancel := context.WithTimeout(context.Background(), redisCloseTimeout)
	defer cancel()
	if err := broker.Close(ctx); err != nil {
		g.log.Warn("NATS closed with messages unpublished", "error", err)
	}
}

// natsState is what /readyz says of NATS.
type natsState struct {
	Status           string  `json:"status"` // "up" or "down"
	Since            string  `json:"since"`  // RFC 3339
	Server           string  `json:"server,omitempty"`
	RoundTripSeconds float64 `json:"roundTripSeconds"`
	Connects         int64   `json:"connects"`
	Members          int     `json:"members"` // other nodes that are known
	OutboxBytes      int     `json:"outboxBytes"`
	Dropped          int64   `json:"dropped"`     // for want of room, on the way out
	SlowDropped      int64   `json:"slowDropped"` // the same on the way in
	// Stream is "up" or "down", with RECOVERY: whether what others say comes from JetStream.
	Stream string `json:"stream,omitempty"`
	Missed int64  `json:"missed,omitempty"` // others' messages that were cut off the stream before they were read
}

func (g *Gateway) natsState() *natsState {
	s := g.nats.Stats()
	state := &natsState{
		Status: "down", Since: s.Since.UTC().Format(time.RFC3339), Server: s.Server,
		RoundTripSeconds: s.RoundTrip.Seconds(), Connects: s.Connects, Members: s.Members, OutboxBytes: s.OutboxBytes,
		Dropped: s.Dropped, SlowDropped: s.SlowDropped, Missed: s.Missed,
	}
	if s.Up {
		state.Status = "up"
	}
	if g.cfg.Recovery > 0 {
		if state.Stream = "down"; s.JournalUp {
			state.Stream = "up"
		}
	}
	return state
}
