package gateway

// Where the metrics are to be had: on the main port, or on a listener of their own for who should not show them to
// everybody.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const metricsPath = "/metrics"

// Values of METRICS_ADDR beside an address.
const (
	metricsOnMain = "main"
	metricsOff    = "off"
)

func metricsSetting() Setting {
	return Setting{
		Name: "METRICS_ADDR", Default: metricsOnMain,
		Meaning: "where Prometheus finds /metrics: main is the port of everything else, where the public sees it too, off is nowhere",
		Valid:   "main, off, or [host]:port of a listener of its own, such as :9464",
		set: func(c *Config, v string) bool {
			c.MetricsAddr = v
			if v == metricsOnMain || v == metricsOff {
				return true
			}
			host, port, err := net.SplitHostPort(v)
			_, portErr := strconv.ParseUint(port, 10, 16)
			return err == nil && portErr == nil && (host == "" || validHost(host))
		},
	}
}

// measure has the libraries tell the histograms what happens. Without metrics it costs nothing.
func (g *Gateway) measure(opts *socketio.Options) {
	if g.cfg.MetricsAddr == metricsOff {
		return
	}
	g.histograms = newHistograms()
	opts.OnEvent, opts.OnBroadcast = g.histograms.event, g.histograms.broadcast
}

// measureLag does the same for the lag between nodes.
func (g *Gateway) measureLag(opts *adapter.Options) {
	if g.histograms != nil {
		opts.OnRoundTrip = g.histograms.lag
	}
}

// metricsHandler answers with the metrics; it is nil where there are none.
func (g *Gateway) metricsHandler() http.Handler {
	if g.histograms == nil {
		return nil
	}
	return promhttp.HandlerFor(g.newRegistry(), promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(g.log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError, // the others are better than none
	})
}

// A metricsServer serves the metrics on a listener of its own.
type metricsServer struct {
	http     *http.Server
	listener net.Listener
	ended    chan struct{} // closed when it serves no more; nil before it does
}

// listenForMetrics opens METRICS_ADDR where that is an address.
func (g *Gateway) listenForMetrics(ctx context.Context) error {
	if g.metrics == nil || g.cfg.MetricsAddr == metricsOnMain {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", g.cfg.MetricsAddr)
	if err != nil {
		if isAddressInUse(err) {
			err = ErrPortInUse
		}
		return fmt.Errorf("gateway: cannot listen on METRICS_ADDR %s: %w", g.cfg.MetricsAddr, err)
	}
	g.metricsServer = &metricsServer{listener: listener, http: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != metricsPath || r.Method != http.MethodGet && r.Method != http.MethodHead {
				notFound(w, r)
				return
			}
			g.metrics.ServeHTTP(w, r)
		}),
		ReadTimeout: readHeaderTimeout, IdleTimeout: 5 * time.Minute, // longer than between two scrapes
		WriteTimeout: writeGrace, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}}
	return nil
}

// serve answers until close.
func (m *metricsServer) serve(log *slog.Logger) {
	if m == nil {
		return
	}
	log.Info("metrics", "url", "http://"+m.listener.Addr().String()+metricsPath)
	m.ended = make(chan struct{})
	go func() {
		defer close(m.ended)
		if err := m.http.Serve(m.listener); err != http.ErrServerClosed {
			log.Error("the metrics are not served any more", "error", err)
		}
	}()
}

// close ends it. It is the last that a node that stops does, so that it can be watched until then.
func (m *metricsServer) close() {
	if m == nil {
		return
	}
	m.http.Close()
	m.listener.Close() // where nothing has been served on it
	if m.ended != nil {
		<-m.ended
	}
}
