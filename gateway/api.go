package gateway

// The server API: package api does the work, and this file gives it what it needs of the gateway, and a listener.

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/gateway/api"
	"github.com/brunossouza/websocket-escalonavel/internal/openfiles"
	"github.com/brunossouza/websocket-escalonavel/internal/rawconn"
)

// maxAPIConnections bounds the API's connections, where the reserve of open files has room for them.
const maxAPIConnections = 512

// An apiServer serves the API on a listener of its own.
type apiServer struct {
	*api.API
	listener net.Listener
	ended    chan struct{} // closed when it serves no more; nil before it does
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

// makeAPI makes the API, once the service has been started.
func (g *Gateway) makeAPI() error {
	if g.cfg.APIAddr == apiOff {
		return nil
	}
	s := &apiServer{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "_api_requests_total",
			Help: "Requests to the server API, by route and status of the answer.",
		}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    metricsPrefix + "_api_request_duration_seconds",
			Help:    "Time from the head of a request to the server API until its answer, waits for clients among it.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"route"}),
	}
	opts := api.Options{
		IO: g.io, MaxBodyBytes: g.cfg.APIMaxBody, MaxConnections: apiConnections(), RedisPrefix: g.cfg.RedisPrefix,
		UserRoom: UserRoom, UserOf: UserOf, Presence: g.presenceOf, State: g.apiState,
		Version: g.cfg.Version, Hostname: g.hostname,
		Logger: g.log, OnRequest: s.observe,
	}
	if g.redis != nil {
		opts.Redis = g.redis.Client()
	}
	if !g.cfg.apiOpen {
		tokens, err := api.NewTokens(g.cfg.apiTokens, g.cfg.apiTokensFile, g.log)
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		opts.Tokens = tokens
	}
	s.API = api.New(opts)
	g.api = s
	return nil
}

// apiConnections are at most half of the files that are kept from clients.
func apiConnections() int {
	reserve, known := openfiles.Reserve()
	if !known {
		return maxAPIConnections
	}
	return min(maxAPIConnections, max(reserve/2, 1))
}

// observe counts a request. Routes are those of the API: clients make no series.
func (s *apiServer) observe(route string, status int, took time.Duration) {
	if route == "" {
		route = "other"
	}
	s.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	s.took.WithLabelValues(route).Observe(took.Seconds())
}

// apiState is what the API says of this node.
func (g *Gateway) apiState() api.State {
	state := api.State{Redis: "none", Draining: g.drainStage.Load() != nil}
	if g.redis != nil {
		state.Redis = "down"
		if g.redis.Stats().Up {
			state.Redis = "up"
		}
	}
	return state
}

// listenForAPI opens API_ADDR.
func (g *Gateway) listenForAPI(ctx context.Context) error {
	if g.api == nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", g.cfg.APIAddr)
	if err != nil {
		if isAddressInUse(err) {
			err = ErrPortInUse
		}
		return fmt.Errorf("gateway: cannot listen on API_ADDR %s: %w", g.cfg.APIAddr, err)
	}
	g.api.listener = g.certificate.listen(rawconn.NewListener(listener))
	return nil
}

// serveAPI answers until shutdownAPI.
func (g *Gateway) serveAPI() {
	s := g.api
	if s == nil {
		return
	}
	g.log.Info("server API", "url", g.cfg.BaseURL(s.listener.Addr().String())+"/v1", "tokens", !g.cfg.apiOpen)
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		if err := s.Serve(s.listener); err != nil {
			g.log.Error("the server API is not served any more", "error", err)
		}
	}()
}

// shutdownAPI ends it, while there is still something that it can ask and send.
func (g *Gateway) shutdownAPI(ctx context.Context) error {
	s := g.api
	if s == nil {
		return nil
	}
	err := s.Shutdown(ctx)
	if s.listener != nil {
		s.listener.Close() // where nothing has been served on it
	}
	if s.ended != nil {
		<-s.ended
	}
	return err
}
