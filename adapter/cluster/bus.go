package cluster

// What a broker has to do.

import "context"

// A Bus carries messages between the servers of one namespace. Its methods are called from any goroutine, with no lock
// held.
//
// A bus that does not send at once implements socketio.Flusher too.
//
// A bus hands what comes in to Adapter.Receive, undecoded. The adapter puts it in line, and calls Decode when its turn
// comes. A bus may lose messages, which it should count and log. It must not deliver one twice, or change the order of
// one server's messages.
type Bus interface {
	// Publish sends m to all other servers, in the order of the calls. It does not wait for the broker, and does not
	// keep m.Payload or m.Attachments. The error is that of encoding m.
	Publish(m Message) error
	// Respond sends m to one server, whose id is to: an answer, or a request for the next page of one (Page.After),
	// which no other server may answer.
	Respond(to string, m Message) error
	// Others is the number of other servers that a request reaches: so many answers are waited for. The error means
	// that there may be more. While the broker is known to be away Others does not wait: it returns 0 and an error, as
	// nobody can be reached then and nobody can say how many there are.
	Others(ctx context.Context) (int, error)
	// Decode reads what the bus gave to Receive into m, which is zero. It leaves m.Type at 0 where the message does
	// not concern this server. (This server's own messages are passed over in any case.) It is called by one goroutine
	// at a time, and m may keep parts of data. The error means that the message is malformed.
	Decode(channel string, data []byte, m *Message) error
	// Close ends the subscriptions. It may be called more than once.
	Close()
}

// A RoomFollower is a Bus that has channels for rooms, and subscribes to those of rooms that have members here.
type RoomFollower interface {
	// RoomChanged is called, with no lock held, when room may have got its first member on this server or lost its
	// last. Adapter.HasRoom says which: two changes at once may be reported in either order. Every socket's own id is
	// a room.
	RoomChanged(room string)
}
