package adapter

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"websocket-escalonavel/socketio"
)

// The protocol that Node's newer adapters share (socket.io-adapter, ClusterAdapter): one kind of message for all that
// servers tell each other. How messages travel is the bus's business; see sharded.go and streams.go.

// messageType is the type of a cluster message (socket.io-adapter, MessageType).
type messageType int

const (
	typeBroadcast messageType = 3 + iota
	typeSocketsJoin
	typeSocketsLeave
	typeDisconnectSockets
	typeFetchSockets
	typeFetchSocketsResponse
	typeServerSideEmit
	typeServerSideEmitResponse
	typeBroadcastClientCount
	typeBroadcastAck
)

// A clusterMessage is a message that came. Placeholders in Data refer to attachments.
type clusterMessage struct {
	UID         string          `json:"uid"`
	NSP         string          `json:"nsp"`
	Type        messageType     `json:"type"`
	Data        json.RawMessage `json:"data"`
	attachments [][]byte
}

// An inbound is something in line to be dealt with: a message, one still to be decoded, or a function.
type inbound struct {
	message clusterMessage
	raw     string // a message as it came, from topic
	topic   string
	run     func()
}

// clusterData is what a message may hold, by its type.
type clusterData struct {
	Packet      json.RawMessage   `json:"packet,omitempty"` // {type, data}, [event, ...args], or an answer
	Opts        *wireOptions      `json:"opts,omitempty"`
	Rooms       []wireRoom        `json:"rooms,omitempty"`
	Close       *bool             `json:"close,omitempty"`
	RequestID   string            `json:"requestId,omitempty"`
	ClientCount *int              `json:"clientCount,omitempty"`
	Sockets     []json.RawMessage `json:"sockets,omitempty"`
	Resumed     bool              `json:"resumed,omitempty"` // these sockets' sessions go on elsewhere (ours; Node passes it over)
}

// fetchAnswer is the data of an answer to fetchSockets. The sockets' data may hold binary values.
type fetchAnswer struct {
	RequestID string          `json:"requestId"`
	Sockets   []fetchedSocket `json:"sockets"`
}

type fetchedSocket struct {
	wireSocket
	Data socketio.Raw `json:"data"`
}

// wirePacket is the packet of a broadcast. Its namespace is that of the message.
type wirePacket struct {
	Type int             `json:"type"`
	Data json.RawMessage `json:"data"`
}

// An outMessage is a message on its way to other servers.
type outMessage struct {
	typ         messageType
	rooms       []string // of a broadcast
	ask         bool     // a request that servers answer
	data        []byte   // JSON of a clusterData
	attachments [][]byte
}

// A clusterBus carries messages between the servers of one namespace.
type clusterBus interface {
	// publish sends a message to all other servers, in order. It does not wait.
	publish(outMessage)
	// respond sends one to the server uid.
	respond(uid string, m outMessage)
	// subscribers is the number of other servers that a request reaches.
	subscribers(context.Context) (int, error)
	// close ends the subscriptions.
	close()
}

// clusterAdapter is one namespace's member of the cluster.
type clusterAdapter struct {
	*socketio.MemoryAdapter
	redis *Redis
	ns    *socketio.Namespace
	uid   string // this server's, in this namespace
	bus   clusterBus

	resumed func(sids []string) // called before sockets whose sessions go on elsewhere are disconnected; may be nil

	inbox    lane[inbound]
	handlers lane[func()] // of server-side emits
	requests requests
	lost     logLimit
}

func newClusterAdapter(r *Redis, ns *socketio.Namespace) *clusterAdapter {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	a := &clusterAdapter{MemoryAdapter: socketio.NewMemoryAdapter(ns), redis: r, ns: ns, uid: hex.EncodeToString(id[:])}
	a.requests.init(r.opts.RequestsTimeout)
	a.inbox = lane[inbound]{work: a.receiveAll, limit: r.opts.InboxBytes}
	a.handlers = lane[func()]{work: runAll, limit: r.opts.InboxBytes}
	return a
}

// Close ends the subscriptions.
func (a *clusterAdapter) Close(context.Context) error {
	a.bus.close()
	a.requests.close()
	return nil
}

// encode returns a message as JSON where that can hold it, else as MessagePack.
func (a *clusterAdapter) encode(m outMessage) ([]byte, error) {
	text, err := a.envelope(m)
	if err != nil || len(m.attachments) == 0 {
		return text, err
	}
	return appendJSON(nil, text, m.attachments)
}

func (a *clusterAdapter) envelope(m outMessage) ([]byte, error) {
	return marshal(struct {
		Type messageType     `json:"type"`
		Data json.RawMessage `json:"data"`
		UID  string          `json:"uid"`
		NSP  string          `json:"nsp"`
	}{m.typ, m.data, a.uid, a.ns.Name()})
}

// decodeMessage reads a message in either form.
func decodeMessage(b []byte) (clusterMessage, error) {
	var m clusterMessage
	text, attachments, err := toJSON(b)
	if err != nil {
		return m, err
	}
	err = json.Unmarshal(text, &m)
	m.attachments = attachments
	return m, err
}

// onMessage puts a message that was published in line.
func (a *clusterAdapter) onMessage(topic, payload string) {
	a.enqueue(inbound{raw: payload, topic: topic}, len(payload))
}

func (a *clusterAdapter) enqueue(in inbound, size int) {
	if a.inbox.add(in, size+128) {
		return
	}
	n := a.redis.stats.receiveDropped.Add(1)
	if a.lost.allow() {
		a.redis.opts.Logger.Warn("more messages from other servers than can be delivered: some are dropped",
			"namespace", a.ns.Name(), "dropped_total", n)
	}
}

func (a *clusterAdapter) malformed(from string, err error) {
	n := a.redis.stats.malformed.Add(1)
	if a.lost.allow() {
		a.redis.opts.Logger.Warn("malformed message from another server", "from", from, "error", err,
			"malformed_total", n)
	}
}

func (a *clusterAdapter) receiveAll(batch []inbound) {
	for _, in := range batch {
		if in.run != nil {
			in.run()
			continue
		}
		m, from := in.message, in.topic
		var err error
		if in.raw != "" {
			m, err = decodeMessage([]byte(in.raw))
		}
		if err == nil && m.UID != a.uid && m.NSP == a.ns.Name() {
			from = m.UID
			err = a.receive(m)
		}
		if err != nil {
			a.malformed(from, err)
		}
	}
}

// receive does what a message says.
func (a *clusterAdapter) receive(m clusterMessage) error {
	if m.Type < typeBroadcast || m.Type > typeBroadcastAck {
		return nil // the heartbeats of other versions
	}
	var d clusterData
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return err
	}
	var opts socketio.BroadcastOptions
	if d.Opts != nil {
		opts = d.Opts.options()
	} else if m.Type <= typeFetchSockets {
		return errShort
	}
	switch m.Type {
	case typeBroadcast:
		return a.receiveBroadcast(m, d, opts)
	case typeSocketsJoin:
		return a.MemoryAdapter.AddSockets(opts, fromWireRooms(d.Rooms)...)
	case typeSocketsLeave:
		return a.MemoryAdapter.DelSockets(opts, fromWireRooms(d.Rooms)...)
	case typeDisconnectSockets:
		if d.Resumed && a.resumed != nil {
			a.resumed(opts.Rooms)
		}
		return a.MemoryAdapter.DisconnectSockets(opts, d.Close != nil && *d.Close)
	case typeFetchSockets:
		local, _ := a.MemoryAdapter.FetchSockets(context.Background(), opts) // local: does not wait or fail
		answer := fetchAnswer{RequestID: d.RequestID, Sockets: make([]fetchedSocket, len(local))}
		for i, s := range local {
			answer.Sockets[i] = fetchedSocket{newWireSocket(s), a.socketData(s.Data())}
		}
		text, attachments, err := a.argument(answer)
		if err != nil {
			return err
		}
		a.bus.respond(m.UID, outMessage{typ: typeFetchSocketsResponse, data: text, attachments: attachments})
	case typeServerSideEmit:
		return a.receiveServerSideEmit(m, d)
	case typeBroadcastClientCount, typeBroadcastAck, typeFetchSocketsResponse, typeServerSideEmitResponse:
		a.requests.respond(d.RequestID, message{text: m.Data, attachments: m.attachments, typ: m.Type}, true)
	}
	return nil
}

// respond sends an answer to a server.
func (a *clusterAdapter) respond(uid string, typ messageType, data any, attachments [][]byte) {
	b, err := marshal(data)
	if err != nil {
		a.redis.opts.Logger.Error("answer to another server cannot be encoded", "error", err)
		return
	}
	a.bus.respond(uid, outMessage{typ: typ, data: b, attachments: attachments})
}

func (a *clusterAdapter) receiveBroadcast(m clusterMessage, d clusterData, opts socketio.BroadcastOptions) error {
	if d.RequestID == "" && !a.mayReach(opts) {
		return nil
	}
	p, err := a.packet(d.Packet, m.attachments)
	if err != nil {
		return err
	}
	if d.RequestID == "" {
		return a.MemoryAdapter.Broadcast(p, opts)
	}
	// The asking server has its own time-out, which it does not tell; this one only keeps the wait from being for ever.
	ctx, cancel := context.WithTimeout(a.redis.ctx, ackLife)
	waiting := newCountdown(cancel)
	err = a.MemoryAdapter.BroadcastWithAck(ctx, p, opts, func(n int) {
		a.respond(m.UID, typeBroadcastClientCount, clusterData{RequestID: d.RequestID, ClientCount: &n}, nil)
		waiting.expect(n)
	}, func(args socketio.Args, err error) {
		defer waiting.done()
		if err == nil {
			arg := args.Raw(0) // Node's adapters pass on one value
			a.respond(m.UID, typeBroadcastAck, clusterData{RequestID: d.RequestID, Packet: orNull(arg.JSON())},
				arg.Attachments())
		}
	})
	if err != nil {
		cancel()
	}
	return err
}

// mayReach reports whether a broadcast may have a recipient on this server.
func (a *clusterAdapter) mayReach(opts socketio.BroadcastOptions) bool {
	return len(opts.Rooms) == 0 || slices.ContainsFunc(opts.Rooms, a.HasRoom)
}

// packet reads the packet of a broadcast.
func (a *clusterAdapter) packet(text json.RawMessage, attachments [][]byte) (*socketio.Packet, error) {
	var w wirePacket
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, err
	}
	if _, _, err := splitEvent(w.Data, attachments); err != nil {
		return nil, err
	}
	return a.ns.NewPayloadPacket(w.Data, attachments), nil
}

func (a *clusterAdapter) receiveServerSideEmit(m clusterMessage, d clusterData) error {
	event, args, err := splitEvent(d.Packet, m.attachments)
	if err != nil {
		return err
	}
	var once sync.Once
	reply := func(arg any) (err error) {
		err = socketio.ErrAckSent
		once.Do(func() {
			if err = nil; d.RequestID == "" {
				return
			}
			var text json.RawMessage
			var attachments [][]byte
			if text, attachments, err = a.argument(arg); err == nil {
				a.respond(m.UID, typeServerSideEmitResponse, clusterData{RequestID: d.RequestID, Packet: text}, attachments)
			}
		})
		return err
	}
	// Handlers may take their time, and may ask the other servers something themselves.
	if !a.handlers.add(func() { a.ns.HandleServerSideEmit(event, args, reply) }, len(m.Data)+64) {
		a.redis.stats.receiveDropped.Add(1)
	}
	return nil
}

// socketData encodes a socket's data. Where there is none, or no JSON for it, it is what a socket in Node begins with.
func (a *clusterAdapter) socketData(data any) socketio.Raw {
	text, attachments, err := a.argument(data)
	if err != nil || string(text) == "null" {
		text, attachments = json.RawMessage("{}"), nil
	}
	raw, _ := socketio.NewRaw(text, attachments...) // it has just been encoded
	return raw
}

// argument encodes one value, with its attachments.
func (a *clusterAdapter) argument(arg any) (json.RawMessage, [][]byte, error) {
	payload, attachments, err := a.ns.NewPacket("", arg).Payload()
	if err != nil {
		return nil, nil, err
	}
	return payload[len(`["",`) : len(payload)-1], attachments, nil
}

// broadcastMessage is the message of a broadcast; id is that of the request, if the sockets are to acknowledge.
func (a *clusterAdapter) broadcastMessage(p *socketio.Packet, opts socketio.BroadcastOptions, id string) (outMessage, error) {
	payload, attachments, err := p.Payload()
	if err != nil {
		return outMessage{}, err
	}
	packet, err := marshal(wirePacket{Type: 2, Data: payload})
	if err != nil {
		return outMessage{}, err
	}
	w := newWireOptions(opts)
	data, err := marshal(clusterData{Packet: packet, Opts: &w, RequestID: id})
	return outMessage{typ: typeBroadcast, rooms: opts.Rooms, ask: id != "", data: data, attachments: attachments}, err
}

// Broadcast sends p to this server's sockets at once, and to the others' through the bus.
func (a *clusterAdapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	if err := a.MemoryAdapter.Broadcast(p, opts); err != nil || opts.Flags.Local {
		return err
	}
	m, err := a.broadcastMessage(p, opts, "")
	if err == nil {
		a.bus.publish(m)
	}
	return err
}

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
		} else if d.ClientCount != nil && *d.ClientCount >= 0 {
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
			if json.Unmarshal(raw, &s) == nil {
				sockets = append(sockets, s.remote(a.ns, attachments...))
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
