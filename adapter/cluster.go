package adapter

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio"
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
