package cluster

// What servers tell each other.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Type says what a Message is (socket.io-adapter, MessageType).
type Type int

// The numbers are those that travel, but for the last four. Node.js's own protocol of that name has the types below 3
// for heartbeats, which the adapters on Redis do not send.
const (
	Broadcast              Type = 3 + iota // an event for sockets, which they acknowledge where there is a RequestID
	SocketsJoin                            // sockets are to join Rooms
	SocketsLeave                           // sockets are to leave Rooms
	DisconnectSockets                      // sockets are to be disconnected
	FetchSockets                           // a request for Sockets
	FetchSocketsResponse                   // the answer, to requests for ids and rooms too where the bus has no others
	ServerSideEmit                         // an event for servers, which they answer where there is a RequestID
	ServerSideEmitResponse                 // the answer: one value
	BroadcastClientCount                   // how many sockets a server has asked to acknowledge a Broadcast
	BroadcastAck                           // what one of them has answered: one value

	ListSockets         Type = 1000 + iota // FetchSockets by who wants the ids alone
	ListSocketsResponse                    // the answer: SocketIDs
	ListRooms                              // a request for all rooms
	ListRoomsResponse                      // the answer: Rooms
)

// A Message is what one server tells the others, or answers. Which of the fields from Opts on count depends on its
// Type.
type Message struct {
	Type      Type
	Sender    string // the id of the server that it comes from
	RequestID string // of a request that wants answers, and of an answer

	// Opts are whom the message is for, but of a ServerSideEmit and of answers. The Local flag does not travel.
	Opts socketio.BroadcastOptions
	// Payload is JSON: of a Broadcast and a ServerSideEmit the array of the event's name and arguments, of a
	// ServerSideEmitResponse and a BroadcastAck one value. Placeholders in it refer to Attachments.
	Payload     json.RawMessage
	Attachments [][]byte

	Rooms       []string                 // to join or leave, or listed
	Close       bool                     // DisconnectSockets: with their connections
	Resumed     bool                     // DisconnectSockets: their sessions go on at the sender's (not in Node.js)
	ClientCount int                      // BroadcastClientCount
	SocketIDs   []string                 // ListSocketsResponse
	Sockets     []*socketio.RemoteSocket // FetchSocketsResponse
}

// isAnswer reports whether the message answers a request of this server.
func (m *Message) isAnswer() bool {
	switch m.Type {
	case FetchSocketsResponse, ServerSideEmitResponse, BroadcastClientCount, BroadcastAck, ListSocketsResponse,
		ListRoomsResponse:
		return true
	}
	return false
}
