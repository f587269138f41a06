package cluster

// What a member of the cluster tells the others, and asks of them.

import (
	"context"
	"slices"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Broadcast sends p to this server's sockets at once, and to the others' through the bus.
func (a *Adapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	if err := a.MemoryAdapter.Broadcast(p, opts); err != nil || opts.Flags.Local {
		return err
	}
	m, err := BroadcastMessage(p, opts)
	if err != nil {
		return err
	}
	return a.publish(m)
}

// BroadcastMessage is the message that sends p to the sockets that opts select. It refers to p, which must not be
// changed as long as it is used.
func BroadcastMessage(p *socketio.Packet, opts socketio.BroadcastOptions) (Message, error) {
	payload, attachments, err := p.Payload()
	return Message{Type: Broadcast, Opts: opts, Payload: payload, Attachments: attachments}, err
}

func (a *Adapter) publish(m Message) error {
	m.Sender = a.id
	return a.bus.Publish(m)
}

// AddSockets makes the sockets of all servers that opts select join rooms: this server's at once.
func (a *Adapter) AddSockets(opts socketio.BroadcastOptions, rooms ...string) error {
	if len(rooms) == 0 {
		return nil // and nothing that Node.js's adapters could make of it
	}
	if err := a.MemoryAdapter.AddSockets(opts, rooms...); err != nil || opts.Flags.Local {
		return err
	}
	return a.publish(Message{Type: SocketsJoin, Opts: opts, Rooms: rooms})
}

// DelSockets makes them leave rooms.
func (a *Adapter) DelSockets(opts socketio.BroadcastOptions, rooms ...string) error {
	if len(rooms) == 0 {
		return nil // a request without rooms ends a Node.js server: it calls a method of undefined
	}
	if err := a.MemoryAdapter.DelSockets(opts, rooms...); err != nil || opts.Flags.Local {
		return err
	}
	return a.publish(Message{Type: SocketsLeave, Opts: opts, Rooms: rooms})
}

// DisconnectSockets disconnects them.
func (a *Adapter) DisconnectSockets(opts socketio.BroadcastOptions, closeConnection bool) error {
	if err := a.MemoryAdapter.DisconnectSockets(opts, closeConnection); err != nil || opts.Flags.Local {
		return err
	}
	return a.publish(Message{Type: DisconnectSockets, Opts: opts, Close: closeConnection})
}

// ServerSideEmit sends an event to the other servers.
func (a *Adapter) ServerSideEmit(event string, args ...any) error {
	m, err := a.serverSideEmit(event, args)
	if err != nil {
		return err
	}
	return a.publish(m)
}

func (a *Adapter) serverSideEmit(event string, args []any) (Message, error) {
	payload, attachments, err := a.Namespace().NewPacket(event, args...).Payload()
	return Message{Type: ServerSideEmit, Payload: payload, Attachments: attachments}, err
}

// ServerCount is the number of servers that the broker knows of, this one among them. Where it cannot be asked, the
// error matches ErrIncomplete, and there may be more.
func (a *Adapter) ServerCount(ctx context.Context) (int, error) {
	n, err := a.bus.Others(ctx)
	return 1 + n, uncounted(0, err)
}

// uncounted is the error of an answer of so many servers where the broker could not say how many there are.
func uncounted(answered int, err error) error {
	if err == nil {
		return nil
	}
	return &IncompleteError{Answered: answered, Missing: -1, Err: err}
}

// ask sends a request to the other servers and calls respond with each answer, or page of one, which it must not keep.
func (a *Adapter) ask(ctx context.Context, m Message, respond func(*Message)) error {
	n, uncertain := a.bus.Others(ctx)
	m.RequestID, m.Page = a.opts.NewID(), firstPage(m.Type, n)
	req := newRequest(respond)
	if m.Page.Bytes > 0 {
		req.next = func(to, after string) error {
			next := m
			next.Sender, next.Page.After, next.Opts.Trace = a.id, after, "" // a trace has the first page
			return a.bus.Respond(to, next)
		}
	}
	err := a.requests.ask(ctx, m.RequestID, req, n, func() error { return a.publish(m) })
	if err == nil {
		err = uncounted(n, uncertain)
	}
	return err
}

// gather asks m and returns what read finds in the answers, behind own.
func gather[T any](ctx context.Context, a *Adapter, m Message, own []T, read func(*Message) []T) ([]T, error) {
	var mu sync.Mutex
	err := a.ask(ctx, m, func(m *Message) {
		mu.Lock()
		defer mu.Unlock()
		own = append(own, read(m)...)
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(own), err // a late answer may still be added to own
}

// FetchSockets returns the sockets of all servers that opts select. Servers of this package answer in pages (Page): as
// long as those come the request lives on, until ctx is done. The error may match ErrIncomplete.
func (a *Adapter) FetchSockets(ctx context.Context, opts socketio.BroadcastOptions) ([]*socketio.RemoteSocket, error) {
	local, err := a.MemoryAdapter.FetchSockets(ctx, opts)
	if err != nil || opts.Flags.Local {
		return local, err
	}
	return gather(ctx, a, Message{Type: FetchSockets, Opts: opts}, local, func(m *Message) []*socketio.RemoteSocket {
		return m.Sockets
	})
}

// Sockets are the ids of all servers' sockets in any of rooms. The error may match ErrIncomplete.
func (a *Adapter) Sockets(ctx context.Context, rooms ...string) ([]string, error) {
	local, err := a.MemoryAdapter.Sockets(ctx, rooms...)
	if err != nil {
		return nil, err
	}
	m := Message{Type: ListSockets, Opts: socketio.BroadcastOptions{Rooms: rooms}}
	return gather(ctx, a, m, local, func(m *Message) []string {
		ids := m.SocketIDs
		for _, s := range m.Sockets {
			ids = append(ids, s.ID())
		}
		return ids
	})
}

// AllRooms are the rooms of all servers, each socket's own among them, each once and sorted. The error may match
// ErrIncomplete.
func (a *Adapter) AllRooms(ctx context.Context) ([]string, error) {
	rooms, err := gather(ctx, a, Message{Type: ListRooms}, a.localRooms(), func(m *Message) []string {
		rooms := m.Rooms
		for _, s := range m.Sockets {
			rooms = append(rooms, s.Rooms()...)
		}
		return rooms
	})
	slices.Sort(rooms)
	return slices.Compact(rooms), err
}

// localRooms are the rooms of this server, each socket's own among them.
func (a *Adapter) localRooms() []string {
	own, _ := a.MemoryAdapter.Sockets(a.ctx)
	return append(a.RoomNames(), own...)
}

// ServerSideEmitWithAck sends an event to the other servers and returns what each answers. The error may match
// ErrIncomplete.
func (a *Adapter) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]socketio.Raw, error) {
	m, err := a.serverSideEmit(event, args)
	if err != nil {
		return nil, err
	}
	m.Opts.Trace = a.Namespace().Carry(ctx)
	return gather(ctx, a, m, nil, func(m *Message) []socketio.Raw {
		raw, err := socketio.NewRaw(orNull(m.Payload), m.Attachments...)
		if err != nil {
			return nil
		}
		return []socketio.Raw{raw}
	})
}

// BroadcastWithAck sends p to the sockets of all servers that opts select and collects their acknowledgements.
func (a *Adapter) BroadcastWithAck(ctx context.Context, p *socketio.Packet, opts socketio.BroadcastOptions,
	count func(int), reply func(socketio.Args, error)) error {
	if err := a.MemoryAdapter.BroadcastWithAck(ctx, p, opts, count, reply); err != nil || opts.Flags.Local {
		return err
	}
	m, err := BroadcastMessage(p, opts)
	if err != nil {
		return err
	}
	m.RequestID = a.opts.NewID()
	req := newRequest(func(m *Message) {
		switch m.Type {
		case BroadcastClientCount:
			if m.ClientCount >= 0 { // else it is no count
				count(m.ClientCount)
			}
		case BroadcastAck:
			if raw, err := socketio.NewRaw(orNull(m.Payload), m.Attachments...); err == nil {
				reply(socketio.NewArgs(raw), nil)
			}
		}
	})
	a.requests.add(m.RequestID, req)
	context.AfterFunc(ctx, func() { a.requests.remove(m.RequestID) })
	if err := a.publish(m); err != nil {
		a.requests.remove(m.RequestID)
		return err
	}
	go a.countSilent(ctx, req, count, reply)
	return nil
}

// countSilent speaks for the servers that do not answer within a request's time: they have asked nobody, and reply is
// told so.
func (a *Adapter) countSilent(ctx context.Context, req *request, count func(int), reply func(socketio.Args, error)) {
	n, uncertain := a.bus.Others(ctx)
	missing, err := a.requests.wait(ctx, req, n)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = uncounted(n, uncertain)
	}
	if err != nil {
		reply(socketio.Args{}, err)
	}
	for range missing {
		count(0)
	}
}
