package adapter

// The messages of the classic Pub/Sub protocol (@socket.io/redis-adapter 8.x): broadcasts in MessagePack, requests and
// responses in JSON, or in MessagePack where they may carry binary data.

import (
	"encoding/json"

	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/peerwire"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
)

// appendSender appends how a broadcast begins: an array of three, and the server's id.
func appendSender(b []byte, id string) []byte {
	return msgp.AppendString(msgp.AppendArrayHeader(b, 3), id)
}

// encodeBroadcast is [id, packet, opts].
func (b *pubSubBus) encodeBroadcast(m cluster.Message) ([]byte, error) {
	text, err := b.appendPacket(appendSender(make([]byte, 0, 256), m.Sender), m)
	if err != nil {
		return nil, err
	}
	return wire.AppendOptions(text, peerwire.Selection(m.Opts)), nil
}

// encodeBroadcastRequest is {uid, requestId, type, packet, opts}: a broadcast that clients are to acknowledge.
func (b *pubSubBus) encodeBroadcastRequest(m cluster.Message) ([]byte, error) {
	text := msgp.AppendMapHeader(nil, 5)
	text = msgp.AppendString(msgp.AppendString(text, "uid"), m.Sender)
	text = msgp.AppendString(msgp.AppendString(text, "requestId"), m.RequestID)
	text = msgp.AppendInt(msgp.AppendString(text, "type"), requestBroadcast)
	text, err := b.appendPacket(msgp.AppendString(text, "packet"), m)
	if err != nil {
		return nil, err
	}
	return wire.AppendOptions(msgp.AppendString(text, "opts"), peerwire.Selection(m.Opts)), nil
}

// appendPacket appends {type, data: [event, ...args], nsp}.
func (b *pubSubBus) appendPacket(text []byte, m cluster.Message) (_ []byte, err error) {
	text = msgp.AppendMapHeader(text, 3)
	text = msgp.AppendInt(msgp.AppendString(text, "type"), wire.PacketEvent)
	text = msgp.AppendString(text, "data")
	if text, err = msgpackjson.Append(text, m.Payload, m.Attachments); err != nil {
		return nil, err
	}
	return msgp.AppendString(msgp.AppendString(text, "nsp"), b.ns.Name()), nil
}

// decodeBroadcast reads [id, packet, opts].
func (b *pubSubBus) decodeBroadcast(data []byte, m *cluster.Message) error {
	n, data, err := msgp.ReadArrayHeaderBytes(data)
	if err != nil {
		return err
	}
	if n < 3 {
		return msgpackjson.ErrShort
	}
	sender, data, err := msgpackjson.ReadText(data)
	if err != nil || string(sender) == b.adapter.ID() {
		return err
	}
	// The options come last, and say whether the packet, which is dearer to read, concerns anybody here.
	rest, err := msgp.Skip(data)
	if err != nil {
		return err
	}
	selection, _, err := wire.ReadOptions(rest)
	if m.Opts = peerwire.BroadcastOptions(selection); err != nil || !b.adapter.Reaches(m.Opts) {
		return err
	}
	return b.decodePacket(data, m)
}

// decodePacket reads {type, data, nsp}. A packet for another namespace leaves m.Type at 0.
func (b *pubSubBus) decodePacket(data []byte, m *cluster.Message) error {
	var r msgpackjson.Reader
	nsp := []byte("/")
	typ := wire.PacketEvent
	_, err := wire.EachField(data, func(key, data []byte) (_ []byte, err error) {
		switch string(key) {
		case "type":
			typ, data, err = msgp.ReadIntBytes(data)
		case "nsp":
			nsp, data, err = msgpackjson.ReadText(data)
		case "data":
			r = msgpackjson.Reader{}
			m.Payload, data, err = r.AppendValue(make([]byte, 0, 2*len(data)), data)
		default:
			data, err = msgp.Skip(data)
		}
		return data, err
	})
	switch {
	case err != nil:
		return err
	case string(nsp) != b.ns.Name():
		return nil
	case !wire.IsEvent(typ):
		return wire.ErrEvent
	}
	m.Type, m.Attachments = cluster.Broadcast, r.Attachments
	return nil
}

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

// commands are the types of requests that nobody answers.
var commands = map[int]cluster.Type{
	requestJoin:       cluster.SocketsJoin,
	requestLeave:      cluster.SocketsLeave,
	requestDisconnect: cluster.DisconnectSockets,
}

// A pubSubRequest is a request, with the fields that its type has.
type pubSubRequest struct {
	UID       string          `json:"uid,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Type      int             `json:"type"`
	Opts      *wire.Options   `json:"opts,omitempty"`
	Rooms     []wire.Room     `json:"rooms,omitempty"`
	Close     *bool           `json:"close,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"` // [event, ...args] of a server-side emit
	Page      cluster.Page    `json:"page,omitzero"`  // of ours only

	// Of other servers only: the socket that a request without opts is about, and the packet of a broadcast.
	SID    string    `json:"sid,omitempty"`
	Room   wire.Room `json:"room,omitempty"`
	Packet struct {
		Data json.RawMessage `json:"data"`
		NSP  string          `json:"nsp"`
	} `json:"packet,omitzero"`
}

func encodeRequest(m cluster.Message) ([]byte, error) {
	req := pubSubRequest{UID: m.Sender, RequestID: m.RequestID}
	opts := wire.NewOptions(peerwire.Selection(m.Opts))
	switch m.Type {
	case cluster.ListSockets:
		req.Type, req.Rooms, req.Page = requestSockets, opts.Rooms, m.Page
	case cluster.ListRooms:
		req.Type = requestAllRooms
	case cluster.SocketsJoin:
		req.Type, req.Opts, req.Rooms = requestJoin, &opts, wire.ToRooms(m.Rooms)
	case cluster.SocketsLeave:
		req.Type, req.Opts, req.Rooms = requestLeave, &opts, wire.ToRooms(m.Rooms)
	case cluster.DisconnectSockets:
		req.Type, req.Opts, req.Close = requestDisconnect, &opts, &m.Close
	case cluster.FetchSockets:
		req.Type, req.Opts, req.Page = requestFetch, &opts, m.Page
	case cluster.ServerSideEmit:
		req.Type, req.Data = requestServerSideEmit, m.Payload
		if m.Opts.Trace != "" { // Node.js looks at no options here
			req.Opts = &opts
		}
	}
	return marshalWith(req, m.Attachments)
}

// marshalWith returns v, whose placeholders refer to attachments, as JSON, or where there are any, as MessagePack.
func marshalWith(v any, attachments [][]byte) ([]byte, error) {
	text, err := wire.Marshal(v)
	if err != nil || len(attachments) == 0 {
		return text, err
	}
	return msgpackjson.Append(nil, text, attachments)
}

// decodeRequest reads what another server asks for.
func (b *pubSubBus) decodeRequest(data []byte, m *cluster.Message) error {
	text, attachments, err := wire.ToJSON(data)
	if err != nil {
		return err
	}
	req := pubSubRequest{Type: -1}
	if err := json.Unmarshal(text, &req); err != nil {
		return err
	}
	if req.UID == b.adapter.ID() || req.RequestID != "" && b.adapter.Awaits(req.RequestID) {
		return nil // this server's own
	}
	m.Sender, m.RequestID, m.Rooms, m.Attachments = req.UID, req.RequestID, wire.FromRooms(req.Rooms), attachments
	if req.Opts != nil {
		m.Opts = peerwire.BroadcastOptions(req.Opts.Selection())
	}
	switch req.Type {
	case requestSockets:
		m.Type, m.Opts.Rooms, m.Page = cluster.ListSockets, m.Rooms, req.Page
	case requestAllRooms:
		m.Type = cluster.ListRooms
	case requestFetch:
		m.Type, m.Page = cluster.FetchSockets, req.Page
	case requestJoin, requestLeave, requestDisconnect:
		if req.Opts == nil {
			return b.changeOne(req)
		}
		m.Type, m.Close = commands[req.Type], req.Close != nil && *req.Close
	case requestServerSideEmit:
		m.Type, m.Payload = cluster.ServerSideEmit, req.Data
	case requestBroadcast:
		if req.Opts == nil || len(req.Packet.Data) == 0 || req.RequestID == "" {
			return msgpackjson.ErrShort
		}
		if nsp := req.Packet.NSP; nsp == "" || nsp == b.ns.Name() {
			m.Type, m.Payload = cluster.Broadcast, req.Packet.Data
		}
	}
	return nil // of a later version, where m has no type
}

// changeOne does what a request of the protocol's older kind asks for: it names one socket, and is answered by the
// server that has it.
func (b *pubSubBus) changeOne(req pubSubRequest) error {
	s := b.ns.Socket(req.SID)
	if s == nil {
		return nil // another server has it
	}
	switch req.Type {
	case requestJoin:
		s.Join(string(req.Room))
	case requestLeave:
		s.Leave(string(req.Room))
	default:
		s.Disconnect(req.Close != nil && *req.Close)
	}
	return b.Respond(req.UID, cluster.Message{RequestID: req.RequestID})
}

// A pubSubResponse is a response, with the fields that its type has.
type pubSubResponse struct {
	RequestID   string            `json:"requestId"`
	Type        *int              `json:"type,omitempty"`
	Sockets     []json.RawMessage `json:"sockets,omitempty"` // ids, or wire.Sockets
	Rooms       []wire.Room       `json:"rooms,omitempty"`
	ClientCount *int              `json:"clientCount,omitempty"`
	Data        json.RawMessage   `json:"data,omitempty"`   // the answer to a server-side emit
	Packet      json.RawMessage   `json:"packet,omitempty"` // a client's acknowledgement
	UID         string            `json:"uid,omitempty"`    // of whom there may be more; of ours only
	More        string            `json:"more,omitempty"`   // of ours only
}

func encodeResponse(m cluster.Message) ([]byte, error) {
	switch m.Type {
	case cluster.ListSocketsResponse:
		return wire.Marshal(withPage(m, map[string]any{"requestId": m.RequestID, "sockets": orEmpty(m.SocketIDs)}))
	case cluster.ListRoomsResponse:
		return wire.Marshal(map[string]any{"requestId": m.RequestID, "rooms": orEmpty(m.Rooms)})
	case cluster.FetchSocketsResponse:
		sockets := make([]peerwire.Socket, len(m.Sockets))
		for i, s := range m.Sockets {
			sockets[i] = peerwire.NewSocket(s)
		}
		return wire.Marshal(withPage(m, map[string]any{"requestId": m.RequestID, "sockets": sockets}))
	case cluster.ServerSideEmitResponse:
		typ := requestServerSideEmit
		return marshalWith(pubSubResponse{RequestID: m.RequestID, Type: &typ, Data: m.Payload}, m.Attachments)
	case cluster.BroadcastClientCount:
		typ := responseClientCount
		return wire.Marshal(pubSubResponse{RequestID: m.RequestID, Type: &typ, ClientCount: &m.ClientCount})
	case cluster.BroadcastAck:
		text := msgp.AppendMapHeader(nil, 3)
		text = msgp.AppendInt(msgp.AppendString(text, "type"), responseBroadcastAck)
		text = msgp.AppendString(msgp.AppendString(text, "requestId"), m.RequestID)
		return msgpackjson.Append(msgp.AppendString(text, "packet"), m.Payload, m.Attachments)
	default: // done
		return wire.Marshal(map[string]any{"requestId": m.RequestID})
	}
}

// withPage adds what an answer says of a page.
func withPage(m cluster.Message, answer map[string]any) map[string]any {
	if m.Page.Bytes > 0 {
		answer["uid"] = m.Sender
		if m.More != "" {
			answer["more"] = m.More
		}
	}
	return answer
}

// orEmpty is list, never nil, so that it is [] in JSON.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// decodeResponse reads what another server answers. What it means depends on what was asked: of sockets and rooms a
// response says no type.
func (b *pubSubBus) decodeResponse(data []byte, m *cluster.Message) error {
	text, attachments, err := wire.ToJSON(data)
	if err != nil {
		return err
	}
	var head struct {
		RequestID string          `json:"requestId"`
		Page      json.RawMessage `json:"page"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return err
	}
	if len(head.Page) > 0 {
		return b.decodeRequest(data, m) // for more, which this server alone is asked for
	}
	if !b.adapter.Awaits(head.RequestID) {
		return nil // most are for another server
	}
	var r pubSubResponse
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	m.Type, m.RequestID, m.Attachments = cluster.FetchSocketsResponse, r.RequestID, attachments
	m.Rooms, m.Payload, m.Sender, m.More = wire.FromRooms(r.Rooms), r.Data, r.UID, r.More
	if m.ClientCount = -1; r.ClientCount != nil { // a count that is none counts for nothing
		m.ClientCount = *r.ClientCount
	}
	if r.Type != nil {
		switch *r.Type {
		case requestServerSideEmit:
			m.Type = cluster.ServerSideEmitResponse
		case responseClientCount:
			m.Type = cluster.BroadcastClientCount
		case responseBroadcastAck:
			m.Type, m.Payload = cluster.BroadcastAck, r.Packet
		}
	}
	b.decodeSockets(r.Sockets, m)
	return nil
}

// decodeSockets reads a list of ids, or of sockets. What makes no sense is left out.
func (b *pubSubBus) decodeSockets(list []json.RawMessage, m *cluster.Message) {
	for _, text := range list {
		var id string
		if json.Unmarshal(text, &id) == nil && id != "" {
			m.SocketIDs = append(m.SocketIDs, id)
			continue
		}
		var s peerwire.Socket
		if json.Unmarshal(text, &s) != nil {
			continue
		}
		if remote, err := s.Remote(b.ns); err == nil {
			m.Sockets = append(m.Sockets, remote)
		}
	}
}
