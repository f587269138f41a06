package memory

import (
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBroker is the proof that a Bus needs to know nothing of Redis.
func TestBroker(t *testing.T) {
	adaptertest.Run(t, func(_ testing.TB, servers int) *adaptertest.Cluster {
		broker := NewBroker()
		var sent [][]byte
		broker.heard = func(_ string, data []byte) { sent = append(sent, data) }
		c := &adaptertest.Cluster{Break: broker.Break, Mend: broker.Mend}
		c.Silent = func(testing.TB) { broker.set(func() { broker.silent++ }) }
		for range servers {
			c.Adapters = append(c.Adapters, broker.NewAdapter)
		}
		c.Malformed = func(testing.TB) (func(*rand.Rand), func(testing.TB)) {
			var recorded [][]byte
			return func(random *rand.Rand) {
				if recorded == nil {
					broker.set(func() { recorded, broker.heard = sent, nil })
				}
				message := adaptertest.Mutate(random, recorded[random.IntN(len(recorded))])
				broker.deliver("/", message, func(*bus) bool { return true })
			}, nil
		}
		return c
	})
}
