package socketiometrics

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable/metrictabletest"
	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
)

// A program's server is measured, with what its clients do, and the program's own hooks are called too.
func TestMetricsOfAServer(t *testing.T) {
	var said, recipients, refused atomic.Int64
	opts := socketio.Options{
		OnEvent: func(_ *socketio.Namespace, event string, _ time.Duration) {
			if event == "say" {
				said.Add(1)
			}
		},
		OnBroadcast: func(_ *socketio.Namespace, n int) { recipients.Add(int64(n)) },
	}
	opts.OnConnectionError = func(engineio.ConnectionError) { refused.Add(1) }
	m := Instrument(&opts, Options{})
	io := socketio.NewServer(opts)
	io.On("say", func(e *socketio.Event) error { return io.Emit("said", e.Raw(0)) })
	metrictabletest.Expect(t, m, map[string]float64{"socketio_broadcast_recipients": 0}) // not yet watching
	m.Watch(io, "further")
	server := httptest.NewServer(io)
	t.Cleanup(func() {
		server.Close()
		if err := io.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c := testclient.Dial(t, server.URL, "/")
	c.Emit(`["say","hi"]`)
	c.Expect(`["said","hi"]`)
	for i := range 100 { // a client makes no series
		c.Emit(fmt.Sprintf(`["evil %d"]`, i))
	}
	c.Emit(`["say","end"]`)
	c.Expect(`["said","end"]`)
	answer, err := http.Get(server.URL + "/socket.io/?EIO=4&transport=pigeon")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	// A handler's time is known behind its answer, and what was written behind its arrival.
	await.Until(testclient.Patience, func() bool { return said.Load() == 2 && io.Stats().Engine.MessagesSent == 3 })

	want := zero(m)
	maps.Copy(want, map[string]float64{
		`socketio_sockets{namespace="/",transport="websocket"}`:          1,
		`socketio_sessions{transport="websocket"}`:                       1,
		`socketio_messages_received_total`:                               103,
		`socketio_messages_sent_total`:                                   3,
		`socketio_handshake_errors_total{code="0"}`:                      1,
		`socketio_broadcast_recipients`:                                  2,
		`socketio_event_duration_seconds{event="say",namespace="/"}`:     2,
		`socketio_event_duration_seconds{event="other",namespace="/"}`:   100,
		`socketio_event_duration_seconds{event="further",namespace="/"}`: 0,
		`socketio_received_bytes_total`:                                  float64(io.Stats().Engine.BytesReceived),
		`socketio_sent_bytes_total`:                                      float64(io.Stats().Engine.BytesSent),
		`socketio_sockets{namespace="/",transport="polling"}`:            0,
	})
	metrictabletest.Expect(t, m, want)
	if said.Load() != 2 || recipients.Load() != 2 || refused.Load() != 1 {
		t.Errorf("the program was told of %d events, %d recipients and %d refusals", said.Load(), recipients.Load(),
			refused.Load())
	}
}

// zero are all samples of a server where nothing has happened, whatever they are.
func zero(m *Metrics) map[string]float64 {
	samples := make(map[string]float64)
	for _, metric := range table {
		metric.Read(&reading{refused: new(refusals), io: m.io.Stats()}, func(_ float64, labels ...string) {
			key := "socketio_" + metric.Name
			if len(labels) == 1 {
				key += fmt.Sprintf("{%s=%q}", metric.Labels[0], labels[0])
			} else if len(labels) > 1 {
				return
			}
			samples[key] = 0
		})
	}
	return samples
}

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	refused := new(refusals)
	refused[engineio.Forbidden].Store(20)
	r := &reading{
		io: socketio.Stats{
			Engine: engineio.Stats{
				Polling: 1, WebSocket: 2, QueuedBytes: 3, MessagesReceived: 4, MessagesSent: 5, BytesReceived: 6,
				BytesSent: 7, Upgrades: 8, SlowClients: 9, StalledClients: 3, ShedClients: 2, Throttled: 32,
				Connections: 33,
				Refused: engineio.Refused{
					Connections: 34, ConnectionsOfAddress: 35, Sessions: 36, SessionsOfAddress: 37,
					HandshakesOfAddress: 38, ShortOfMemory: 39, HandshakesThatAreLong: 40,
				},
				HandedOn: engineio.HandedOn{
					TLS: 42, Silent: 43, Path: 44, Method: 45, Excepted: 46, Form: 47, Fault: 48, Listener: 49,
				},
			},
			Sockets:     map[string]socketio.SocketCount{"/": {Polling: 10, WebSocket: 11}},
			Disconnects: map[socketio.Reason]int64{socketio.ReasonPingTimeout: 12},
			Limits:      map[socketio.Limit]int64{socketio.LimitNamespaces: 32}, RecoveryBytes: 33, RecoveryDropped: 34,
			InvalidEvents: 41,
		},
		refused: refused,
	}
	var c prometheus.Collector = metrictable.New("gateway", table, func() *reading { return r })
	metrictabletest.Expect(t, c, map[string]float64{
		`gateway_sessions{transport="polling"}`:                     1,
		`gateway_sessions{transport="websocket"}`:                   2,
		`gateway_outbound_queue_bytes`:                              3,
		`gateway_messages_received_total`:                           4,
		`gateway_messages_sent_total`:                               5,
		`gateway_received_bytes_total`:                              6,
		`gateway_sent_bytes_total`:                                  7,
		`gateway_upgrades_total`:                                    8,
		`gateway_throttled_total`:                                   32,
		`gateway_connections`:                                       33,
		`gateway_refused_total{limit="connections"}`:                34,
		`gateway_refused_total{limit="connections of the address"}`: 35,
		`gateway_refused_total{limit="sessions"}`:                   36,
		`gateway_refused_total{limit="sessions of the address"}`:    37,
		`gateway_refused_total{limit="handshakes of the address"}`:  38,
		`gateway_refused_total{limit="memory"}`:                     39,
		`gateway_refused_total{limit="size of the handshake"}`:      40,
		`gateway_nethttp_connections_total{reason="tls"}`:           42,
		`gateway_nethttp_connections_total{reason="silent"}`:        43,
		`gateway_nethttp_connections_total{reason="path"}`:          44,
		`gateway_nethttp_connections_total{reason="method"}`:        45,
		`gateway_nethttp_connections_total{reason="excepted"}`:      46,
		`gateway_nethttp_connections_total{reason="form"}`:          47,
		`gateway_nethttp_connections_total{reason="fault"}`:         48,
		`gateway_nethttp_connections_total{reason="listener"}`:      49,
		`gateway_sockets{namespace="/",transport="polling"}`:        10,
		`gateway_sockets{namespace="/",transport="websocket"}`:      11,
		`gateway_disconnects_total{reason="ping timeout"}`:          12,
		`gateway_handshake_errors_total{code="0"}`:                  0,
		`gateway_handshake_errors_total{code="1"}`:                  0,
		`gateway_handshake_errors_total{code="2"}`:                  0,
		`gateway_handshake_errors_total{code="3"}`:                  0,
		`gateway_handshake_errors_total{code="4"}`:                  20,
		`gateway_handshake_errors_total{code="5"}`:                  0,
		`gateway_client_limits_total{limit="namespaces"}`:           32,
		`gateway_invalid_events_total`:                              41,
		`gateway_recovery_bytes`:                                    33,
		`gateway_recovery_dropped_total`:                            34,
		`gateway_slow_clients_total{cause="queue"}`:                 4,
		`gateway_slow_clients_total{cause="stalled"}`:               3,
		`gateway_slow_clients_total{cause="total"}`:                 2,
	})
}
