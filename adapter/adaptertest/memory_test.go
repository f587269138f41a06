package adaptertest_test

// The adapters of a single server.

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryAdapter(t *testing.T) {
	adaptertest.Run(t, func(testing.TB, int) *adaptertest.Cluster {
		return &adaptertest.Cluster{Adapters: []func(*socketio.Namespace) socketio.Adapter{
			func(ns *socketio.Namespace) socketio.Adapter { return socketio.NewMemoryAdapter(ns) },
		}}
	})
}

func TestRecoveryAdapter(t *testing.T) {
	recovery := &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute}
	adaptertest.Run(t, func(testing.TB, int) *adaptertest.Cluster {
		return &adaptertest.Cluster{
			Adapters: []func(*socketio.Namespace) socketio.Adapter{
				func(ns *socketio.Namespace) socketio.Adapter {
					return socketio.NewRecoveryAdapter(ns, recovery.MaxDisconnectionDuration)
				},
			},
			Recovery: recovery,
			OffsetLess: func(a, b string) bool { // a prefix, and a number with 36 digits
				return len(a) < len(b) || len(a) == len(b) && strings.Compare(a, b) < 0
			},
		}
	})
}
