package cluster

// What a member of the cluster does with the messages of the others.

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/peerwire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// ackLife bounds how long a server waits for its clients' acknowledgements on another's behalf. The asking server has a
// time-out of its own, which it does not tell.
const ackLife = 5 * time.Minute

func (a *Adapter) receiveAll(batch []inbound) {
	<-a.ready
	for _, in := range batch {
		if in.run != nil {
			in.run()
			continue
		}
		m := &a.message
		*m = Message{}
		err := a.bus.Decode(in.channel, in.data, m)
		if err == nil {
			err = a.handle(m)
		}
		if err != nil {
			a.Malformed(cmp.Or(m.Sender, in.channel), err)
		}
	}
	a.message = Message{}
}

// Handle does what a message of another server says. It is for the functions of Enqueue, of a bus that does not use
// Receive. The error means that the message is malformed.
func (a *Adapter) Handle(m Message) error { return a.handle(&m) }

// handle does what m says. What outlives the call must not refer to m, which is used again.
func (a *Adapter) handle(m *Message) error {
	if m.Sender == a.id {
		return nil
	}
	if m.isAnswer() {
		a.requests.respond(m)
		return nil
	}
	switch m.Type {
	case Broadcast:
		return a.handleBroadcast(m)
	case ServerSideEmit:
		a.handleServerSideEmit(m)
		return nil
	}
	if m.Opts.Trace != "" && operations[m.Type] != "" {
		defer a.Namespace().Arrived(operations[m.Type], m.Opts.Trace)()
	}
	switch m.Type {
	case SocketsJoin:
		return a.MemoryAdapter.AddSockets(m.Opts, m.Rooms...)
	case SocketsLeave:
		return a.MemoryAdapter.DelSockets(m.Opts, m.Rooms...)
	case DisconnectSockets:
		return a.MemoryAdapter.DisconnectSockets(m.Opts, m.Close)
	case FetchSockets, ListSockets:
		a.answerSockets(m)
	case ListRooms:
		a.respond(m.Sender, Message{Type: ListRoomsResponse, RequestID: m.RequestID, Rooms: a.localRooms()})
	}
	return nil
}

// operations are what messages want, for traces.
var operations = map[Type]string{
	SocketsJoin: "join", SocketsLeave: "leave", DisconnectSockets: "disconnect", FetchSockets: "fetch sockets",
}

// respond answers another server.
func (a *Adapter) respond(to string, m Message) {
	m.Sender = a.id
	if err := a.bus.Respond(to, m); err != nil {
		a.log.Error("answer to another server cannot be encoded", "error", err)
	}
}

// deliver is what a Broadcast wants.
const deliver = "deliver"

func (a *Adapter) handleBroadcast(m *Message) error {
	if m.RequestID == "" && !a.Reaches(m.Opts) {
		return nil
	}
	if m.Opts.Trace != "" {
		defer a.Namespace().Arrived(deliver, m.Opts.Trace)()
	}
	p, err := a.Namespace().NewPayloadPacket(m.Payload, m.Attachments)
	if err != nil {
		return err
	}
	if m.RequestID == "" {
		return a.MemoryAdapter.Broadcast(p, m.Opts)
	}
	sender, id := m.Sender, m.RequestID
	ctx, cancel := context.WithTimeout(a.ctx, ackLife)
	waiting := newCountdown(cancel)
	err = a.MemoryAdapter.BroadcastWithAck(ctx, p, m.Opts, func(n int) {
		a.respond(sender, Message{Type: BroadcastClientCount, RequestID: id, ClientCount: n})
		waiting.expect(n)
	}, func(args socketio.Args, err error) {
		defer waiting.done()
		if err != nil {
			return
		}
		arg := args.Raw(0) // the protocols pass on one value
		a.respond(sender, Message{
			Type: BroadcastAck, RequestID: id, Payload: orNull(arg.JSON()), Attachments: arg.Attachments(),
		})
	})
	if err != nil {
		cancel()
	}
	return err
}

func (a *Adapter) handleServerSideEmit(m *Message) {
	ns, sender, id, payload, attachments := a.Namespace(), m.Sender, m.RequestID, m.Payload, m.Attachments
	trace := m.Opts.Trace
	var reply func(any) error
	if id != "" {
		reply = func(arg any) error {
			text, attachments, err := peerwire.EncodeValue(ns, arg)
			if err != nil {
				return err
			}
			return a.bus.Respond(sender, Message{
				Type: ServerSideEmitResponse, Sender: a.id, RequestID: id, Payload: text, Attachments: attachments,
			})
		}
	}
	// Handlers may take their time, and may ask the other servers something themselves.
	if !a.handlers.Add(func() {
		if trace != "" {
			defer ns.Arrived("server-side event", trace)()
		}
		if err := ns.HandleServerSideEmit(payload, attachments, reply); err != nil {
			a.Malformed(sender, err)
		}
	}, len(payload)+inboundOverhead) {
		a.dropped()
	}
}

// orNull is text, or null where there is none.
func orNull(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("null")
	}
	return text
}

// A countdown calls its function when as many have answered as were expected.
type countdown struct {
	mu       sync.Mutex
	answered int
	expected int // -1 until it is known
	end      context.CancelFunc
}

func newCountdown(end context.CancelFunc) *countdown { return &countdown{expected: -1, end: end} }

func (c *countdown) expect(n int) { c.step(func() { c.expected = n }) }
func (c *countdown) done()        { c.step(func() { c.answered++ }) }

func (c *countdown) step(f func()) {
	c.mu.Lock()
	f()
	over := c.answered == c.expected
	c.mu.Unlock()
	if over {
		c.end()
	}
}
