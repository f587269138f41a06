package adaptertest

import (
	"math/rand/v2"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Cluster is what one test gets: servers that reach each other, and nobody else, over a broker.
type Cluster struct {
	// Adapters are the constructors of the servers' adapters, one for each server. What they share ends with the test
	// (testing.TB.Cleanup); the servers have been shut down then.
	Adapters []func(*socketio.Namespace) socketio.Adapter

	// RoomsUnordered says that a broadcast to one room may overtake one to another, as where each has a channel.
	RoomsUnordered bool
	// AcksUnordered says that a broadcast to be acknowledged may overtake one that is not, as where they go different
	// ways.
	AcksUnordered bool

	// Recovery, if not nil, is the servers' ConnectionStateRecovery; every event that is not volatile has an offset
	// then.
	Recovery *socketio.ConnectionStateRecovery
	// OffsetLess, if not nil, says whether one offset stands before another.
	OffsetLess func(a, b string) bool

	// Settled, if not nil, waits until what each server has told the others, or the broker, about its rooms has
	// arrived. It gets each server's namespace, and may fail the test where the broker knows of other rooms than
	// there are.
	Settled func(t testing.TB, namespaces []*socketio.Namespace)
	// Check, if not nil, fails the test where something has gone wrong that clients need not have seen, as a message
	// that was dropped or counted as malformed. It is called at the end of tests in which nothing may.
	Check func(t testing.TB)

	// Break and Mend, if not nil, make the broker unreachable, and reachable again.
	Break, Mend func()
	// Silent, if not nil, adds what the broker takes for one more server and what never answers.
	Silent func(t testing.TB)
	// Malformed, if not nil, begins to record what the servers send. inject sends them one message that makes no
	// sense: at best one that was recorded, changed by Mutate, and as if from a server that there is not. check,
	// which may be nil, fails the test where the adapters do not know of them.
	Malformed func(t testing.TB) (inject func(random *rand.Rand), check func(t testing.TB))
}

// A Start returns a cluster of so many servers for one test. It may return fewer where the adapter knows no more: one
// for an adapter of single servers. It is called by several tests at once, whose clusters must know nothing of each
// other.
type Start func(t testing.TB, servers int) *Cluster

// Run tests the adapters of start's clusters, in subtests that run in parallel.
func Run(t *testing.T, start Start) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Start)
	}{
		{"Broadcast", testBroadcast},
		{"RoomNames", testRoomNames},
		{"Acknowledgements", testAcks},
		{"Sockets", testSockets},
		{"Data", testData},
		{"Pages", testPages},
		{"PagesEnd", testPagesEnd},
		{"Move", testMove},
		{"MoveInOrder", testMoveInOrder},
		{"ServerSideEmit", testServerSideEmit},
		{"Order", testOrder},
		{"Churn", testChurn},
		{"DynamicNamespaces", testDynamicNamespaces},
		{"Leave", testLeave},
		{"Recovery", testRecovery},
		{"Malformed", testMalformed},
		{"Silent", testSilent},
		{"Outage", testOutage},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, start)
		})
	}
}
