package socketio

// The Adapter: who is in which room, and how an event reaches them, on this server and on others.

import (
	"context"
	"slices"
)

// An Adapter keeps the rooms of one namespace and broadcasts to them. MemoryAdapter is the one for a single server; an
// adapter for several embeds a *MemoryAdapter, whose methods act on this server's sockets alone, and overrides
// Broadcast and the others that are to reach further. What came from another server it hands to the embedded methods,
// after NewPayloadPacket has checked it:
//
//	p, err := ns.NewPayloadPacket(payload, attachments)
//	if err != nil {
//		return err // a client would close its connection over it
//	}
//	return a.MemoryAdapter.Broadcast(p, opts)
//
// Sockets, FetchSockets and ServerSideEmitWithAck return what there is, with an error that matches ErrIncomplete where
// not every server has answered.
//
// HandleServerSideEmit, NewRemoteSocket and NewRaw check the rest. An adapter may implement SessionObserver, Flusher
// and RoomLister too. The package adapter/cluster has all of this for any broker, and adapter/adaptertest tests it.
//
// Its methods are called from any goroutine, with no lock of this package held, and must not block but for those with a
// context.
type Adapter interface {
	// Close ends the adapter; its namespace is no longer used.
	Close(ctx context.Context) error
	// ServerCount is the number of servers that the adapter reaches, this one among them. Where it cannot know, as its
	// broker is away, the error matches ErrIncomplete, and the number is of those that it knows of.
	ServerCount(ctx context.Context) (int, error)

	// AddAll makes s a member of rooms. A disconnected socket joins nothing.
	AddAll(s *Socket, rooms ...string)
	// Del takes s out of room.
	Del(s *Socket, room string)
	// DelAll takes s out of all its rooms, for good.
	DelAll(s *Socket)
	// SocketRooms are the rooms of a socket of this server, its own id first; nil where there is no such socket.
	SocketRooms(id string) []string
	// Sockets are the ids of the sockets in any of rooms, or of all sockets where none is given.
	Sockets(ctx context.Context, rooms ...string) ([]string, error)

	// Broadcast sends p to the sockets that opts select, each once. The error is that of encoding p. An adapter may
	// keep p.
	Broadcast(p *Packet, opts BroadcastOptions) error
	// BroadcastWithAck is Broadcast for a packet that the sockets are to acknowledge, with an id that it gives p. count
	// gets the number of sockets asked, once from each server; reply gets each answer, or an error that matches
	// ErrDisconnected where a socket went before it answered. An error that matches ErrIncomplete means that servers
	// could not be asked, or do not answer; for each that is counted as one, count gets 0. Both may be called from any
	// goroutine, also before BroadcastWithAck returns, until ctx is done.
	BroadcastWithAck(
		ctx context.Context, p *Packet, opts BroadcastOptions, count func(int), reply func(Args, error),
	) error

	// FetchSockets returns the sockets that opts select.
	FetchSockets(ctx context.Context, opts BroadcastOptions) ([]*RemoteSocket, error)
	// AddSockets makes the sockets that opts select join rooms.
	AddSockets(opts BroadcastOptions, rooms ...string) error
	// DelSockets makes them leave rooms.
	DelSockets(opts BroadcastOptions, rooms ...string) error
	// DisconnectSockets disconnects them, with their connections where closeConnection is set.
	DisconnectSockets(opts BroadcastOptions, closeConnection bool) error

	// ServerSideEmit sends an event to the other servers, whose Namespace.OnServerSideEmit handlers get it.
	ServerSideEmit(event string, args ...any) error
	// ServerSideEmitWithAck is ServerSideEmit with one answer from each other server.
	ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Raw, error)

	// PersistSession keeps the session of a socket that may be resumed. An adapter without recovery does nothing.
	PersistSession(session SavedSession)
	// RestoreSession returns what is kept for pid, or nil where there is nothing, it is too old, or offset is.
	// ctx ends when the client has gone, and after Options.ConnectTimeout.
	RestoreSession(ctx context.Context, pid, offset string) (*RestoredSession, error)
}

// A SessionObserver is an Adapter that keeps sessions while they last, and not only when they end, so that they survive
// the death of their server.
type SessionObserver interface {
	// SessionChanged is called when the data of s has been set. (What rooms s is in the adapter knows itself.) It is
	// called with no lock held, from any goroutine, and must not block.
	SessionChanged(s *Socket)
}

// A Flusher is an Adapter that has messages for other servers on their way.
type Flusher interface {
	// Flush waits until they have gone out, ctx is done, or it is plain that they will not. Shutdown calls it before
	// Close, so that a program which ends its server loses nothing that it has said.
	Flush(ctx context.Context)
}

// A RoomIndex is an Adapter that knows which rooms have members on this server. MemoryAdapter is one, and so is every
// adapter that embeds it.
type RoomIndex interface {
	// HasRoom reports whether room, which may be a socket's own, has a member on this server.
	HasRoom(room string) bool
	// RoomNames are the rooms that have a member on this server, but for the sockets' own, in no order.
	RoomNames() []string
}

// A RoomLister is an Adapter that can ask all servers for their rooms.
type RoomLister interface {
	// AllRooms are the rooms of all servers, each socket's own among them, each once and sorted.
	AllRooms(ctx context.Context) ([]string, error)
}

// BroadcastOptions select sockets, and say how to send to them.
type BroadcastOptions struct {
	Rooms  []string // members of any of them; none: everyone
	Except []string // but for members of any of these
	Flags  BroadcastFlags
	// Trace is what other servers are told of the trace that this belongs to (BroadcastOperator.WithContext). "" is
	// nothing.
	Trace string
}

// Selects reports whether o selects a socket that is in these rooms.
func (o *BroadcastOptions) Selects(rooms []string) bool {
	in := func(room string) bool { return slices.Contains(rooms, room) }
	return !slices.ContainsFunc(o.Except, in) && (len(o.Rooms) == 0 || slices.ContainsFunc(o.Rooms, in))
}

// BroadcastFlags say how a packet is sent. The zero value is the ordinary way.
type BroadcastFlags struct {
	Volatile   bool // may be dropped for a client that does not keep up
	NoCompress bool // not to be compressed (Node.js: compress: false)
	Local      bool // to the sockets of this server only
}

// A SavedSession is what is kept of a disconnected socket, so that its client can resume it.
type SavedSession struct {
	SID   string // the socket's id
	PID   string // the private id that its client resumes it with
	Rooms []string
	Data  Raw // {} where there is none
}

// A RestoredSession is a SavedSession about to be resumed.
type RestoredSession struct {
	SavedSession
	// Resume calls live once, before it returns, with the packets that the session has missed, in order. No
	// broadcast falls between those and what the socket gets once live has returned: live marks the socket
	// connected, calls no code of the program and does not block. Where some of the packets have been dropped
	// meanwhile, Resume does not call live: the client is disconnected, comes again and begins a new session.
	Resume func(live func(missed []*Packet))
}
