// Package forward lets any node of a cluster serve any request. A session lives on one node, and its id begins with
// that node's tag. Nodes register their tags and addresses in a Registry, such as Redis. A node that gets a request
// for another's session passes it on to the owner, WebSocket connections included.
//
// It needs nothing of the gateway: any server of package socketio may have a node before it.
//
//	node := forward.New(forward.Options{
//		Registry: forward.NewRedisRegistry(redis.Client(), "socket.io"),
//		Address:  func() string { return forward.AddressOf(listener.Addr(), redis.LocalAddr()) },
//	})
//	io := socketio.NewServer(socketio.Options{
//		NewID: node.NewID, // ids that say whose they are
//		Adapter: redis.PubSub(),
//	})
//	http.Handle("/socket.io/", node.Handler(io))
//	node.Start(ctx)
//	http.Serve(io.Listener(listener, forward.ForwardedHeader), nil)
//
// A listener of the server's own (Server.Listener) answers what is plain without the handlers, so it has to be told of
// ForwardedHeader; the other requests that concern a Node, those for sessions that are not here, go to the handlers in
// any case. examples/nodes is a whole program, with its end.
//
// All WebSockets that lead from one node to another share a connection between the two, on which each is a stream of
// package engineio/mux. The http.Server that has Node.Handler serves those streams as it serves connections.
//
// A client chooses what it sends as a session id, so it can make a node look up any tag. But a request only ever goes
// to an address that a node has registered, and only once: what has been forwarded is not forwarded again. Nothing
// that the owner answers says where it is. Each node makes a key when it starts, and registers it with its address.
// Who sends that along has read the registry, and is believed about the client's address.
package forward
