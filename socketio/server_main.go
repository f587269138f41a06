package socketio

// The main namespace, "/", as the server's own methods: most programs have no other. As in Node, io.on and the rest
// stand for those of io.of("/").

import (
	"context"
	"time"
)

// Adapter is the main namespace's adapter.
func (srv *Server) Adapter() Adapter { return srv.main.Adapter() }

// SocketCount is the number of sockets that this server has in the main namespace.
func (srv *Server) SocketCount() int { return srv.main.SocketCount() }

// Socket is this server's socket of the main namespace with that id, or nil.
func (srv *Server) Socket(id string) *Socket { return srv.main.Socket(id) }

// Use adds a middleware for the main namespace. See Namespace.Use.
func (srv *Server) Use(f func(*Socket) error) { srv.main.Use(f) }

// OnConnect adds a handler for new sockets of the main namespace. See Namespace.OnConnect.
func (srv *Server) OnConnect(f func(*Socket) error) Listener { return srv.main.OnConnect(f) }

// On adds a handler for an event of any socket of the main namespace. See Socket.On.
func (srv *Server) On(event string, f func(*Event) error) Listener { return srv.main.On(event, f) }

// Once is On for one event: the first one of any socket of the main namespace.
func (srv *Server) Once(event string, f func(*Event) error) Listener { return srv.main.Once(event, f) }

// Off takes off the main namespace's handlers for an event.
func (srv *Server) Off(event string) { srv.main.Off(event) }

// OnAny adds a handler for every event of any socket of the main namespace, before the others.
func (srv *Server) OnAny(f func(*Event) error) Listener { return srv.main.OnAny(f) }

// EventNames returns the events that the main namespace has handlers for. See Namespace.EventNames.
func (srv *Server) EventNames() []string { return srv.main.EventNames() }

// OnDisconnecting adds a handler for the end of any socket of the main namespace, while it is still in its rooms.
func (srv *Server) OnDisconnecting(f func(*Socket, Reason)) Listener {
	return srv.main.OnDisconnecting(f)
}

// OnDisconnect adds a handler for the end of any socket of the main namespace, when it has left its rooms.
func (srv *Server) OnDisconnect(f func(*Socket, Reason)) Listener { return srv.main.OnDisconnect(f) }

// OnServerSideEmit adds a handler for an event that other servers send with ServerSideEmit in the main namespace.
func (srv *Server) OnServerSideEmit(event string, f ServerSideHandler) Listener {
	return srv.main.OnServerSideEmit(event, f)
}

// To selects the members of rooms of the main namespace.
func (srv *Server) To(rooms ...string) BroadcastOperator { return srv.main.To(rooms...) }

// In is To.
func (srv *Server) In(rooms ...string) BroadcastOperator { return srv.main.To(rooms...) }

// Except selects everyone in the main namespace but the members of rooms.
func (srv *Server) Except(rooms ...string) BroadcastOperator { return srv.main.Except(rooms...) }

// Volatile selects everyone in the main namespace, for an event that may be dropped for clients that do not keep up.
func (srv *Server) Volatile() BroadcastOperator { return srv.main.Volatile() }

// Local selects everyone who is in the main namespace on this server.
func (srv *Server) Local() BroadcastOperator { return srv.main.Local() }

// Compress selects everyone in the main namespace, and says whether what is emitted may be compressed.
func (srv *Server) Compress(compress bool) BroadcastOperator { return srv.main.Compress(compress) }

// Timeout selects everyone in the main namespace, and bounds EmitWithAck.
func (srv *Server) Timeout(d time.Duration) BroadcastOperator { return srv.main.Timeout(d) }

// Emit sends everyone in the main namespace an event. See BroadcastOperator.Emit.
func (srv *Server) Emit(event string, args ...any) error { return srv.main.Emit(event, args...) }

// Send is Emit of the event "message".
func (srv *Server) Send(args ...any) error { return srv.main.Send(args...) }

// EmitWithAck sends everyone in the main namespace an event and waits for all acknowledgements. See
// BroadcastOperator.EmitWithAck.
func (srv *Server) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	return srv.main.EmitWithAck(ctx, event, args...)
}

// FetchSockets returns all sockets of the main namespace, of all servers.
func (srv *Server) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return srv.main.FetchSockets(ctx)
}

// SocketIDs are the ids of all sockets of the main namespace, of all servers.
func (srv *Server) SocketIDs(ctx context.Context) ([]string, error) { return srv.main.SocketIDs(ctx) }

// SocketsJoin makes all sockets of the main namespace join rooms.
func (srv *Server) SocketsJoin(rooms ...string) error { return srv.main.SocketsJoin(rooms...) }

// SocketsLeave makes all sockets of the main namespace leave rooms.
func (srv *Server) SocketsLeave(rooms ...string) error { return srv.main.SocketsLeave(rooms...) }

// DisconnectSockets disconnects all sockets of the main namespace, and with closeConnection their clients altogether.
func (srv *Server) DisconnectSockets(closeConnection bool) error {
	return srv.main.DisconnectSockets(closeConnection)
}

// ServerSideEmit sends an event to the main namespace of the other servers. See Namespace.ServerSideEmit.
func (srv *Server) ServerSideEmit(event string, args ...any) error {
	return srv.main.ServerSideEmit(event, args...)
}

// ServerSideEmitWithAck sends an event to the main namespace of the other servers and returns what each answers.
func (srv *Server) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Raw, error) {
	return srv.main.ServerSideEmitWithAck(ctx, event, args...)
}
