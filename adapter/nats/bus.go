package nats

// A namespace's bus: which messages go to which subjects.

import (
	"context"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A bus carries one namespace's messages. Broadcasts to one room go to the room's subject, to which servers with
// members of it have subscribed; everything else goes to the namespace's.
type bus struct {
	cluster.Codec
	adapter   *cluster.Adapter
	broker    *Broker
	namespace string                 // as a token
	subject   string                 // of the namespace
	rooms     string                 // with a room's token behind it, a room's
	servers   string                 // with a server's id behind it, a server's
	heard     func(*cluster.Message) // is told of each message where there is recovery; nil: nobody

	mu       sync.Mutex
	closed   bool
	changing map[string]struct{} // rooms whose subscriptions are about to be looked at
	moved    moved

	// Of the goroutine of changes:
	listening map[string]*listener // to rooms
	fixed     []*listener          // to the namespace, and to this server
}

var (
	_ cluster.Bus          = (*bus)(nil)
	_ cluster.RoomFollower = (*bus)(nil)
	_ socketio.Flusher     = (*bus)(nil)
)

func newBus(broker *Broker, a *cluster.Adapter) *bus {
	token := Token(a.Namespace().Name())
	b := &bus{
		Codec: cluster.NewCodec(a), adapter: a, broker: broker, namespace: token,
		subject:  broker.opts.Prefix + ".all." + token,
		rooms:    broker.opts.Prefix + ".room." + token + ".",
		servers:  broker.opts.Prefix + ".to." + token + ".",
		changing: make(map[string]struct{}), listening: make(map[string]*listener),
	}
	return b
}

// begin subscribes to what all get, and makes known that this process has the namespace.
func (b *bus) begin() {
	b.broker.listeners.change(func() {
		b.mu.Lock()
		closed := b.closed
		b.mu.Unlock()
		if closed {
			return
		}
		for _, subject := range []string{b.subject, b.servers + b.adapter.ID()} {
			b.fixed = append(b.fixed, b.listen(subject))
		}
		b.broker.members.join(b.namespace)
	})
}

// listen subscribes to a subject. It is called by a change.
func (b *bus) listen(subject string) *listener {
	s := &listener{subject: subject, take: func(data []byte, err error) {
		if err != nil {
			b.adapter.Malformed(subject, err)
			return
		}
		b.adapter.Receive(subject, data)
	}}
	b.broker.listeners.add(s)
	return s
}

// Publish sends a broadcast to one room to that room's subject, anything else to the namespace's. A broadcast that is
// to be acknowledged goes to all servers, as all of them have to answer.
func (b *bus) Publish(m cluster.Message) error {
	subject := b.subject
	switch {
	case m.Type == cluster.SocketsJoin:
		b.note(m.Rooms)
	case m.Type == cluster.Broadcast && m.RequestID == "" && len(m.Opts.Rooms) == 1 &&
		b.hasSubject(m.Opts.Rooms[0]):
		subject = b.rooms + Token(m.Opts.Rooms[0])
	}
	return b.send(subject, m)
}

// Respond sends m to a server's own subject.
func (b *bus) Respond(to string, m cluster.Message) error { return b.send(b.servers+Token(to), m) }

func (b *bus) send(subject string, m cluster.Message) error {
	text, err := b.Encode(m)
	if err != nil {
		return err
	}
	return b.broker.publish(subject, text)
}

// Decode reads a message.
func (b *bus) Decode(_ string, data []byte, m *cluster.Message) error {
	err := b.Codec.Decode(data, m)
	if err == nil && b.heard != nil {
		b.heard(m)
	}
	return err
}

// Flush implements socketio.Flusher.
func (b *bus) Flush(ctx context.Context) { b.broker.flush(ctx) }

// Others is how many other processes have this namespace.
func (b *bus) Others(ctx context.Context) (int, error) {
	return b.broker.members.others(ctx, b.namespace)
}

// RoomChanged subscribes to the subjects of rooms that have members here.
func (b *bus) RoomChanged(room string) {
	if wire.LooksLikeSocketID(room) {
		return // nobody publishes to it
	}
	b.mu.Lock()
	_, changing := b.changing[room]
	if !changing && !b.closed {
		b.changing[room] = struct{}{}
		b.broker.listeners.change(func() { b.follow(room) })
	}
	b.mu.Unlock()
}

// follow subscribes to a room's subject, or ends that. It is called by a change.
func (b *bus) follow(room string) {
	b.mu.Lock()
	delete(b.changing, room)
	here := !b.closed
	b.mu.Unlock()
	here = here && b.adapter.HasRoom(room)
	switch s, listening := b.listening[room]; {
	case here && !listening:
		b.listening[room] = b.listen(b.rooms + Token(room))
	case !here && listening:
		delete(b.listening, room)
		b.broker.listeners.end(s)
	}
}

// Close ends the subscriptions.
func (b *bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	b.broker.listeners.change(func() {
		if b.fixed == nil {
			return // it has not begun
		}
		b.broker.members.drop(b.namespace)
		for _, s := range b.fixed {
			b.broker.listeners.end(s)
		}
		for _, s := range b.listening {
			b.broker.listeners.end(s)
		}
		clear(b.listening)
	})
}

// moved are rooms that this server has put sockets of others into: those servers may not have subscribed yet to the
// rooms' subjects. What is sent to such a room goes to all servers for a while, behind the order to join.
type moved struct {
	until map[string]time.Time
	all   time.Time // the same for all rooms, when there were too many
}

const (
	// movedTime is how long a server may take to subscribe.
	movedTime = 5 * time.Second
	mostMoved = 10_000
)

// note notes that sockets of other servers are about to be put into rooms.
func (b *bus) note(rooms []string) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.moved.until)+len(rooms) > mostMoved {
		for room, until := range b.moved.until {
			if now.After(until) {
				delete(b.moved.until, room)
			}
		}
	}
	if len(b.moved.until)+len(rooms) > mostMoved {
		b.moved.until, b.moved.all = nil, now.Add(movedTime)
		return
	}
	if b.moved.until == nil {
		b.moved.until = make(map[string]time.Time)
	}
	for _, room := range rooms {
		b.moved.until[room] = now.Add(movedTime)
	}
}

// hasSubject reports whether a broadcast to a room goes to a subject of the room's own.
func (b *bus) hasSubject(room string) bool {
	if wire.LooksLikeSocketID(room) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.moved.until) == 0 && b.moved.all.IsZero() {
		return true
	}
	now := time.Now()
	if now.Before(b.moved.all) {
		return false
	}
	until, known := b.moved.until[room]
	if known && now.After(until) {
		delete(b.moved.until, room)
		return true
	}
	return !known
}
