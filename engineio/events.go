package engineio

// What a program may be told of the inside of a session (Node.js: the events of socket.conn).

import (
	"slices"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// SessionEvents are what Session.Listen tells of; what is nil is not told. The functions are called on goroutines that
// serve other clients too: they must not block.
type SessionEvents struct {
	// Upgrading: the client tries another transport, by that name.
	Upgrading func(transport string)
	// Upgrade: the session has moved there. What the client sends on it follows.
	Upgrade func(transport string)
	// Packet: the client has sent a packet, which is dealt with next. A session's messages come in their order.
	Packet func(Packet)
	// PacketCreate: a packet has been queued for the client. It is called with locks held: it must not use the session,
	// nor send to any other.
	PacketCreate func(Packet)
	// Drain: all that was queued has been written. (Node.js: drain, which follows flush; here one stands for both.)
	Drain func()
	// Heartbeat: the client has answered a ping.
	Heartbeat func()
	// Close: the session is over, and its Handler knows.
	Close func(Reason)
}

// A Packet is one of Engine.IO's (Engine.IO protocol, "Packet encoding").
type Packet struct {
	Type   string // "open", "close", "ping", "pong", "message", "upgrade" or "noop"
	Data   []byte // not to be changed, nor kept
	Binary bool
}

// packetTypes are the types by their numbers on the wire.
var packetTypes = [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}

func packetTypeName(t packetType) string {
	if i := int(t) - '0'; i >= 0 && i < len(packetTypes) {
		return packetTypes[i]
	}
	return ""
}

// Listen tells e of what happens to the session from now on, until stop is called.
func (s *Session) Listen(e SessionEvents) (stop func()) {
	added := &e
	change := func(f func([]*SessionEvents) []*SessionEvents) {
		for {
			was := s.listeners.Load()
			var list []*SessionEvents
			if was != nil {
				list = slices.Clone(*was)
			}
			list = f(list)
			next := &list
			if len(list) == 0 {
				next = nil
			}
			if s.listeners.CompareAndSwap(was, next) {
				return
			}
		}
	}
	change(func(list []*SessionEvents) []*SessionEvents { return append(list, added) })
	return func() {
		change(func(list []*SessionEvents) []*SessionEvents {
			return slices.DeleteFunc(list, func(e *SessionEvents) bool { return e == added })
		})
	}
}

// listening are those who are told. There is no cost where there are none.
func (s *Session) listening() []*SessionEvents {
	if list := s.listeners.Load(); list != nil {
		return *list
	}
	return nil
}

func (s *Session) tellReceived(p packet) {
	for _, e := range s.listening() {
		if e.Packet != nil {
			e.Packet(Packet{packetTypeName(p.kind), p.data, p.binary})
		}
	}
}

func (s *Session) tellDrain() {
	for _, e := range s.listening() {
		if e.Drain != nil {
			e.Drain()
		}
	}
}

// tellQueued tells of what has been queued: a message with attachments is several packets. mu is held.
func (s *Session) tellQueued(m *Message) {
	for _, e := range s.listening() {
		if e.PacketCreate == nil || m.control {
			continue
		}
		for frames := m.frames; len(frames) > 0; {
			op, body, rest := wsframe.Cut(frames)
			if op == ws.OpBinary {
				e.PacketCreate(Packet{"message", body, true})
			} else {
				e.PacketCreate(Packet{packetTypeName(packetType(body[0])), body[1:], false})
			}
			frames = rest
		}
	}
}

func (s *Session) tellHeartbeat() {
	for _, e := range s.listening() {
		if e.Heartbeat != nil {
			e.Heartbeat()
		}
	}
}

// tellUpgrade tells of a probe that has been answered, or, once it has become the transport, of that.
func (s *Session) tellUpgrade(transport string, done bool) {
	for _, e := range s.listening() {
		f := e.Upgrading
		if done {
			f = e.Upgrade
		}
		if f != nil {
			f(transport)
		}
	}
}

func (s *Session) tellClose(reason Reason) {
	for _, e := range s.listening() {
		if e.Close != nil {
			e.Close(reason)
		}
	}
}
