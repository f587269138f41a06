package adapter

// What a member of the cluster asks of the others.

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// BroadcastWithAck sends p to the sockets of all servers that opts select and collects their acknowledgements.
func (a *clusterAdapter) BroadcastWithAck(ctx context.Context, p *socketio.Packet, opts socketio.BroadcastOptions,
	count func(int), reply func(socketio.Args, error)) error {
	if err := a.MemoryAdapter.BroadcastWithAck(ctx, p, opts, count, reply); err != nil || opts.Flags.Local {
		return err
	}
	id := newUID(16)
	m, err := a.broadcastMessage(p, opts, id)
	if err != nil {
		return err
	}
	a.requests.add(id, &request{respond: func(m message) {
		var d clusterData
		if json.Unmarshal(m.text, &d) != nil {
			return
		}
		if m.typ == typeBroadcastAck {
			if raw, err := socketio.NewRaw(orNull(d.Packet), m.attachments...); err == nil {
				reply(socketio.NewArgs(raw), nil)
			}
		} else if d.ClientCount != nil {
			count(*d.ClientCount)
		}
	}})
	context.AfterFunc(ctx, func() { a.requests.remove(id) })
	a.bus.publish(m)
	return nil
}

// ServerCount is the number of servers, as far as they answer.
func (a *clusterAdapter) ServerCount(ctx context.Context) (int, error) {
	n, err := a.bus.subscribers(ctx)
	return 1 + a.requests.answering(n), err
}

// ask sends a request and calls respond with each answer.
func (a *clusterAdapter) ask(ctx context.Context, typ messageType, d clusterData, attachments [][]byte,
	respond func(clusterData, [][]byte)) error {
	n, err := a.bus.subscribers(ctx)
	if err != nil {
		return errors.Join(ErrIncomplete, err)
	}
	d.RequestID = newUID(16)
	data, err := marshal(d)
	if err != nil {
		return err
	}
	publish := func() { a.bus.publish(outMessage{typ: typ, ask: true, data: data, attachments: attachments}) }
	return a.requests.ask(ctx, d.RequestID, n, publish, func(m message) {
		var d clusterData
		if json.Unmarshal(m.text, &d) == nil {
			respond(d, m.attachments)
		}
	})
}

// FetchSockets returns the sockets of all servers that opts select. The error may match ErrIncomplete.
func (a *clusterAdapter) FetchSockets(ctx context.Context, opts socketio.BroadcastOptions) ([]*socketio.RemoteSocket, error) {
	sockets, err := a.MemoryAdapter.FetchSockets(ctx, opts)
	if err != nil || opts.Flags.Local {
		return sockets, err
	}
	w := newWireOptions(opts)
	var mu sync.Mutex
	err = a.ask(ctx, typeFetchSockets, clusterData{Opts: &w}, nil, func(d clusterData, attachments [][]byte) {
		mu.Lock()
		defer mu.Unlock()
		for _, raw := range d.Sockets {
			var s wireSocket
			if json.Unmarshal(raw, &s) != nil {
				continue
			}
			if remote, err := s.remote(a.ns, attachments...); err == nil {
				sockets = append(sockets, remote)
			}
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(sockets), err
}

// Sockets are the ids of all servers' sockets in any of rooms. The error may match ErrIncomplete.
func (a *clusterAdapter) Sockets(ctx context.Context, rooms ...string) ([]string, error) {
	sockets, err := a.FetchSockets(ctx, socketio.BroadcastOptions{Rooms: rooms})
	ids := make([]string, len(sockets))
	for i, s := range sockets {
		ids[i] = s.ID()
	}
	return ids, err
}

// AddSockets makes the sockets of all servers that opts select join rooms: this server's at once.
func (a *clusterAdapter) AddSockets(opts socketio.BroadcastOptions, rooms ...string) error {
	if len(rooms) == 0 {
		return nil // and nothing that Node's adapter could make of it
	}
	if err := a.MemoryAdapter.AddSockets(opts, rooms...); err != nil {
		return err
	}
	return a.command(typeSocketsJoin, opts, clusterData{Rooms: toWireRooms(rooms)})
}

// DelSockets makes them leave rooms.
func (a *clusterAdapter) DelSockets(opts socketio.BroadcastOptions, rooms ...string) error {
	if len(rooms) == 0 {
		return nil // and nothing that Node's adapter could make of it
	}
	if err := a.MemoryAdapter.DelSockets(opts, rooms...); err != nil {
		return err
	}
	return a.command(typeSocketsLeave, opts, clusterData{Rooms: toWireRooms(rooms)})
}

// DisconnectSockets disconnects them.
func (a *clusterAdapter) DisconnectSockets(opts socketio.BroadcastOptions, closeConnection bool) error {
	if err := a.MemoryAdapter.DisconnectSockets(opts, closeConnection); err != nil {
		return err
	}
	return a.command(typeDisconnectSockets, opts, clusterData{Close: &closeConnection})
}

// command publishes a message that nobody answers.
func (a *clusterAdapter) command(typ messageType, opts socketio.BroadcastOptions, d clusterData) error {
	if opts.Flags.Local {
		return nil
	}
	w := newWireOptions(opts)
	d.Opts = &w
	data, err := marshal(d)
	if err == nil {
		a.bus.publish(outMessage{typ: typ, data: data})
	}
	return err
}

// ServerSideEmit sends an event to the other servers.
func (a *clusterAdapter) ServerSideEmit(event string, args ...any) error {
	payload, attachments, err := a.ns.NewPacket(event, args...).Payload()
	if err != nil {
		return err
	}
	data, err := marshal(clusterData{Packet: payload})
	if err == nil {
		a.bus.publish(outMessage{typ: typeServerSideEmit, data: data, attachments: attachments})
	}
	return err
}

// ServerSideEmitWithAck sends an event to the other servers and returns what each answers. The error may match
// ErrIncomplete.
func (a *clusterAdapter) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]socketio.Raw, error) {
	payload, attachments, err := a.ns.NewPacket(event, args...).Payload()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var answers []socketio.Raw
	err = a.ask(ctx, typeServerSideEmit, clusterData{Packet: payload}, attachments, func(d clusterData, b [][]byte) {
		if raw, err := socketio.NewRaw(orNull(d.Packet), b...); err == nil {
			mu.Lock()
			answers = append(answers, raw)
			mu.Unlock()
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(answers), err
}
