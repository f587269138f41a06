package adapter

// What a member of the cluster does with the messages of the others.

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

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
	return a.ns.NewPayloadPacket(w.Data, attachments)
}

func (a *clusterAdapter) receiveServerSideEmit(m clusterMessage, d clusterData) error {
	var reply func(any) error
	if d.RequestID != "" {
		reply = func(arg any) error {
			text, attachments, err := a.argument(arg)
			if err == nil {
				a.respond(m.UID, typeServerSideEmitResponse, clusterData{RequestID: d.RequestID, Packet: text}, attachments)
			}
			return err
		}
	}
	// Handlers may take their time, and may ask the other servers something themselves.
	if !a.handlers.add(func() {
		if err := a.ns.HandleServerSideEmit(d.Packet, m.attachments, reply); err != nil {
			a.malformed(m.UID, err)
		}
	}, len(m.Data)+64) {
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
