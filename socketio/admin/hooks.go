package admin

// What is put on the namespaces while somebody looks at sockets: handlers that take a note and never wait.

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// hooks are all handlers that are there. namespaces and off are guarded by Admin.reconciling.
type hooks struct {
	a          *Admin
	namespaces []*socketio.Namespace
	off        []socketio.Listener

	mu      sync.Mutex
	removed bool
	sockets map[*socketio.Socket]*watchedSocket
	quiet   bool // what is sent is not looked at for the moment
}

// A watchedSocket is what is kept with a socket that is shown.
type watchedSocket struct {
	outgoing socketio.Listener // zero while what is sent is not looked at
	stop     func()            // ends listening to the connection
	data     json.RawMessage   // as it was shown last
}

func (a *Admin) newHooks() *hooks {
	return &hooks{a: a, sockets: make(map[*socketio.Socket]*watchedSocket)}
}

// add puts the handlers on a namespace, and on the sockets that are in it.
func (h *hooks) add(ns *socketio.Namespace) {
	name, m := ns.Name(), &h.a.mirror
	h.namespaces = append(h.namespaces, ns)
	h.off = append(h.off,
		ns.PrependConnect(func(s *socketio.Socket) error {
			h.watch(s)
			m.state("socket_connected", serialize(s), stamp(time.Now()))
			return nil
		}),
		ns.OnDisconnecting(func(s *socketio.Socket, reason socketio.Reason) {
			h.forget(s)
			m.state("socket_disconnected", name, s.ID(), string(reason), stamp(time.Now()))
		}),
		ns.OnJoinRoom(func(room string, s *socketio.Socket) {
			m.state("room_joined", name, room, s.ID(), stamp(time.Now()))
		}),
		ns.OnLeaveRoom(func(room string, s *socketio.Socket) {
			m.state("room_left", name, room, s.ID(), stamp(time.Now()))
		}),
	)
	if ns != h.a.ns {
		h.off = append(h.off, ns.OnAny(func(e *socketio.Event) error {
			m.received(name, e)
			return nil
		}))
	}
	for s := range ns.Sockets() {
		h.watch(s)
	}
}

// watch looks at one socket.
func (h *hooks) watch(s *socketio.Socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.removed || h.sockets[s] != nil {
		return
	}
	w := &watchedSocket{stop: func() {}, data: s.Data().JSON()}
	h.sockets[s] = w
	if conn := s.Conn(); conn != nil {
		name, m := s.Namespace().Name(), &h.a.mirror
		w.stop = conn.Listen(engineio.SessionEvents{Upgrade: func(transport string) {
			m.state("socket_updated", updatedTransport{ID: s.ID(), Namespace: name, Transport: transport})
		}})
	}
	if !h.quiet {
		h.listen(s, w)
	}
	// It may have ended before it was looked at.
	unheard, unwatch := w.stop, context.AfterFunc(s.Context(), func() { h.forget(s) })
	w.stop = func() { unheard(); unwatch() }
}

// listen looks at what is sent to a socket. mu is held.
func (h *hooks) listen(s *socketio.Socket, w *watchedSocket) {
	if ns := s.Namespace(); ns != h.a.ns {
		w.outgoing = s.OnAnyOutgoing(func(e *socketio.Event) error {
			h.a.mirror.sent(ns.Name(), e)
			return nil
		})
	}
}

// forget is watch undone.
func (h *hooks) forget(s *socketio.Socket) {
	h.mu.Lock()
	w := h.sockets[s]
	delete(h.sockets, s)
	h.mu.Unlock()
	if w != nil {
		w.outgoing.Off()
		w.stop()
	}
}

// hear has what is sent looked at, or not: a broadcast is an event for each of its recipients.
func (h *hooks) hear(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.removed || h.quiet == !on {
		return
	}
	h.quiet = !on
	for s, w := range h.sockets {
		if on {
			h.listen(s, w)
		} else {
			w.outgoing.Off()
			w.outgoing = socketio.Listener{}
		}
	}
}

// remove takes everything off.
func (h *hooks) remove() {
	for _, l := range h.off {
		l.Off()
	}
	h.mu.Lock()
	h.removed = true
	all := h.sockets
	h.sockets = nil
	h.mu.Unlock()
	for _, w := range all {
		w.outgoing.Off()
		w.stop()
	}
}

// tellData shows which sockets have got other data since the last time.
func (a *Admin) tellData() {
	a.reconciling.Lock()
	h := a.hooks
	a.reconciling.Unlock()
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s, w := range h.sockets {
		data := s.Data()
		if text := data.JSON(); !bytes.Equal(text, w.data) {
			w.data = text
			a.mirror.state("socket_updated",
				updatedData{ID: s.ID(), Namespace: s.Namespace().Name(), Data: shownData(data)})
		}
	}
}
