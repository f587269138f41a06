package cluster

// What a broker has to do.

import "context"

// A Bus carries messages between the servers of one namespace. Its methods are called from any goroutine, with no lock
// held.
//
// What comes in the bus hands to Adapter.Receive, as it came. When the message's turn comes the adapter has Decode
// read it. A bus may lose messages, and then says so in its own way; it must not repeat one, nor change the order of
// what one server publishes.
type Bus interface {
	// Publish sends m to all other servers, in the order of its calls. It does not wait for the broker, and does not
	// keep m.Payload or m.Attachments. The error is that of encoding m.
	Publish(m Message) error
	// Respond sends m to one server, whose id is to.
	Respond(to string, m Message) error
	// Others is the number of other servers that a request reaches: as many answers are waited for. While the broker is
	// known to be away it is 0, as nobody can be reached then.
	Others(ctx context.Context) (int, error)
	// Decode reads into m, which is zero, what the bus has given to Receive. It leaves m.Type at 0 where the message
	// is nothing to this server, and need not tell this server's own from others': those are passed over. It is
	// called by one goroutine at a time, and m may keep parts of data. The error means that the message is malformed.
	Decode(channel string, data []byte, m *Message) error
	// Close ends the subscriptions. It may be called more than once.
	Close()
}

// A RoomFollower is a Bus that has a channel for each room, so that it has to know which rooms have members here.
type RoomFollower interface {
	// RoomChanged is called, with no lock held, when room may have got its first member on this server or lost its
	// last. Adapter.HasRoom says which: two changes at once may be reported in either order. Every socket's own id is
	// a room.
	RoomChanged(room string)
}
