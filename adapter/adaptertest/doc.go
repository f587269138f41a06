// Package adaptertest tests implementations of socketio.Adapter: it is the contract of that interface, as a suite that
// anybody's adapter can be put through.
//
//	func TestAdapter(t *testing.T) {
//		adaptertest.Run(t, func(t testing.TB, servers int) *adaptertest.Cluster {
//			broker := startBroker(t)
//			c := &adaptertest.Cluster{Break: broker.Kill, Mend: broker.Restart}
//			for range servers {
//				c.Adapters = append(c.Adapters, newAdapter(t, broker))
//			}
//			return c
//		})
//	}
//
// The tests start whole servers, connect clients over WebSocket, and look at what those get: every operation of the
// interface, from one server to another, with text and with binary data; the order of events; servers that come and
// go; and, where the caller can do that to a broker, messages that make no sense, a server that never answers, and a
// broker that goes away and comes back. Whatever cannot be known then is said to be incomplete. They need no broker of
// their own. An adapter for a single server is a cluster of one.
//
// A package that runs them is well advised to check, in its TestMain, that no goroutine outlives its tests: the
// servers are all shut down when Run returns.
package adaptertest
