package forwardmetrics

import (
	"context"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable/metrictabletest"
)

// A node that has passed on nothing has all its series.
func TestMetricsOfANode(t *testing.T) {
	node := forward.New(forward.Options{})
	t.Cleanup(func() { node.Close(context.Background()) })
	metrictabletest.Expect(t, New(node, Options{}), map[string]float64{
		`socketio_forwarded_requests_total{result="answered"}`:       0,
		`socketio_forwarded_requests_total{result="failed"}`:         0,
		`socketio_forwarded_requests_total{result="unknown"}`:        0,
		`socketio_forwarded_requests_total{result="too long"}`:       0,
		`socketio_forwarded_requests_total{result="no descriptors"}`: 0,
		`socketio_forward_received_total`:                            0,
		`socketio_forward_tunnels`:                                   0,
		`socketio_forward_nodes`:                                     0,
	})
}

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	stats := &forward.Stats{
		Requests: 25, Answered: 26, Failed: 27, Received: 28, Unknown: 29, TooLong: 290, NoFiles: 291,
		Tunnels: 30, Nodes: 31,
	}
	c := metrictable.New("gateway", table, func() *forward.Stats { return stats })
	metrictabletest.Expect(t, c, map[string]float64{
		`gateway_forwarded_requests_total{result="answered"}`:       26,
		`gateway_forwarded_requests_total{result="failed"}`:         27,
		`gateway_forwarded_requests_total{result="unknown"}`:        29,
		`gateway_forward_received_total`:                            28,
		`gateway_forward_tunnels`:                                   30,
		`gateway_forward_nodes`:                                     31,
		`gateway_forwarded_requests_total{result="too long"}`:       290,
		`gateway_forwarded_requests_total{result="no descriptors"}`: 291,
	})
}
