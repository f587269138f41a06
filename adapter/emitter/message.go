package emitter

// What is said to the servers, in the form of each protocol.

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
)

// uid is the sender of an emitter's messages (@socket.io/redis-emitter). No server has it.
const uid = "emitter"

// A messageType says what a message is. Each protocol has numbers of its own.
type messageType int

const (
	broadcast messageType = iota
	socketsJoin
	socketsLeave
	disconnectSockets
	serverSideEmit
)

// requestTypes are those of @socket.io/redis-adapter (RequestType), and messageTypes those of socket.io-adapter
// (MessageType).
var (
	requestTypes = map[messageType]int{socketsJoin: 2, socketsLeave: 3, disconnectSockets: 4, serverSideEmit: 6}
	messageTypes = map[messageType]int{
		broadcast: 3, socketsJoin: 4, socketsLeave: 5, disconnectSockets: 6, serverSideEmit: 9,
	}
)

// A message is what an Emitter's selection is to get.
type message struct {
	typ messageType
	// payload is the JSON array of an event's name and arguments, whose placeholders refer to attachments.
	payload         json.RawMessage
	attachments     [][]byte
	rooms           []string // to join or leave
	closeConnection bool
}

// flags are those of a broadcast.
type flags struct {
	volatile bool
	compress *bool // nil where nobody has said
}

// MarshalJSON has them as Node.js's emitters do.
func (f flags) MarshalJSON() ([]byte, error) {
	return wire.Marshal(struct {
		Volatile bool  `json:"volatile,omitempty"`
		Compress *bool `json:"compress,omitempty"`
	}{f.volatile, f.compress})
}

// An encoder makes the command for Redis of a message.
type encoder func(e Emitter, m message) (command, error)

var encoders = map[Protocol]encoder{
	PubSub:         encodePubSub,
	Sharded:        encodeSharded,
	ShardedPrivate: encodeSharded,
	ShardedStatic:  encodeSharded,
	Streams:        encodeStreams,
}

// encodePubSub is for servers with @socket.io/redis-adapter.
func encodePubSub(e Emitter, m message) (command, error) {
	if m.typ == broadcast {
		channel := e.opts.Prefix + "#" + e.namespace + "#"
		if len(e.rooms) == 1 {
			channel += e.rooms[0] + "#"
		}
		text, err := e.broadcastPubSub(m)
		return command{args: []any{"publish", channel, text}, anywhere: true}, err
	}
	request := struct {
		UID   string          `json:"uid,omitempty"`
		Type  int             `json:"type"`
		Opts  *selection      `json:"opts,omitempty"`
		Rooms []string        `json:"rooms,omitzero"`
		Close *bool           `json:"close,omitempty"`
		Data  json.RawMessage `json:"data,omitempty"`
	}{Type: requestTypes[m.typ]}
	switch m.typ {
	case serverSideEmit:
		request.UID, request.Data = uid, m.payload
	case disconnectSockets:
		request.Opts, request.Close = e.selection(nil), &m.closeConnection
	default:
		request.Opts, request.Rooms = e.selection(nil), orEmpty(m.rooms)
	}
	text, err := marshal(request, m.attachments)
	return command{args: []any{"publish", e.opts.Prefix + "-request#" + e.namespace + "#", text}, anywhere: true}, err
}

// broadcastPubSub is [uid, packet, opts] in MessagePack.
func (e Emitter) broadcastPubSub(m message) ([]byte, error) {
	b := msgp.AppendArrayHeader(nil, 3)
	b = msgp.AppendString(b, uid)
	b = msgp.AppendMapHeader(b, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), wire.PacketEvent)
	b, err := msgpackjson.Append(msgp.AppendString(b, "data"), m.payload, m.attachments)
	if err != nil {
		return nil, err
	}
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), e.namespace)
	opts, err := wire.Marshal(roomsFirst{orEmpty(e.rooms), e.flags, orEmpty(e.except)})
	if err != nil {
		return nil, err
	}
	return msgpackjson.Append(b, opts, nil)
}

// Whom a message is for. Node.js's emitters have the fields of a broadcast in another order than those of a request.
type (
	roomsFirst struct {
		Rooms  []string `json:"rooms"`
		Flags  flags    `json:"flags"`
		Except []string `json:"except"`
	}
	selection struct {
		Rooms  []string `json:"rooms"`
		Except []string `json:"except"`
		Flags  *flags   `json:"flags,omitempty"`
	}
)

func (e Emitter) selection(f *flags) *selection {
	return &selection{Rooms: orEmpty(e.rooms), Except: orEmpty(e.except), Flags: f}
}

// orEmpty is list, never nil, so that it is [] in JSON.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// data is what a message holds in the form of socket.io-adapter's ClusterAdapter.
func (e Emitter) data(m message) any {
	switch m.typ {
	case broadcast:
		type packet struct {
			Type int             `json:"type"`
			Data json.RawMessage `json:"data"`
			NSP  string          `json:"nsp"`
		}
		return struct {
			Packet packet     `json:"packet"`
			Opts   roomsFirst `json:"opts"`
		}{packet{wire.PacketEvent, m.payload, e.namespace}, roomsFirst{orEmpty(e.rooms), e.flags, orEmpty(e.except)}}
	case disconnectSockets:
		return struct {
			Opts  *selection `json:"opts"`
			Close bool       `json:"close"`
		}{e.selection(&flags{}), m.closeConnection}
	case serverSideEmit:
		return struct {
			Packet json.RawMessage `json:"packet"`
		}{m.payload}
	default:
		return struct {
			Opts  *selection `json:"opts"`
			Rooms []string   `json:"rooms"`
		}{e.selection(&flags{}), orEmpty(m.rooms)}
	}
}

// encodeSharded is for servers with the sharded adapter of @socket.io/redis-adapter.
func encodeSharded(e Emitter, m message) (command, error) {
	channel := e.opts.Prefix + "#" + e.namespace + "#"
	if m.typ == broadcast && len(e.rooms) == 1 && e.hasChannel(e.rooms[0]) {
		channel += e.rooms[0] + "#"
	}
	text, err := marshal(struct {
		UID  string `json:"uid"`
		NSP  string `json:"nsp"`
		Type int    `json:"type"`
		Data any    `json:"data"`
	}{uid, e.namespace, messageTypes[m.typ], e.data(m)}, m.attachments)
	return command{args: []any{"spublish", channel, text}}, err
}

// hasChannel reports whether servers listen to a channel of room's own.
func (e Emitter) hasChannel(room string) bool {
	switch e.opts.Protocol {
	case ShardedStatic:
		return false
	case ShardedPrivate:
		return true
	}
	return !wire.LooksLikeSocketID(room)
}

// encodeStreams is for servers with @socket.io/redis-streams-adapter.
func encodeStreams(e Emitter, m message) (command, error) {
	text, err := marshal(e.data(m), m.attachments)
	if len(m.attachments) > 0 {
		text = []byte(base64.StdEncoding.EncodeToString(text))
	}
	return command{args: []any{
		"xadd", wire.StreamOf(e.opts.Prefix, e.namespace, e.opts.StreamCount), "MAXLEN", "~", e.opts.MaxLen, "*",
		"uid", uid, "nsp", e.namespace, "type", strconv.Itoa(messageTypes[m.typ]), "data", text,
	}}, err
}

// marshal returns v, whose placeholders refer to attachments, as JSON, or where there are any, as MessagePack.
func marshal(v any, attachments [][]byte) ([]byte, error) {
	text, err := wire.Marshal(v)
	if err != nil || len(attachments) == 0 {
		return text, err
	}
	return msgpackjson.Append(nil, text, attachments)
}
