package cluster

// Messages in the form of Node.js's newer adapters.

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/peerwire"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Codec has messages in the form of socket.io-adapter's ClusterAdapter, which all of Node.js's adapters but the
// classic one for Redis share: {type, data, uid, nsp}, in JSON where that can hold the data, else in MessagePack. A
// bus whose messages need be no others uses Encode for Publish and Respond, and Decode for Decode.
type Codec struct{ adapter *Adapter }

// NewCodec returns the Codec for an adapter's messages.
func NewCodec(a *Adapter) Codec { return Codec{a} }

var errData = errors.New("cluster: incomplete data")

type envelope struct {
	Type Type            `json:"type"`
	Data json.RawMessage `json:"data"`
	UID  string          `json:"uid"`
	NSP  string          `json:"nsp"`
	// Not in Node.js, which passes over them.
	Seq   uint64 `json:"seq"`
	Again bool   `json:"again"`
}

// outData is what a message may hold, by its type.
type outData struct {
	Packet      any           `json:"packet,omitempty"` // an outPacket, [event, ...args], or an answer
	Opts        *wire.Options `json:"opts,omitempty"`
	Rooms       []wire.Room   `json:"rooms,omitempty"`
	Close       *bool         `json:"close,omitempty"`
	RequestID   string        `json:"requestId,omitempty"`
	ClientCount *int          `json:"clientCount,omitempty"`
	Resumed     bool          `json:"resumed,omitempty"`
	// Not in Node.js, which passes over them, and gets no answer with them.
	Page      Page     `json:"page,omitzero"`
	IDsOnly   bool     `json:"idsOnly,omitempty"` // no more of the sockets
	SocketIDs []string `json:"socketIds,omitempty"`
	More      string   `json:"more,omitempty"`
}

// A packet is that of a broadcast. Its namespace is that of the message.
type packet struct {
	Type int             `json:"type"`
	Data json.RawMessage `json:"data"`
}

// fetchAnswer is the data of an answer to fetchSockets. The sockets' data may hold binary values.
type fetchAnswer struct {
	RequestID string          `json:"requestId"`
	Sockets   []fetchedSocket `json:"sockets"`
	More      string          `json:"more,omitempty"` // not in Node.js
}

type fetchedSocket struct {
	peerwire.Socket
	Data socketio.Raw `json:"data"`
}

// Encode returns a message as JSON where that can hold it, else as MessagePack.
func (c Codec) Encode(m Message) ([]byte, error) {
	text, err := c.envelope(&m)
	if err != nil || len(m.Attachments) == 0 {
		return text, err
	}
	return msgpackjson.Append(nil, text, m.Attachments)
}

// EncodeMsgpack returns a message as MessagePack.
func (c Codec) EncodeMsgpack(m Message) ([]byte, error) {
	text, err := c.envelope(&m)
	if err != nil {
		return nil, err
	}
	return msgpackjson.Append(nil, text, m.Attachments)
}

// Numbered returns an encoded message with a number, and with the mark of a message that may have been sent before: by
// both its receivers recognise a repetition. A bus uses it where a connection may end with a message on it of which
// nobody knows whether the broker has it.
func (Codec) Numbered(message []byte, seq uint64, again bool) []byte {
	if message[0] == '{' {
		b := append(slices.Clip(message[:len(message)-1]), `,"seq":`...)
		b = strconv.AppendUint(b, seq, 10)
		if again {
			b = append(b, `,"again":true`...)
		}
		return append(b, '}')
	}
	b := msgp.AppendUint64(msgp.AppendString(slices.Clip(message), "seq"), seq)
	b[0]++ // of the map's members: there are four (MessagePack specification, fixmap)
	if again {
		b = msgp.AppendBool(msgp.AppendString(b, "again"), true)
		b[0]++
	}
	return b
}

// EncodeData returns a message's data alone, as JSON where that can hold it, which then begins with a brace, else as
// MessagePack. It is for a bus that has other places for the type, the sender and the namespace.
func (c Codec) EncodeData(m Message) ([]byte, error) {
	data, err := c.data(&m)
	if err != nil {
		return nil, err
	}
	text, err := wire.Marshal(data)
	if err != nil || len(m.Attachments) == 0 {
		return text, err
	}
	return msgpackjson.Append(nil, text, m.Attachments)
}

func (c Codec) envelope(m *Message) ([]byte, error) {
	data, err := c.data(m)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(struct {
		Type Type   `json:"type"`
		Data any    `json:"data"`
		UID  string `json:"uid"`
		NSP  string `json:"nsp"`
	}{WireType(m.Type), data, m.Sender, c.adapter.Namespace().Name()})
}

// WireType is the type as which a message of type t travels in this form, which knows no requests for ids or rooms
// alone.
func WireType(t Type) Type {
	switch t {
	case ListSockets, ListRooms:
		return FetchSockets
	case ListSocketsResponse, ListRoomsResponse:
		return FetchSocketsResponse
	}
	return t
}

// data is what m holds. Where that has attachments which m had not, m has them afterwards.
func (c Codec) data(m *Message) (any, error) {
	d := outData{RequestID: m.RequestID}
	switch m.Type {
	case Broadcast, SocketsJoin, SocketsLeave, DisconnectSockets, FetchSockets, ListSockets, ListRooms:
		opts := wire.NewOptions(peerwire.Selection(m.Opts))
		d.Opts = &opts
	case ServerSideEmit:
		if m.Opts.Trace != "" { // Node.js looks at no options here
			d.Opts = &wire.Options{Rooms: []wire.Room{}, Except: []wire.Room{}, Trace: m.Opts.Trace}
		}
	}
	switch m.Type {
	case FetchSockets, ListSockets, ListRooms:
		d.Page, d.IDsOnly = m.Page, m.Page.Bytes > 0 && m.Type == ListSockets
	case ListSocketsResponse:
		d.SocketIDs, d.More = m.SocketIDs, m.More
	case Broadcast:
		d.Packet = packet{wire.PacketEvent, m.Payload}
	case SocketsJoin, SocketsLeave:
		d.Rooms = wire.ToRooms(m.Rooms)
	case DisconnectSockets:
		closeConnection := m.Close // a pointer into m would cost every message an allocation
		d.Close, d.Resumed = &closeConnection, m.Resumed
	case ServerSideEmit, ServerSideEmitResponse, BroadcastAck:
		d.Packet = m.Payload
	case BroadcastClientCount:
		n := m.ClientCount
		d.ClientCount = &n
	case FetchSocketsResponse:
		answer := fetchAnswer{RequestID: m.RequestID, Sockets: make([]fetchedSocket, len(m.Sockets)), More: m.More}
		for i, s := range m.Sockets {
			answer.Sockets[i] = fetchedSocket{peerwire.NewSocket(s), s.Data()}
		}
		text, attachments, err := peerwire.EncodeValue(c.adapter.Namespace(), answer)
		m.Attachments = attachments
		return text, err
	}
	return &d, nil
}

// Decode reads a message in either form. It leaves m.Type at 0 for this server's own messages, those of other
// namespaces, those of types that only other versions know, and answers that nobody awaits.
func (c Codec) Decode(b []byte, m *Message) error {
	text, attachments, err := wire.ToJSON(b)
	if err != nil {
		return err
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	if e.UID == c.adapter.id || e.NSP != c.adapter.Namespace().Name() {
		return nil
	}
	m.Type, m.Sender, m.Seq, m.Again = e.Type, e.UID, e.Seq, e.Again
	return c.decodeData(e.Data, attachments, m)
}

// DecodeData reads the data of a message whose Type and Sender are known, in either form, as EncodeData returns it. It
// leaves m.Type at 0 for types that only other versions know, and answers that nobody awaits.
func (c Codec) DecodeData(b []byte, m *Message) error {
	if m.Type < Broadcast || m.Type > BroadcastAck {
		m.Type = 0
		return nil
	}
	text, attachments, err := wire.ToJSON(b)
	if err != nil {
		return err
	}
	return c.decodeData(text, attachments, m)
}

// inData is outData as it comes. What is in Packet depends on the type.
type inData struct {
	Packet      json.RawMessage   `json:"packet"`
	Opts        *wire.Options     `json:"opts"`
	Rooms       []wire.Room       `json:"rooms"`
	Close       *bool             `json:"close"`
	RequestID   string            `json:"requestId"`
	ClientCount *int              `json:"clientCount"`
	Sockets     []json.RawMessage `json:"sockets"`
	Resumed     bool              `json:"resumed"`
	Page        Page              `json:"page"`
	IDsOnly     bool              `json:"idsOnly"`
	SocketIDs   []string          `json:"socketIds"`
	More        string            `json:"more"`
}

func (c Codec) decodeData(text json.RawMessage, attachments [][]byte, m *Message) error {
	if m.Type < Broadcast || m.Type > BroadcastAck {
		m.Type = 0 // heartbeats, and what later versions may have
		return nil
	}
	if m.Type == Broadcast {
		return decodeBroadcast(text, attachments, m)
	}
	var d inData
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	switch {
	case d.Opts != nil:
		m.Opts = peerwire.BroadcastOptions(d.Opts.Selection())
	case m.Type <= FetchSockets:
		return errData
	}
	m.RequestID, m.Attachments = d.RequestID, attachments
	switch m.Type {
	case ServerSideEmit, ServerSideEmitResponse, BroadcastAck:
		m.Payload = d.Packet
	}
	m.Rooms, m.Close, m.Resumed = wire.FromRooms(d.Rooms), d.Close != nil && *d.Close, d.Resumed
	if m.ClientCount = -1; d.ClientCount != nil { // a count that is none counts for nothing
		m.ClientCount = *d.ClientCount
	}
	if m.Type == FetchSockets && d.Page.Bytes > 0 {
		if m.Page = d.Page; d.IDsOnly {
			m.Type = ListSockets
		}
	}
	if !m.isAnswer() {
		return nil
	}
	if !c.adapter.Awaits(m.RequestID) {
		m.Type = 0
		return nil
	}
	m.Sockets = decodeSockets(c.adapter.Namespace(), d.Sockets, attachments)
	if m.Type == FetchSocketsResponse {
		m.SocketIDs, m.More = d.SocketIDs, d.More
	}
	return nil
}

// decodeBroadcast reads in one go what every server gets most of.
func decodeBroadcast(text json.RawMessage, attachments [][]byte, m *Message) error {
	d := struct {
		Packet    packet        `json:"packet"`
		Opts      *wire.Options `json:"opts"`
		RequestID string        `json:"requestId"`
	}{Packet: packet{Type: wire.PacketEvent}}
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	switch {
	case d.Opts == nil:
		return errData
	case !wire.IsEvent(d.Packet.Type):
		return wire.ErrEvent
	}
	m.Opts, m.RequestID = peerwire.BroadcastOptions(d.Opts.Selection()), d.RequestID
	m.Payload, m.Attachments = d.Packet.Data, attachments
	return nil
}

// decodeSockets reads the sockets of an answer. Those that make no sense are left out.
func decodeSockets(ns *socketio.Namespace, list []json.RawMessage, attachments [][]byte) []*socketio.RemoteSocket {
	sockets := make([]*socketio.RemoteSocket, 0, len(list))
	for _, text := range list {
		var s peerwire.Socket
		if json.Unmarshal(text, &s) != nil {
			continue
		}
		if remote, err := s.Remote(ns, attachments...); err == nil {
			sockets = append(sockets, remote)
		}
	}
	return sockets
}
