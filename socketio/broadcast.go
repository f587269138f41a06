package socketio

// The broadcast operator: who gets an event, and how.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A BroadcastOperator selects sockets of a namespace and does something to all of them. It is a value: methods that
// narrow or widen the selection return another one, and an operator can be kept and used again, from any goroutine.
type BroadcastOperator struct {
	namespace *Namespace
	opts      BroadcastOptions
	timeout   time.Duration
}

// To adds rooms whose members are selected. With no room at all, every socket is.
func (b BroadcastOperator) To(rooms ...string) BroadcastOperator {
	b.opts.Rooms = union(b.opts.Rooms, rooms)
	return b
}

// In is To.
func (b BroadcastOperator) In(rooms ...string) BroadcastOperator { return b.To(rooms...) }

// Except adds rooms whose members are not selected.
func (b BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	b.opts.Except = union(b.opts.Except, rooms)
	return b
}

// Volatile lets the event be dropped for clients that are not keeping up.
func (b BroadcastOperator) Volatile() BroadcastOperator {
	b.opts.Flags.Volatile = true
	return b
}

// Local selects sockets of this server only.
func (b BroadcastOperator) Local() BroadcastOperator {
	b.opts.Flags.Local = true
	return b
}

// Compress says whether the event may be compressed. By default it may.
func (b BroadcastOperator) Compress(compress bool) BroadcastOperator {
	b.opts.Flags.NoCompress = !compress
	return b
}

// Timeout bounds EmitWithAck.
func (b BroadcastOperator) Timeout(d time.Duration) BroadcastOperator {
	b.timeout = d
	return b
}

// union returns a and behind it what of b is not in a. It does not change a.
func union(a, b []string) []string {
	out := slices.Clip(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Emit sends an event to the selected sockets and returns at once. Arguments are encoded as encoding/json does, without
// its escapes for HTML; byte slices anywhere in them travel as binary attachments, and Raw values as they are. Errors:
// ErrReservedEvent, and those of encoding.
func (b BroadcastOperator) Emit(event string, args ...any) error {
	if parser.IsReservedEvent(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return b.namespace.adapter.Broadcast(b.namespace.NewPacket(event, args...), b.opts)
}

// EmitWithAck sends an event and waits until every selected socket has acknowledged it or has disconnected, Timeout
// has passed, or ctx is done. Where acknowledgements are missing, it returns those that have come, and an error that
// matches ErrDisconnected, ErrAckTimeout or ctx's error, and ErrIncomplete where servers have not said whom they asked.
func (b BroadcastOperator) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	ctx, cancel := withAckTimeout(ctx, b.timeout)
	defer cancel()
	c, err := b.ask(ctx, event, args)
	if err != nil {
		return nil, err
	}
	return b.await(ctx, c)
}

// FetchSockets returns the selected sockets, of all servers unless Local. What other servers have of many sockets comes
// in parts: a socket that is there meanwhile is found once, one that comes or goes may be found or not.
func (b BroadcastOperator) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return b.namespace.adapter.FetchSockets(ctx, b.optsIn(ctx))
}

// SocketIDs are the ids of the selected sockets, of all servers unless Local, in no order and never nil (Node.js:
// allSockets). Where not every server has answered, the error matches ErrIncomplete.
func (b BroadcastOperator) SocketIDs(ctx context.Context) ([]string, error) {
	if len(b.opts.Except) == 0 && !b.opts.Flags.Local {
		ids, err := b.namespace.adapter.Sockets(ctx, b.opts.Rooms...)
		return append([]string{}, ids...), err
	}
	sockets, err := b.FetchSockets(ctx)
	ids := make([]string, len(sockets))
	for i, s := range sockets {
		ids[i] = s.id
	}
	return ids, err
}

// SocketsJoin makes the selected sockets join rooms.
func (b BroadcastOperator) SocketsJoin(rooms ...string) error {
	return b.namespace.adapter.AddSockets(b.opts, rooms...)
}

// SocketsLeave makes the selected sockets leave rooms.
func (b BroadcastOperator) SocketsLeave(rooms ...string) error {
	return b.namespace.adapter.DelSockets(b.opts, rooms...)
}

// DisconnectSockets disconnects the selected sockets from the namespace, and with closeConnection their clients
// altogether.
func (b BroadcastOperator) DisconnectSockets(closeConnection bool) error {
	return b.namespace.adapter.DisconnectSockets(b.opts, closeConnection)
}

// A RemoteSocket is a socket that FetchSockets has found, on this server or another. It says how the socket was at that
// moment, and its methods act on the socket as it is now.
type RemoteSocket struct {
	id        string
	handshake *Handshake
	rooms     []string
	data      Raw
	op        BroadcastOperator
}

// ID is the socket's id.
func (r *RemoteSocket) ID() string { return r.id }

// Handshake is what the client connected with.
func (r *RemoteSocket) Handshake() *Handshake { return r.handshake }

// Rooms are the rooms that the socket was in.
func (r *RemoteSocket) Rooms() []string { return r.rooms }

// Data is a snapshot of the socket's data, {} where it has none. See Key.
func (r *RemoteSocket) Data() Raw { return r.data }

// Emit sends the socket an event.
func (r *RemoteSocket) Emit(event string, args ...any) error { return r.op.Emit(event, args...) }

// EmitWithAck sends the socket an event and waits for its acknowledgement.
func (r *RemoteSocket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	replies, err := r.op.EmitWithAck(ctx, event, args...)
	if len(replies) > 0 {
		return replies[0], nil
	}
	if err == nil {
		err = ErrDisconnected // nobody was asked
	}
	return Args{}, err
}

// Join makes the socket join rooms.
func (r *RemoteSocket) Join(rooms ...string) error { return r.op.SocketsJoin(rooms...) }

// Leave makes the socket leave rooms.
func (r *RemoteSocket) Leave(rooms ...string) error { return r.op.SocketsLeave(rooms...) }

// Disconnect disconnects the socket.
func (r *RemoteSocket) Disconnect(closeConnection bool) error {
	return r.op.DisconnectSockets(closeConnection)
}
