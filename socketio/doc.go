// Package socketio is a Socket.IO server: protocol revision 5, as socket.io-client v3 and v4 speak it, on the Engine.IO
// sessions of package engineio. Clients of v2 are served where engineio.Options.AllowEIO3 is set: such a client is in
// the main namespace at once, its Handshake.Auth is the query of a namespace, and the ids of its sockets are made of
// that of its session, which others could use if they knew it.
//
// A [Server] is an http.Handler. Clients connect to its namespaces; each connection of a client to a namespace is a
// [Socket]. Handlers are set for all sockets of a namespace, or for one. The methods of the Server are those of its
// main namespace, "/":
//
//	io := socketio.NewServer(socketio.Options{})
//	io.OnConnect(func(s *socketio.Socket) error {
//		s.Join("lobby")
//		return nil
//	})
//	socketio.On(io, "chat", func(ctx context.Context, s *socketio.Socket, text string) error {
//		return io.To("lobby").Emit("chat", text)
//	})
//	http.Handle("/socket.io/", io)
//	err := socketio.Serve(ctx, &http.Server{Addr: ":3000"}, io, socketio.ServeOptions{})
//
// # Handlers
//
// [Handle] and [On] set typed handlers: they are called with the event's arguments, bound and checked, and what they
// return is the acknowledgement. [Handle] lists their forms. Below them is [Namespace.On], and [Socket.On], whose
// handlers take the [Event]: for any number of arguments, of any kind, and for acknowledging later. Both may be mixed,
// and [Namespace.UseEvents] sets middlewares before all of them.
//
// A handler's context is [Socket.Context], which ends at once when the client is gone, with the reason as its cause: a
// query or a wait that is given it does not outlive who asked for it.
//
// # Goroutines
//
// The handlers of one socket never run at once: its connection, its events in the order in which the client sent them,
// and its disconnection come one after the other. Those of different sockets do run at once. A handler may block; it
// delays its own socket only, and when [Options.MaxInboundBytes] wait behind it, nothing more is read from that client.
// The callbacks of [Socket.EmitAck] stand in the same line. Every method may be called from any goroutine, handlers
// included. A socket that has nothing to do has no goroutine.
//
// # Sending
//
// Emitting never waits for a client. What one goroutine emits to one socket arrives in that order, whether it is
// emitted to the socket, to a room or to everyone. A client that does not keep up first loses what is volatile; when
// more than [Options.MaxQueueBytes] wait for it, or it takes nothing for [Options.WriteTimeout], it is disconnected
// with [ReasonSlowClient].
//
// # Arguments
//
// The arguments of an event stay the JSON text that the client sent until [Event.Bind] asks for them; a [Raw] passes
// them on without ever parsing them. Byte slices ([]byte, [Binary]) anywhere in what is emitted travel as binary
// attachments, and binding to a byte slice receives one. Package parser has the details, and the seam for other wire
// formats, [Options.Parser]; package parser/msgpack has one.
//
// # Errors
//
// What a handler returns, or panics with, is logged and given to [Options.OnError]. A client that waits for an
// acknowledgement which no handler has given is answered {"error": ...}, with what an [Error] or a [ValidationError]
// says and otherwise no details. Errors about what a client sent ([BindError], [ValidationError]) are logged at debug
// level and counted ([Stats]), others are logged a few times in 10 s.
//
// # Data
//
// [Socket.SetData] keeps a snapshot with a socket, and a [Key] a value of one type. Both are the same on the socket, on
// what [Server.FetchSockets] returns, of whichever server, and on the socket of a client that has resumed its session.
//
// # Hostile clients
//
// What a client can make the server keep is bounded: what waits for handlers and what it has connected with
// ([Options.MaxInboundBytes], [Options.MaxAuthBytes]), its namespaces ([Options.MaxNamespacesPerConnection]), the time
// for the attachments of a packet ([Options.PacketTimeout]), how deep a packet may be nested ([parser.MaxDepth]) and
// what recovery keeps ([ConnectionStateRecovery.MaxBytes]). [Stats] counts what came to such a bound. The names of
// dynamic namespaces are the clients' choice: [Options.CleanupEmptyChildNamespaces] keeps them from piling up.
//
// # Who is there
//
// [Namespace.Sockets] goes through the sockets of this server, To(room).Sockets() through those of a room, and
// [Namespace.FetchSockets] asks all servers. [Namespace.OnJoinRoom] and its like tell who comes into a room of this
// server and who goes.
//
// # Several servers
//
// An [Adapter] connects the namespaces of several servers, so that a broadcast reaches the sockets of all.
// [MemoryAdapter] is that of a single server; package adapter has others.
package socketio
