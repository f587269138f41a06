package natsmetrics

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/adapter/nats"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable/metrictabletest"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A program's Broker is measured, and the program told too.
func TestMetricsOfABroker(t *testing.T) {
	told := make(chan time.Duration, 16)
	opts := nats.Options{OnRoundTrip: func(took time.Duration) {
		select {
		case told <- took:
		default:
		}
	}}
	m := Instrument(&opts, Options{})
	metrictabletest.Expect(t, m, map[string]float64{"socketio_nats_roundtrip_seconds": 0})
	b, err := nats.Open(natsserver.Start(t, natsserver.Options{}).URL(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(t.Context())
	m.Watch(b)
	select {
	case took := <-told:
		if took <= 0 || !b.Stats().Up {
			t.Errorf("%v, %+v", took, b.Stats())
		}
	case <-time.After(natsserver.Patience):
		t.Fatal("the program is not told how long NATS takes")
	}
}

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	stats := &nats.Stats{
		Up: true, Connects: 14, ConnectErrors: 15, Published: 16, PublishErrors: 17, Dropped: 18, Received: 19,
		ReceiveDropped: 21, Malformed: 22, OutboxBytes: 23, OutboxMessages: 24, SlowDropped: 25, Partial: 26,
		Members: 27, Subscriptions: 28, Journal: true, JournalUp: true, JournalErrors: 29, Missed: 30,
	}
	c := metrictable.New("gateway", table, func() *nats.Stats { return stats })
	metrictabletest.Expect(t, c, map[string]float64{
		`gateway_nats_up`:                                        1,
		`gateway_nats_reconnects_total`:                          13,
		`gateway_nats_members`:                                   27,
		`gateway_nats_subscriptions`:                             28,
		`gateway_nats_stream_up`:                                 1,
		`gateway_nats_stream_failures_total`:                     29,
		`gateway_adapter_dropped_total{cause="stream cut"}`:      30,
		`gateway_adapter_published_total`:                        16,
		`gateway_adapter_received_total`:                         19,
		`gateway_adapter_malformed_total`:                        22,
		`gateway_adapter_dropped_total{cause="outbox full"}`:     18,
		`gateway_adapter_dropped_total{cause="inbox full"}`:      21,
		`gateway_adapter_dropped_total{cause="connection lost"}`: 17,
		`gateway_adapter_dropped_total{cause="slow consumer"}`:   25,
		`gateway_adapter_dropped_total{cause="parts missing"}`:   26,
		`gateway_adapter_outbox_bytes`:                           23,
		`gateway_adapter_outbox_messages`:                        24,
	})
}
