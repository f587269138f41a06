package adapter

// The Pub/Sub adapter: what servers ask each other.

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// The types of requests and responses (@socket.io/redis-adapter, RequestType).
const (
	requestSockets = iota
	requestAllRooms
	requestJoin
	requestLeave
	requestDisconnect
	requestFetch
	requestServerSideEmit
	requestBroadcast
	responseClientCount
	responseBroadcastAck
)

// A pubSubRequest is a request, with the fields that its type has.
type pubSubRequest struct {
	UID       string          `json:"uid,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Type      int             `json:"type"`
	Opts      *wireOptions    `json:"opts,omitempty"`
	Rooms     []wireRoom      `json:"rooms,omitempty"`
	Close     *bool           `json:"close,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"` // [event, ...args] of a server-side emit

	// Of other servers only: the socket that a request without opts is about, and the packet of a broadcast.
	SID    string   `json:"sid,omitempty"`
	Room   wireRoom `json:"room,omitempty"`
	Packet struct {
		Data json.RawMessage `json:"data"`
		NSP  string          `json:"nsp"`
	} `json:"packet,omitzero"`
}

// A pubSubResponse is a response, with the fields that its type has.
type pubSubResponse struct {
	RequestID   string            `json:"requestId"`
	Type        *int              `json:"type,omitempty"`
	Sockets     []json.RawMessage `json:"sockets,omitempty"` // ids, or wireSockets
	Rooms       []wireRoom        `json:"rooms,omitempty"`
	ClientCount *int              `json:"clientCount,omitempty"`
	Data        json.RawMessage   `json:"data,omitempty"`   // the answer to a server-side emit
	Packet      json.RawMessage   `json:"packet,omitempty"` // a client's acknowledgement
}

// onRequest does what another server asks for.
func (a *pubSubAdapter) onRequest(m message) error {
	req := pubSubRequest{Type: -1}
	if err := json.Unmarshal(m.text, &req); err != nil {
		return err
	}
	if req.UID == a.uid || req.RequestID != "" && a.requests.has(req.RequestID) {
		return nil // this server's own
	}
	ctx := context.Background() // local work that does not wait
	var opts socketio.BroadcastOptions
	if req.Opts != nil {
		opts = req.Opts.options()
	}
	switch req.Type {
	case requestSockets:
		ids, _ := a.MemoryAdapter.Sockets(ctx, fromWireRooms(req.Rooms)...)
		return a.respondWith(req, map[string]any{"requestId": req.RequestID, "sockets": orEmpty(ids)})
	case requestAllRooms:
		return a.respondWith(req, map[string]any{"requestId": req.RequestID, "rooms": orEmpty(a.localRooms())})
	case requestFetch:
		local, _ := a.MemoryAdapter.FetchSockets(ctx, opts)
		sockets := make([]wireSocket, len(local))
		for i, s := range local {
			sockets[i] = newWireSocket(s)
		}
		return a.respondWith(req, map[string]any{"requestId": req.RequestID, "sockets": sockets})
	case requestJoin, requestLeave, requestDisconnect:
		return a.onCommand(req, opts)
	case requestServerSideEmit:
		return a.onServerSideEmit(req, m.attachments)
	case requestBroadcast:
		return a.onBroadcastRequest(req, opts, m.attachments)
	}
	return nil // of a later version
}

// onCommand changes sockets: those that the options select, or one by its id.
func (a *pubSubAdapter) onCommand(req pubSubRequest, opts socketio.BroadcastOptions) error {
	closeConnection := req.Close != nil && *req.Close
	rooms := fromWireRooms(req.Rooms)
	if req.Opts != nil {
		switch req.Type {
		case requestJoin:
			return a.MemoryAdapter.AddSockets(opts, rooms...)
		case requestLeave:
			return a.MemoryAdapter.DelSockets(opts, rooms...)
		default:
			return a.MemoryAdapter.DisconnectSockets(opts, closeConnection)
		}
	}
	s := a.ns.Socket(req.SID)
	if s == nil {
		return nil // another server has it
	}
	switch req.Type {
	case requestJoin:
		s.Join(string(req.Room))
	case requestLeave:
		s.Leave(string(req.Room))
	default:
		s.Disconnect(closeConnection)
	}
	return a.respondWith(req, map[string]any{"requestId": req.RequestID})
}

func (a *pubSubAdapter) onServerSideEmit(req pubSubRequest, attachments [][]byte) error {
	var reply func(any) error
	if req.RequestID != "" {
		reply = a.replyTo(req.RequestID)
	}
	// Handlers may take their time, and may ask the other servers something themselves.
	if !a.handlers.add(func() {
		if err := a.ns.HandleServerSideEmit(req.Data, attachments, reply); err != nil {
			a.malformed(a.requestChannel, err)
		}
	}, len(req.Data)+64) {
		a.redis.stats.receiveDropped.Add(1)
	}
	return nil
}

// replyTo returns the function that answers a server-side emit.
func (a *pubSubAdapter) replyTo(id string) func(any) error {
	return func(arg any) error {
		payload, attachments, err := a.ns.NewPacket("", arg).Payload()
		if err != nil {
			return err
		}
		typ := requestServerSideEmit
		data := payload[len(`["",`) : len(payload)-1]
		b, err := marshal(pubSubResponse{RequestID: id, Type: &typ, Data: data})
		if err == nil && len(attachments) > 0 {
			b, err = appendJSON(nil, b, attachments)
		}
		if err == nil {
			a.redis.publish(a.responseChannel, b)
		}
		return err
	}
}

// onBroadcastRequest sends a packet to this server's sockets and passes on what they answer.
func (a *pubSubAdapter) onBroadcastRequest(req pubSubRequest, opts socketio.BroadcastOptions, attachments [][]byte) error {
	if req.Opts == nil || len(req.Packet.Data) == 0 {
		return errShort
	}
	if nsp := req.Packet.NSP; nsp != "" && nsp != a.ns.Name() {
		return nil
	}
	p, err := a.ns.NewPayloadPacket(req.Packet.Data, attachments)
	if err != nil {
		return err
	}
	// The asking server has its own time-out, which it does not tell; this one only keeps the wait from being for ever.
	ctx, cancel := context.WithTimeout(a.redis.ctx, ackLife)
	waiting := newCountdown(cancel)
	err = a.MemoryAdapter.BroadcastWithAck(ctx, p, opts, func(n int) {
		typ := responseClientCount
		b, err := marshal(pubSubResponse{RequestID: req.RequestID, Type: &typ, ClientCount: &n})
		if err == nil {
			a.publishResponse(req, b)
		}
		waiting.expect(n)
	}, func(args socketio.Args, err error) {
		defer waiting.done()
		if err != nil {
			return
		}
		b := msgp.AppendMapHeader(nil, 3)
		b = msgp.AppendInt(msgp.AppendString(b, "type"), responseBroadcastAck)
		b = msgp.AppendString(msgp.AppendString(b, "requestId"), req.RequestID)
		b = msgp.AppendString(b, "packet")
		arg := args.Raw(0) // Node's adapters pass on one value
		text := arg.JSON()
		if arg.IsZero() {
			text = json.RawMessage("null")
		}
		if b, err = appendJSON(b, text, arg.Attachments()); err == nil {
			a.publishResponse(req, b)
		}
	})
	if err != nil {
		cancel()
	}
	return err
}

func (a *pubSubAdapter) publishResponse(req pubSubRequest, b []byte) {
	channel := a.responseChannel
	if a.redis.opts.SpecificResponses && req.UID != "" {
		channel += req.UID + "#"
	}
	a.redis.publish(channel, b)
}

func (a *pubSubAdapter) respondWith(req pubSubRequest, response any) error {
	b, err := marshal(response)
	if err != nil {
		return err
	}
	a.publishResponse(req, b)
	return nil
}

// onResponse takes what another server answers.
func (a *pubSubAdapter) onResponse(m message) error {
	var head struct {
		RequestID string `json:"requestId"`
		Type      *int   `json:"type"`
	}
	if err := json.Unmarshal(m.text, &head); err != nil {
		return err
	}
	a.requests.respond(head.RequestID, m, head.Type == nil || *head.Type != responseBroadcastAck)
	return nil
}

// ServerCount is the number of servers that Redis knows of; 1 while it cannot be asked, as no other can be reached then.
func (a *pubSubAdapter) ServerCount(ctx context.Context) (int, error) {
	n, err := a.subscribers(ctx)
	if err != nil {
		return 1, ctx.Err()
	}
	return 1 + n, nil
}

// subscribers is the number of others that get a request.
func (a *pubSubAdapter) subscribers(ctx context.Context) (int, error) {
	return a.redis.countSubscribers(ctx, func(ctx context.Context, c redis.Cmdable) (int64, error) {
		n, err := c.PubSubNumSub(ctx, a.requestChannel).Result()
		return n[a.requestChannel], err
	})
}

// ask sends a request to all servers and calls respond with each response.
func (a *pubSubAdapter) ask(ctx context.Context, req pubSubRequest, respond func(pubSubResponse, [][]byte)) error {
	n, err := a.subscribers(ctx)
	if err != nil {
		return errors.Join(ErrIncomplete, err)
	}
	req.UID, req.RequestID = a.uid, newUID(6)
	b, err := marshal(req)
	if err != nil {
		return err
	}
	return a.requests.ask(ctx, req.RequestID, n, func() { a.redis.publish(a.requestChannel, b) }, func(m message) {
		var r pubSubResponse
		if err := json.Unmarshal(m.text, &r); err == nil {
			respond(r, m.attachments)
		}
	})
}

// Sockets are the ids of all servers' sockets in any of rooms. The error may match ErrIncomplete.
func (a *pubSubAdapter) Sockets(ctx context.Context, rooms ...string) ([]string, error) {
	ids, err := a.MemoryAdapter.Sockets(ctx, rooms...)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err = a.ask(ctx, pubSubRequest{Type: requestSockets, Rooms: toWireRooms(rooms)}, func(r pubSubResponse, _ [][]byte) {
		mu.Lock()
		defer mu.Unlock()
		for _, raw := range r.Sockets {
			var id string
			if json.Unmarshal(raw, &id) == nil {
				ids = append(ids, id)
			}
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(ids), err
}

// AllRooms are the rooms of all servers, each once. The error may match ErrIncomplete.
func (a *pubSubAdapter) AllRooms(ctx context.Context) ([]string, error) {
	rooms := make(map[string]bool)
	for _, room := range a.localRooms() {
		rooms[room] = true
	}
	var mu sync.Mutex
	err := a.ask(ctx, pubSubRequest{Type: requestAllRooms}, func(r pubSubResponse, _ [][]byte) {
		mu.Lock()
		defer mu.Unlock()
		for _, room := range r.Rooms {
			rooms[string(room)] = true
		}
	})
	mu.Lock()
	defer mu.Unlock()
	list := make([]string, 0, len(rooms))
	for room := range rooms {
		list = append(list, room)
	}
	slices.Sort(list)
	return list, err
}

// localRooms are the rooms of this server, each socket's own among them.
func (a *pubSubAdapter) localRooms() []string {
	own, _ := a.MemoryAdapter.Sockets(context.Background())
	return append(a.RoomNames(), own...)
}

// FetchSockets returns the sockets of all servers that opts select. The error may match ErrIncomplete.
func (a *pubSubAdapter) FetchSockets(ctx context.Context, opts socketio.BroadcastOptions) ([]*socketio.RemoteSocket, error) {
	sockets, err := a.MemoryAdapter.FetchSockets(ctx, opts)
	if err != nil || opts.Flags.Local {
		return sockets, err
	}
	w := newWireOptions(opts)
	var mu sync.Mutex
	err = a.ask(ctx, pubSubRequest{Type: requestFetch, Opts: &w}, func(r pubSubResponse, _ [][]byte) {
		mu.Lock()
		defer mu.Unlock()
		for _, raw := range r.Sockets {
			var s wireSocket
			if json.Unmarshal(raw, &s) != nil {
				continue
			}
			if remote, err := s.remote(a.ns); err == nil {
				sockets = append(sockets, remote)
			}
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(sockets), err
}

// AddSockets makes the sockets of all servers that opts select join rooms: this server's at once.
func (a *pubSubAdapter) AddSockets(opts socketio.BroadcastOptions, rooms ...string) error {
	if err := a.MemoryAdapter.AddSockets(opts, rooms...); err != nil || len(rooms) == 0 {
		return err
	}
	return a.command(pubSubRequest{Type: requestJoin, Rooms: toWireRooms(rooms)}, opts)
}

// DelSockets makes them leave rooms.
func (a *pubSubAdapter) DelSockets(opts socketio.BroadcastOptions, rooms ...string) error {
	if err := a.MemoryAdapter.DelSockets(opts, rooms...); err != nil || len(rooms) == 0 {
		return err // a request without rooms ends a Node server: it calls a method of undefined
	}
	return a.command(pubSubRequest{Type: requestLeave, Rooms: toWireRooms(rooms)}, opts)
}

// DisconnectSockets disconnects them.
func (a *pubSubAdapter) DisconnectSockets(opts socketio.BroadcastOptions, closeConnection bool) error {
	if err := a.MemoryAdapter.DisconnectSockets(opts, closeConnection); err != nil {
		return err
	}
	return a.command(pubSubRequest{Type: requestDisconnect, Close: &closeConnection}, opts)
}

// command publishes a request that nobody answers.
func (a *pubSubAdapter) command(req pubSubRequest, opts socketio.BroadcastOptions) error {
	if opts.Flags.Local {
		return nil
	}
	w := newWireOptions(opts)
	req.UID, req.Opts = a.uid, &w
	b, err := marshal(req)
	if err != nil {
		return err
	}
	a.redis.publish(a.requestChannel, b)
	return nil
}

// BroadcastWithAck sends p to the sockets of all servers that opts select and collects their acknowledgements.
func (a *pubSubAdapter) BroadcastWithAck(ctx context.Context, p *socketio.Packet, opts socketio.BroadcastOptions,
	count func(int), reply func(socketio.Args, error)) error {
	if err := a.MemoryAdapter.BroadcastWithAck(ctx, p, opts, count, reply); err != nil || opts.Flags.Local {
		return err
	}
	id := newUID(6)
	b := msgp.AppendMapHeader(nil, 5)
	b = msgp.AppendString(msgp.AppendString(b, "uid"), a.uid)
	b = msgp.AppendString(msgp.AppendString(b, "requestId"), id)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), requestBroadcast)
	b, err := appendPacket(msgp.AppendString(b, "packet"), p, a.ns.Name())
	if err != nil {
		return err
	}
	b = appendOptions(msgp.AppendString(b, "opts"), opts)
	req := &request{got: make(chan struct{}, 64), respond: func(m message) {
		var r pubSubResponse
		if json.Unmarshal(m.text, &r) != nil || r.Type == nil {
			return
		}
		switch *r.Type {
		case responseClientCount:
			if r.ClientCount != nil {
				count(*r.ClientCount)
			}
		case responseBroadcastAck:
			raw, err := socketio.NewRaw(orNull(r.Packet), m.attachments...)
			if err == nil {
				reply(socketio.NewArgs(raw), nil)
			}
		}
	}}
	a.requests.add(id, req)
	context.AfterFunc(ctx, func() { a.requests.remove(id) })
	a.redis.publish(a.requestChannel, b)
	go a.countSilent(ctx, req, count)
	return nil
}

// countSilent speaks for the servers that are known not to answer: they have asked nobody.
func (a *pubSubAdapter) countSilent(ctx context.Context, req *request, count func(int)) {
	n, err := a.subscribers(ctx)
	if err != nil {
		return
	}
	missing, err := a.requests.wait(ctx, req, n)
	if err != nil {
		return
	}
	for range missing {
		count(0)
	}
}

// ServerSideEmit sends an event to the other servers.
func (a *pubSubAdapter) ServerSideEmit(event string, args ...any) error {
	b, err := a.serverSideEmit("", event, args)
	if err == nil {
		a.redis.publish(a.requestChannel, b)
	}
	return err
}

// serverSideEmit encodes a server-side emit: JSON, as Node's, or where that cannot hold the arguments, MessagePack,
// which Node's reads too.
func (a *pubSubAdapter) serverSideEmit(id, event string, args []any) ([]byte, error) {
	data, attachments, err := a.ns.NewPacket(event, args...).Payload()
	if err != nil {
		return nil, err
	}
	b, err := marshal(pubSubRequest{UID: a.uid, RequestID: id, Type: requestServerSideEmit, Data: data})
	if err != nil || len(attachments) == 0 {
		return b, err
	}
	return appendJSON(nil, b, attachments)
}

// ServerSideEmitWithAck sends an event to the other servers and returns what each answers. The error may match
// ErrIncomplete.
func (a *pubSubAdapter) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]socketio.Raw, error) {
	n, err := a.subscribers(ctx)
	if err != nil {
		return nil, errors.Join(ErrIncomplete, err)
	}
	id := newUID(6)
	b, err := a.serverSideEmit(id, event, args)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var answers []socketio.Raw
	err = a.requests.ask(ctx, id, n, func() { a.redis.publish(a.requestChannel, b) }, func(m message) {
		var r pubSubResponse
		if json.Unmarshal(m.text, &r) != nil {
			return
		}
		if raw, err := socketio.NewRaw(orNull(r.Data), m.attachments...); err == nil {
			mu.Lock()
			answers = append(answers, raw)
			mu.Unlock()
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(answers), err
}
