// Package nats has an adapter that joins servers over NATS (https://nats.io).
//
//	broker, err := nats.Open("nats://127.0.0.1:4222", nats.Options{})
//	if err != nil {
//		return err
//	}
//	io := socketio.NewServer(socketio.Options{Adapter: broker.Adapter()})
//	...
//	io.Shutdown(ctx)
//	broker.Close(ctx)
//
// It is for servers of this library alone: socket.io has no adapter on NATS that speaks the same protocol.
//
// # Subjects
//
// All begin with Options.Prefix, "socket.io" by default, and what follows are tokens (Token):
//
//	<prefix>.all.<namespace>            what all servers of a namespace get
//	<prefix>.room.<namespace>.<room>    broadcasts to one room, heard by servers that have members of it
//	<prefix>.to.<namespace>.<server>    answers to one server
//	<prefix>.members                    who is there, and with which namespaces
//	<prefix>.ping.<process>, <prefix>.gone.<process>.*    whether somebody silent is still there
//
//	<prefix>.log.<namespace>, <prefix>.session.<session>    with JetStream: what must not be lost, and sessions
//	<prefix>.command.<name>             of Commands
//
// A user who may publish and subscribe to <prefix>.> needs no other permissions without JetStream.
//
// # What it promises
//
// Core NATS delivers at most once: what a server publishes while another is cut off from NATS does not reach that one.
// What a server publishes while it is cut off itself waits in its outbox, in order. What it has published and NATS has
// not confirmed is sent again after a lost connection, and recognised where it comes twice. One server's messages keep
// their order, those to rooms and to the whole namespace too.
//
// A message that is larger than the NATS server takes (max_payload, 1 MB by default) travels in parts.
//
// Who is there is known by signs of life, one a second from each process. One that is silent is asked after: where NATS
// says that nobody listens there it is gone, else it counts, and requests that it does not answer are incomplete
// (ErrIncomplete).
//
// # JetStream
//
// Broker.JetStream in place of Broker.Adapter sends what must not be lost through a stream, which servers read on from
// where they were after an outage, and has sessions resumed on any server.
package nats
