package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"websocket-escalonavel/socketio"
)

// PubSub returns the constructor of adapters that speak the protocol of @socket.io/redis-adapter 8.x (createAdapter): a
// broadcast is published to the channel of its one room, or of the namespace; requests go to one channel that all
// servers listen to, responses to another.
func (r *Redis) PubSub() func(*socketio.Namespace) socketio.Adapter {
	return func(ns *socketio.Namespace) socketio.Adapter { return newPubSubAdapter(r, ns) }
}

// pubSubAdapter is one namespace's member of the cluster.
type pubSubAdapter struct {
	*socketio.MemoryAdapter
	redis *Redis
	ns    *socketio.Namespace
	uid   string // this server's, in this namespace

	channel         string // broadcasts; a room's name and a "#" may follow
	requestChannel  string
	responseChannel string // the specific one of a server has its uid and a "#" behind it

	inbox    lane[published] // broadcasts, in order
	control  lane[published] // requests and responses
	handlers lane[func()]    // of server-side emits
	requests requests
	lost     logLimit
}

// published is a message as it came.
type published struct{ channel, payload string }

func newPubSubAdapter(r *Redis, ns *socketio.Namespace) *pubSubAdapter {
	a := &pubSubAdapter{
		MemoryAdapter:   socketio.NewMemoryAdapter(ns),
		redis:           r,
		ns:              ns,
		uid:             newUID(6),
		channel:         r.opts.Prefix + "#" + ns.Name() + "#",
		requestChannel:  r.opts.Prefix + "-request#" + ns.Name() + "#",
		responseChannel: r.opts.Prefix + "-response#" + ns.Name() + "#",
	}
	a.requests.init(r.opts.RequestsTimeout)
	a.inbox = lane[published]{work: a.receiveBroadcasts, limit: r.opts.InboxBytes}
	a.control = lane[published]{work: a.receiveControl, limit: r.opts.InboxBytes}
	a.handlers = lane[func()]{work: runAll, limit: r.opts.InboxBytes}
	r.events.subscribe(a.onBroadcast, topic{topicPattern, a.channel + "*"})
	r.events.subscribe(a.onControl, a.controlTopics()...)
	return a
}

func runAll(batch []func()) {
	for _, f := range batch {
		f()
	}
}

func (a *pubSubAdapter) controlTopics() []topic {
	return []topic{
		{topicChannel, a.requestChannel},
		{topicChannel, a.responseChannel},
		{topicChannel, a.responseChannel + a.uid + "#"},
	}
}

// Close ends the subscriptions.
func (a *pubSubAdapter) Close(context.Context) error {
	a.redis.events.unsubscribe(append(a.controlTopics(), topic{topicPattern, a.channel + "*"})...)
	a.requests.close()
	return nil
}

// Broadcast sends p to this server's sockets at once, and to the others' through the outbox.
func (a *pubSubAdapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	if err := a.MemoryAdapter.Broadcast(p, opts); err != nil {
		return err
	}
	if opts.Flags.Local {
		return nil
	}
	message := msgp.AppendArrayHeader(make([]byte, 0, 256), 3)
	message = msgp.AppendString(message, a.uid)
	message, err := appendPacket(message, p, a.ns.Name())
	if err != nil {
		return err
	}
	message = appendOptions(message, opts)
	channel := a.channel
	if len(opts.Rooms) == 1 {
		channel += opts.Rooms[0] + "#"
	}
	a.redis.publish(channel, message)
	return nil
}

// appendPacket appends a packet as Node's adapters have it: {type: 2, data: [event, ...args], nsp}.
func appendPacket(b []byte, p *socketio.Packet, namespace string) ([]byte, error) {
	payload, attachments, err := p.Payload()
	if err != nil {
		return nil, err
	}
	b = msgp.AppendMapHeader(b, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), 2) // EVENT, with attachments too: they are inside data
	b = msgp.AppendString(b, "data")
	if b, err = appendJSON(b, payload, attachments); err != nil {
		return nil, err
	}
	return msgp.AppendString(msgp.AppendString(b, "nsp"), namespace), nil
}

// appendOptions appends {rooms, except, flags}.
func appendOptions(b []byte, opts socketio.BroadcastOptions) []byte {
	b = msgp.AppendMapHeader(b, 3)
	b = appendStrings(msgp.AppendString(b, "rooms"), opts.Rooms)
	b = appendStrings(msgp.AppendString(b, "except"), opts.Except)
	b = msgp.AppendString(b, "flags")
	n := uint32(0)
	if opts.Flags.Volatile {
		n++
	}
	if opts.Flags.NoCompress {
		n++
	}
	b = msgp.AppendMapHeader(b, n)
	if opts.Flags.Volatile {
		b = msgp.AppendBool(msgp.AppendString(b, "volatile"), true)
	}
	if opts.Flags.NoCompress {
		b = msgp.AppendBool(msgp.AppendString(b, "compress"), false)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = msgp.AppendArrayHeader(b, uint32(len(list)))
	for _, s := range list {
		b = msgp.AppendString(b, s)
	}
	return b
}

// onBroadcast takes a broadcast whose channel says that it may concern somebody here.
func (a *pubSubAdapter) onBroadcast(channel, payload string) {
	room := strings.TrimPrefix(channel, a.channel)
	if room != "" {
		room = room[:len(room)-1]
	}
	if room != "" && !a.HasRoom(room) {
		return
	}
	a.enqueue(&a.inbox, published{channel, payload})
}

func (a *pubSubAdapter) onControl(channel, payload string) {
	a.enqueue(&a.control, published{channel, payload})
}

func (a *pubSubAdapter) enqueue(l *lane[published], m published) {
	if l.add(m, len(m.channel)+len(m.payload)+64) {
		return
	}
	n := a.redis.stats.receiveDropped.Add(1)
	if a.lost.allow() {
		a.redis.opts.Logger.Warn("more messages from other servers than can be delivered: some are dropped",
			"namespace", a.ns.Name(), "dropped_total", n)
	}
}

func (a *pubSubAdapter) receiveBroadcasts(batch []published) {
	for _, m := range batch {
		if err := a.receiveBroadcast([]byte(m.payload)); err != nil {
			a.malformed(m.channel, err)
		}
	}
}

// malformed counts a message that makes no sense; it harms nothing else.
func (a *pubSubAdapter) malformed(channel string, err error) {
	n := a.redis.stats.malformed.Add(1)
	if a.lost.allow() {
		a.redis.opts.Logger.Warn("malformed message from another server", "channel", channel, "error", err,
			"malformed_total", n)
	}
}

// receiveBroadcast delivers [uid, packet, opts].
func (a *pubSubAdapter) receiveBroadcast(b []byte) error {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return err
	}
	if n < 3 {
		return errShort
	}
	uid, b, err := readString(b)
	if err != nil {
		return err
	}
	if uid == a.uid {
		return nil
	}
	p, opts, err := a.readBroadcast(b)
	if err != nil || p == nil {
		return err
	}
	return a.MemoryAdapter.Broadcast(p, opts)
}

// readBroadcast reads a packet and the options that follow it. The packet is nil where it is for another namespace.
func (a *pubSubAdapter) readBroadcast(b []byte) (*socketio.Packet, socketio.BroadcastOptions, error) {
	var opts socketio.BroadcastOptions
	p, b, err := readPacket(b, a.ns)
	if err == nil {
		opts, _, err = readOptions(b)
	}
	return p, opts, err
}

// eachField calls f with each key of a map and what follows it; f returns what follows the value.
func eachField(b []byte, f func(key string, b []byte) ([]byte, error)) ([]byte, error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	for range n {
		var key string
		if key, b, err = readString(b); err != nil {
			return nil, err
		}
		if b, err = f(key, b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func readString(b []byte) (string, []byte, error) {
	s, b, err := msgp.ReadStringZC(b)
	return string(s), b, err
}

// readPacket reads {type, data, nsp}.
func readPacket(b []byte, ns *socketio.Namespace) (*socketio.Packet, []byte, error) {
	var r msgpackReader
	var payload []byte
	nsp := "/"
	typ := int64(2)
	rest, err := eachField(b, func(key string, b []byte) (_ []byte, err error) {
		switch key {
		case "type":
			typ, b, err = msgp.ReadInt64Bytes(b)
		case "nsp":
			nsp, b, err = readString(b)
		case "data":
			if n, _, headerErr := msgp.ReadArrayHeaderBytes(b); headerErr != nil || n == 0 {
				return nil, errShort
			}
			payload, b, err = r.appendValue(make([]byte, 0, 2*len(b)), b, 0)
		default:
			b, err = msgp.Skip(b)
		}
		return b, err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case nsp != ns.Name():
		return nil, rest, nil
	case payload == nil || typ != 2 && typ != 5 || !bytes.HasPrefix(payload, []byte(`["`)):
		return nil, nil, errShort
	}
	return ns.NewPayloadPacket(payload, r.attachments), rest, nil
}

// readOptions reads {rooms, except, flags}.
func readOptions(b []byte) (opts socketio.BroadcastOptions, rest []byte, err error) {
	rest, err = eachField(b, func(key string, b []byte) (_ []byte, err error) {
		switch key {
		case "rooms":
			opts.Rooms, b, err = readStrings(b)
		case "except":
			opts.Except, b, err = readStrings(b)
		case "flags":
			if msgp.IsNil(b) {
				return msgp.ReadNilBytes(b)
			}
			return eachField(b, func(key string, b []byte) (_ []byte, err error) {
				var set bool
				switch {
				case msgp.NextType(b) != msgp.BoolType:
					return msgp.Skip(b)
				default:
					if set, b, err = msgp.ReadBoolBytes(b); err != nil {
						return nil, err
					}
				}
				switch key {
				case "volatile":
					opts.Flags.Volatile = set
				case "compress":
					opts.Flags.NoCompress = !set
				}
				return b, nil
			})
		default:
			b, err = msgp.Skip(b)
		}
		return b, err
	})
	return opts, rest, err
}

// readStrings reads an array of room names; numbers are rooms too in JavaScript.
func readStrings(b []byte) ([]string, []byte, error) {
	if msgp.IsNil(b) {
		b, err := msgp.ReadNilBytes(b)
		return nil, b, err
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	if int64(n) > int64(len(b)) {
		return nil, nil, errShort
	}
	list := make([]string, 0, n)
	for range n {
		var s string
		switch msgp.NextType(b) {
		case msgp.IntType, msgp.UintType:
			var i int64
			if i, b, err = msgp.ReadInt64Bytes(b); err == nil {
				s = strconv.FormatInt(i, 10)
			}
		default:
			s, b, err = readString(b)
		}
		if err != nil {
			return nil, nil, err
		}
		list = append(list, s)
	}
	return list, b, nil
}

// toJSON returns a message as JSON: most requests and responses are, those that may carry binary data are MessagePack.
func toJSON(b []byte) (text json.RawMessage, attachments [][]byte, err error) {
	if len(b) > 0 && b[0] == '{' {
		if !json.Valid(b) {
			return nil, nil, errShort
		}
		return b, nil, nil
	}
	var r msgpackReader
	text, _, err = r.appendValue(nil, b, 0)
	return text, r.attachments, err
}
