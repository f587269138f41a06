// Package client is a Socket.IO client: protocol revision 5, as servers of Socket.IO 3 and 4 speak it, with the
// behaviour of Node.js' socket.io-client on the Engine.IO sessions of package engineio/client. It knows nothing of
// package socketio.
//
// A [Socket] is the client's side of one namespace. [New] returns that of a URL; it connects when it is told to:
//
//	s, err := client.New("http://localhost:3000/admin", client.Options{Auth: map[string]string{"token": token}})
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//	s.On("news", func(e *client.Event) error {
//		var text string
//		if err := e.Bind(&text); err != nil {
//			return err
//		}
//		fmt.Println(text)
//		return nil
//	})
//	if err := s.Connect(ctx); err != nil {
//		return err
//	}
//	answer, err := s.EmitWithAck(ctx, "order", Order{Dish: "soup"})
//
// Sockets of other namespaces share its connection: [Socket.Conn] is that (Node.js calls it Manager), and [Conn.Socket]
// returns them.
//
// # Handlers
//
// The handlers of one socket never run at once: its connection, its events in the order in which the server sent
// them, and its disconnection come one after the other. Those of different sockets do run at once. A handler may
// block; the heartbeat goes on meanwhile, and when [Options].MaxInboundBytes wait behind it, nothing more is read,
// which the server feels. A socket that has nothing to do has no goroutine. Every method may be called from any
// goroutine, handlers included.
//
// [Handle] and its kin bind arguments to Go values and acknowledge with what the function returns.
//
// # Sending
//
// [Socket.Emit] never waits. What one goroutine emits to one socket arrives in that order. While the socket is not
// connected, what is emitted waits for the connection, up to [Options].MaxBufferBytes; what is [Socket.Volatile] is
// dropped instead. With [Options].Retries an event is sent until it has been acknowledged.
//
// # Ends
//
// A connection that is lost is opened again, after a time that grows with each attempt; the sockets then connect again,
// and resume their sessions where the server keeps them ([Socket.Recovered]). A socket that the server has refused or
// disconnected, or that has been closed, stays so until [Socket.Open] or [Socket.Connect] is called.
//
// # Many clients
//
// Clients that share an engineio/client.Dialer ([Options].Dialer) share the goroutines that read; an idle one then
// costs a few kilobytes and no goroutine.
package client
