package cluster

// What servers tell each other.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Type says what a Message is (socket.io-adapter, MessageType).
type Type int

// The numbers travel, but for the last four. Those below 3 are Node.js's heartbeats, which the adapters for Redis do
// not send.
const (
	Broadcast              Type = 3 + iota // an event for sockets, which they acknowledge where there is a RequestID
	SocketsJoin                            // sockets are to join Rooms
	SocketsLeave                           // sockets are to leave Rooms
	DisconnectSockets                      // sockets are to be disconnected
	FetchSockets                           // a request for Sockets
	FetchSocketsResponse                   // the answer: Sockets
	ServerSideEmit                         // an event for servers, which they answer where there is a RequestID
	ServerSideEmitResponse                 // the answer: one value
	BroadcastClientCount                   // how many sockets a server has asked to acknowledge a Broadcast
	BroadcastAck                           // what one of them has answered: one value

	// A bus whose protocol lacks these two sends FetchSockets instead: the ids and rooms are in the answers to that
	// too. Codec marks a request for ids: servers of ours then answer with no more.
	ListSockets         Type = 1000 + iota // a request for SocketIDs
	ListSocketsResponse                    // the answer
	ListRooms                              // a request for all Rooms
	ListRoomsResponse                      // the answer
)

// A Message is what one server tells or asks the others, or answers. Its Type decides which of the fields from Opts on
// count.
type Message struct {
	Type      Type
	Sender    string // the id of the server that it comes from
	RequestID string // of a request that wants answers, and of an answer

	// Seq is the sender's number for the message, where its bus gives it one (Numbered); else 0. Again says that it
	// may have been sent before.
	Seq   uint64
	Again bool

	// Page is what is wanted of an answer, and in an answer what was wanted. More is the id of an answer's last socket
	// where there are others behind it. (Not in Node.js, whose servers answer whole.)
	Page Page
	More string

	// Opts select the sockets that the message is about. The Local flag does not travel.
	Opts socketio.BroadcastOptions
	// Payload is JSON: the array of an event's name and arguments (Broadcast, ServerSideEmit), or one value
	// (ServerSideEmitResponse, BroadcastAck). Placeholders in it refer to Attachments.
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
