package socketio

// Namespaces: groups of sockets with handlers and rooms of their own, over shared connections.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Namespace is a set of sockets with its own handlers, middlewares and rooms. All its methods may be called from any
// goroutine; handlers are best set before the first client connects.
type Namespace struct {
	server     *Server
	name       string
	adapter    Adapter
	sockets    socketTable
	ackIDs     atomic.Uint64
	roomEvents roomEvents
	// overheard is how many sockets have handlers of OnAnyOutgoing.
	overheard atomic.Int64

	handlers   atomic.Pointer[handlers] // replaced whole
	handlersMu sync.Mutex               // of who replaces them

	// Of dynamic namespaces; guarded by Server.mu.
	parent   *Namespace
	refs     int                   // sockets connecting or connected
	children map[string]*Namespace // of a parent
}

// handlers are what a program has set for a namespace. They are not changed once others can see them.
type handlers struct {
	use           []func(*Socket) error
	useEvents     []EventMiddleware
	connect       []listener[func(*Socket) error]
	events        map[string][]listener[func(*Event) error]
	any           []listener[func(*Event) error]
	disconnecting []listener[func(*Socket, Reason)]
	disconnect    []listener[func(*Socket, Reason)]
	aborted       []listener[func(*Socket, Reason)]
	rooms         roomListeners
	serverSide    map[string][]listener[ServerSideHandler]
}

// A ServerSideHandler gets an event that another server of the cluster has sent with ServerSideEmit. reply answers it;
// it is nil where no answer is wanted.
type ServerSideHandler func(args []Raw, reply func(arg any) error)

func newNamespace(srv *Server, name string) *Namespace {
	ns := &Namespace{server: srv, name: name}
	ns.sockets.init()
	ns.handlers.Store(new(handlers))
	return ns
}

// change replaces the handlers by a copy that f has changed.
func (ns *Namespace) change(f func(*handlers)) {
	ns.handlersMu.Lock()
	defer ns.handlersMu.Unlock()
	h := *ns.handlers.Load()
	h.use, h.useEvents = slices.Clip(h.use), slices.Clip(h.useEvents)
	f(&h)
	ns.handlers.Store(&h)
}

// Name is the namespace's name; it begins with a slash.
func (ns *Namespace) Name() string { return ns.name }

// Server is the server that the namespace belongs to.
func (ns *Namespace) Server() *Server { return ns.server }

// Adapter is the namespace's adapter.
func (ns *Namespace) Adapter() Adapter { return ns.adapter }

// SocketCount is the number of sockets of this server.
func (ns *Namespace) SocketCount() int { return int(ns.sockets.count.Load()) }

// Socket is the socket of this server with that id, or nil.
func (ns *Namespace) Socket(id string) *Socket {
	if s := ns.sockets.get(id); s != nil && s.Connected() {
		return s
	}
	return nil
}

func (ns *Namespace) nextAckID() uint64 { return ns.ackIDs.Add(1) - 1 }

// Use adds a middleware. Every connecting socket goes through the middlewares, in the order in which they were added,
// before it is connected. One that returns an error refuses the client, which gets the error's text, and its data where
// it is a *ConnectError. A middleware may block; that delays its own client only.
func (ns *Namespace) Use(f func(*Socket) error) {
	ns.change(func(h *handlers) { h.use = append(h.use, f) })
}

// OnConnect adds a handler for new sockets. No event of a socket is handled before it returns. Its error is logged and
// given to Options.OnError; the socket stays.
func (ns *Namespace) OnConnect(f func(*Socket) error) Listener {
	return ns.listen(func(h *handlers, id listenerID) { h.connect = with(h.connect, id, f) }, false)
}

// listen adds a listener.
func (ns *Namespace) listen(add func(*handlers, listenerID), once bool) Listener {
	id := ns.server.newListenerID(once)
	ns.change(func(h *handlers) { add(h, id) })
	return Listener{ns, id}
}

// On adds a handler for an event of any of the namespace's sockets. See Socket.On. The event "connection", which is
// OnConnect, is not added either.
func (ns *Namespace) On(event string, f func(*Event) error) Listener { return ns.on(event, f, false) }

func (ns *Namespace) on(event string, f func(*Event) error, once bool) Listener {
	if event == "connection" || parser.IsReservedEvent(event) {
		ns.server.neverComes(event)
		return Listener{}
	}
	return ns.listen(func(h *handlers, id listenerID) { h.events = withNamed(h.events, event, id, f) }, once)
}

// OnAny adds a handler for every event of any of the namespace's sockets, before the others.
func (ns *Namespace) OnAny(f func(*Event) error) Listener {
	return ns.listen(func(h *handlers, id listenerID) { h.any = with(h.any, id, f) }, false)
}

// OnDisconnecting adds a handler for the end of any of the namespace's sockets, while it is still in its rooms.
func (ns *Namespace) OnDisconnecting(f func(*Socket, Reason)) Listener {
	return ns.listen(func(h *handlers, id listenerID) { h.disconnecting = with(h.disconnecting, id, f) }, false)
}

// OnDisconnect adds a handler for the end of any of the namespace's sockets, when it has left its rooms.
func (ns *Namespace) OnDisconnect(f func(*Socket, Reason)) Listener {
	return ns.listen(func(h *handlers, id listenerID) { h.disconnect = with(h.disconnect, id, f) }, false)
}

// OnConnectAborted adds a handler for sockets that have gone before they were connected, while the middlewares ran or
// after: for what a middleware (Use) has begun for one. No other handler hears of such a socket, and this one of no
// other, nor of those that a middleware has refused in time.
func (ns *Namespace) OnConnectAborted(f func(*Socket, Reason)) Listener {
	return ns.listen(func(h *handlers, id listenerID) { h.aborted = with(h.aborted, id, f) }, false)
}

// OnServerSideEmit adds a handler for an event that other servers send with ServerSideEmit. The names connect,
// connection and new_namespace are reserved: a handler for one is not added, and the log says so at error level.
func (ns *Namespace) OnServerSideEmit(event string, f ServerSideHandler) Listener {
	if parser.IsReservedServerSideEvent(event) {
		ns.server.log().Error("socketio: a handler for a reserved name never runs", "event", event)
		return Listener{}
	}
	return ns.listen(func(h *handlers, id listenerID) { h.serverSide = withNamed(h.serverSide, event, id, f) }, false)
}

func (ns *Namespace) operator() BroadcastOperator { return BroadcastOperator{namespace: ns} }

// To selects the members of rooms.
func (ns *Namespace) To(rooms ...string) BroadcastOperator { return ns.operator().To(rooms...) }

// In is To.
func (ns *Namespace) In(rooms ...string) BroadcastOperator { return ns.operator().To(rooms...) }

// Except selects everyone but the members of rooms.
func (ns *Namespace) Except(rooms ...string) BroadcastOperator { return ns.operator().Except(rooms...) }

// Volatile selects everyone, for an event that may be dropped for clients that are not keeping up.
func (ns *Namespace) Volatile() BroadcastOperator { return ns.operator().Volatile() }

// Local selects everyone on this server.
func (ns *Namespace) Local() BroadcastOperator { return ns.operator().Local() }

// Compress selects everyone, and says whether what is emitted may be compressed.
func (ns *Namespace) Compress(compress bool) BroadcastOperator {
	return ns.operator().Compress(compress)
}

// Timeout selects everyone, and bounds EmitWithAck.
func (ns *Namespace) Timeout(d time.Duration) BroadcastOperator { return ns.operator().Timeout(d) }

// Emit sends everyone an event. See BroadcastOperator.Emit.
func (ns *Namespace) Emit(event string, args ...any) error { return ns.operator().Emit(event, args...) }

// Send is Emit of the event "message".
func (ns *Namespace) Send(args ...any) error { return ns.Emit(messageEvent, args...) }

// EmitWithAck sends everyone an event and waits for all acknowledgements. See BroadcastOperator.EmitWithAck.
func (ns *Namespace) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	return ns.operator().EmitWithAck(ctx, event, args...)
}

// FetchSockets returns all sockets, of all servers.
func (ns *Namespace) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return ns.operator().FetchSockets(ctx)
}

// SocketIDs are the ids of all sockets, of all servers. See BroadcastOperator.SocketIDs.
func (ns *Namespace) SocketIDs(ctx context.Context) ([]string, error) {
	return ns.operator().SocketIDs(ctx)
}

// SocketsJoin makes all sockets join rooms.
func (ns *Namespace) SocketsJoin(rooms ...string) error { return ns.operator().SocketsJoin(rooms...) }

// SocketsLeave makes all sockets leave rooms.
func (ns *Namespace) SocketsLeave(rooms ...string) error {
	return ns.operator().SocketsLeave(rooms...)
}

// DisconnectSockets disconnects all sockets.
func (ns *Namespace) DisconnectSockets(closeConnection bool) error {
	return ns.operator().DisconnectSockets(closeConnection)
}

// ServerSideEmit sends an event to the other servers of the cluster; on a single one it does nothing. The error is
// ErrReservedEvent or the adapter's.
func (ns *Namespace) ServerSideEmit(event string, args ...any) error {
	if parser.IsReservedServerSideEvent(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return ns.adapter.ServerSideEmit(event, args...)
}

// ServerSideEmitWithAck sends an event to the other servers of the cluster and returns what each answers.
func (ns *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Raw, error) {
	if parser.IsReservedServerSideEvent(event) {
		return nil, fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return ns.adapter.ServerSideEmitWithAck(ctx, event, args...)
}
