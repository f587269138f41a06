// Package adapter makes several Socket.IO servers one, over Redis: what one emits reaches the clients of all,
// requests ask all of them, and servers emit to each other. Node.js servers can be in the same cluster, as the
// adapters speak the protocols of Socket.IO's own.
//
// Open connects to a Redis, once for a program. The Redis then makes the adapters of a server's namespaces. All
// servers of a cluster use the same kind:
//
//   - [Redis.PubSub] speaks the protocol of @socket.io/redis-adapter, which most clusters have. It works with any
//     Redis. A server misses what is published while it is cut off from Redis.
//   - [Redis.Sharded] speaks the same package's protocol for the sharded Pub/Sub of Redis 7. On a Redis Cluster it
//     spreads the load over the masters.
//   - [Redis.Streams] speaks the protocol of @socket.io/redis-streams-adapter. A server that was cut off reads on from
//     where it was, and with StreamsOptions.Recovery clients resume their sessions on any server.
//
// Emitting never waits for Redis. A server's own clients get what it emits at once; messages for other servers wait
// in a bounded outbox, in order. Stats say how that goes.
//
// What the adapters share is in package cluster, for other brokers too; package adaptertest has the tests that each
// passes.
package adapter
