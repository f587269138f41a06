package adapter

// The Pub/Sub adapter: broadcasts. What servers ask each other is in pubsub_requests.go.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/socketio"
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

	own string // how the broadcasts of this server begin

	inbox        lane[published]
	handlers     lane[func()] // of server-side emits
	requests     requests
	subscription *subscription
	lost         logLimit
}

// published is a message as it came. Broadcasts and requests go through one lane: who is put into a room gets what is
// then sent to the room, and who is sent away gets what was sent before.
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
	a.own = string(a.appendUID(nil))
	a.inbox = lane[published]{work: a.receiveAll, limit: r.opts.InboxBytes}
	a.handlers = lane[func()]{work: runAll, limit: r.opts.InboxBytes}
	a.subscription = r.events.subscribeIf(a.interested, a.onMessage, a.topics()...)
	return a
}

// appendUID appends the beginning of a broadcast: an array of three, and the server's id.
func (a *pubSubAdapter) appendUID(b []byte) []byte {
	return msgp.AppendString(msgp.AppendArrayHeader(b, 3), a.uid)
}

func runAll(batch []func()) {
	for _, f := range batch {
		f()
	}
}

func (a *pubSubAdapter) topics() []topic {
	return []topic{
		{topicPattern, escapeGlob.Replace(a.channel) + "*"},
		{topicChannel, a.requestChannel},
		{topicChannel, a.responseChannel},
		{topicChannel, a.responseChannel + a.uid + "#"},
	}
}

// escapeGlob keeps a namespace's name from being a pattern (Redis, PSUBSCRIBE).
var escapeGlob = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// Close ends the subscriptions.
func (a *pubSubAdapter) Close(context.Context) error {
	a.subscription.end(a.topics()...)
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
	message, err := appendPacket(a.appendUID(make([]byte, 0, 256)), p, a.ns.Name())
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

// interested reports whether a broadcast's room has a member here. One that is about to get its first, by a message that
// is still in line, counts as one that has.
func (a *pubSubAdapter) interested(channel []byte) bool {
	room := bytes.TrimPrefix(channel, []byte(a.channel))
	return len(room) == 0 || !a.inbox.atRest() || a.HasRoom(string(room[:len(room)-1]))
}

// onMessage puts a message in line.
func (a *pubSubAdapter) onMessage(channel, payload string) {
	if strings.HasPrefix(payload, a.own) {
		return
	}
	if a.inbox.add(published{channel, payload}, len(channel)+len(payload)+64) {
		return
	}
	n := a.redis.stats.receiveDropped.Add(1)
	if a.lost.allow() {
		a.redis.opts.Logger.Warn("more messages from other servers than can be delivered: some are dropped",
			"namespace", a.ns.Name(), "dropped_total", n)
	}
}

func (a *pubSubAdapter) receiveAll(batch []published) {
	for _, m := range batch {
		if err := a.receive(m); err != nil {
			a.malformed(m.channel, err)
		}
	}
}

func (a *pubSubAdapter) receive(m published) error {
	if room, ok := strings.CutPrefix(m.channel, a.channel); ok {
		// Whether somebody here is in the room is known only now: a request ahead in the line may have changed it.
		if room != "" && !a.HasRoom(strings.TrimSuffix(room, "#")) {
			return nil
		}
		return a.receiveBroadcast([]byte(m.payload))
	}
	text, attachments, err := toJSON([]byte(m.payload))
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(m.channel, a.responseChannel):
		return a.onResponse(message{text: text, attachments: attachments})
	default:
		return a.onRequest(message{text: text, attachments: attachments})
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
	// The options come last, and say whether the packet, which is dearer to read, concerns anybody here.
	rest, err := msgp.Skip(b)
	if err != nil {
		return err
	}
	opts, _, err := readOptions(rest)
	if err != nil || len(opts.Rooms) > 0 && !slices.ContainsFunc(opts.Rooms, a.HasRoom) {
		return err
	}
	p, err := readPacket(b, a.ns)
	if err != nil || p == nil {
		return err
	}
	return a.MemoryAdapter.Broadcast(p, opts)
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

// readPacket reads {type, data, nsp}. The packet is nil where it is for another namespace.
func readPacket(b []byte, ns *socketio.Namespace) (*socketio.Packet, error) {
	var r msgpackReader
	var payload []byte
	nsp := "/"
	typ := int64(2)
	_, err := eachField(b, func(key string, b []byte) (_ []byte, err error) {
		switch key {
		case "type":
			typ, b, err = msgp.ReadInt64Bytes(b)
		case "nsp":
			nsp, b, err = readString(b)
		case "data":
			r = msgpackReader{}
			payload, b, err = r.appendValue(make([]byte, 0, 2*len(b)), b, 0)
		default:
			b, err = msgp.Skip(b)
		}
		return b, err
	})
	switch {
	case err != nil:
		return nil, err
	case nsp != ns.Name():
		return nil, nil
	case typ != 2 && typ != 5:
		return nil, errEvent
	}
	return ns.NewPayloadPacket(payload, r.attachments)
}

var errEvent = errors.New("adapter: not an event")

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
		if msgp.NextType(b) == msgp.StrType {
			s, b, err = readString(b)
		} else { // something that nobody here can be in, but for a number
			var text []byte
			var r msgpackReader
			text, b, err = r.appendValue(nil, b, 0)
			s = string(text)
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
		return bytes.ToValidUTF8(b, []byte("\uFFFD")), nil, nil
	}
	var r msgpackReader
	text, _, err = r.appendValue(nil, b, 0)
	return text, r.attachments, err
}
