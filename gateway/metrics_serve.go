package gateway

// Where the metrics are to be had: on the main port, or on a listener of their own where the public must not see them.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const metricsPath = "/metrics"

// Values of METRICS_ADDR beside an address.
const (
	metricsPrivate = "private"
	metricsOnMain  = "main"
	metricsOff     = "off"
)

// serveMetrics makes the handler that answers with the metrics, those of the service among them.
func (g *Gateway) serveMetrics() error {
	if g.ioMetrics == nil {
		return nil
	}
	registry, err := g.newRegistry()
	if err != nil {
		return err
	}
	g.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(g.log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError, // the others are better than none
	})
	return nil
}

// showsMetrics reports whether /metrics on the main port answers a request: with METRICS_ADDR main each, and with
// private those of peers on networks that are nobody's but the operator's, as Prometheus is. A proxy is such a peer
// too, but says for whom it asks.
func (g *Gateway) showsMetrics(r *http.Request) bool {
	switch {
	case g.metrics == nil:
		return false
	case g.cfg.MetricsAddr == metricsOnMain:
		return true
	case g.cfg.MetricsAddr != metricsPrivate:
		return false
	}
	for _, field := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		if _, found := r.Header[field]; found {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap()
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || sharedAddresses.Contains(addr)
}

// sharedAddresses are those of carriers' and clouds' inner networks (RFC 6598).
var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")

// A metricsServer serves the metrics on a listener of its own.
type metricsServer struct {
	http     *http.Server
	listener net.Listener
	ended    chan struct{} // closed when it serves no more; nil before it does
}

// listenForMetrics opens METRICS_ADDR where that is an address.
func (g *Gateway) listenForMetrics(ctx context.Context) error {
	if g.metrics == nil || g.cfg.MetricsAddr == metricsOnMain || g.cfg.MetricsAddr == metricsPrivate {
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

// close ends it. A node that stops does that last, so that it can be watched until then.
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
