// Package cluster makes the servers of a Socket.IO cluster one, over any broker: it is what all adapters for several
// servers share.
//
// A [Bus] carries messages between servers. [New] makes a socketio.Adapter of it, which has everything else: broadcasts
// reach the sockets of all servers, requests ask all of them, acknowledgements come back, servers emit to each other.
// The adapters of package adapter are three buses on Redis. An adapter for another broker needs a Bus of its own:
//
//	srv := socketio.NewServer(socketio.Options{
//		Adapter: func(ns *socketio.Namespace) socketio.Adapter {
//			return cluster.New(ns, cluster.Options{}, func(a *cluster.Adapter) cluster.Bus {
//				return newBus(broker, a) // which hands what comes in to a.Receive
//			})
//		},
//	})
//
// A bus may have a wire form of its own. [Codec] is the one that Node.js's newer adapters share (socket.io-adapter,
// ClusterAdapter), so that servers of both kinds can be in one cluster. Package adaptertest has the tests for an
// adapter made like this.
//
// # Truth
//
// Requests wait for as many answers as the bus counts servers. Where some are missing, or the bus could not count them,
// what has arrived comes with an error that matches [ErrIncomplete], every time: an [IncompleteError] says how many
// have answered and how many have not. Servers that never answer, foreign or dead ones, are waited for once in vain,
// and after that only for a moment, until they answer again; the answers are incomplete all that time.
//
// # Bounds
//
// What comes in stands in one line for each namespace, of Options.InboxBytes at most. Emitting never waits for the
// broker: a bus queues what it publishes, bounded, in order.
package cluster
