package socketio

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// roomLog is what listeners are told.
type roomLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *roomLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *roomLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

func (l *roomLog) listen(ns *Namespace) (off func()) {
	listeners := []Listener{
		ns.OnCreateRoom(func(room string) { l.add("create %s", room) }),
		ns.OnJoinRoom(func(room string, s *Socket) { l.add("join %s %s", room, s.ID()) }),
		ns.OnLeaveRoom(func(room string, s *Socket) { l.add("leave %s %s", room, s.ID()) }),
		ns.OnDeleteRoom(func(room string) { l.add("delete %s", room) }),
	}
	return func() {
		for _, l := range listeners {
			l.Off()
		}
	}
}

// TestRoomEvents: what Node.js's adapter tells, in the order in which it happened.
func TestRoomEvents(t *testing.T) {
	srv := newTestServer(t, Options{})
	var log, other roomLog
	off := log.listen(srv.main)
	other.listen(srv.main)
	a := srv.connect()
	s, id := a.socket(), a.sid
	step := func(what string, want ...string) {
		t.Helper()
		for i, line := range want {
			want[i] = strings.ReplaceAll(line, "<A>", id)
		}
		if got := log.take(); !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
		if got := other.take(); !slices.Equal(got, want) {
			t.Errorf("%s: another listener is told %q, want %q", what, got, want)
		}
	}
	step("a socket connects", "create <A>", "join <A> <A>")
	s.Join("x", "y")
	step("it joins two rooms", "create x", "join x <A>", "create y", "join y <A>")
	s.Join("x")
	s.Leave("z")
	step("nothing changes")
	b := srv.connect()
	log.take()
	other.take()
	b.socket().Join("x")
	step("a second one joins", "join x "+b.sid)
	s.Leave("x")
	step("the first one leaves", "leave x <A>")
	b.socket().Leave("x")
	step("the last one leaves", "leave x "+b.sid, "delete x")
	a.drop(engineio.ReasonTransportClose)
	eventually(t, "the socket has ended", func() bool { return s.state.Load() == stateClosed })
	a.settle()
	eventually(t, "it has left its rooms", func() bool { return srv.main.sockets.get(id) == nil })
	step("the first one goes", "leave <A> <A>", "delete <A>", "leave y <A>", "delete y")
	off()
	b.socket().Join("w")
	if got := log.take(); got != nil {
		t.Errorf("a listener that is off is told %q", got)
	}
	if got := other.take(); !slices.Equal(got, []string{"create w", "join w " + b.sid}) {
		t.Errorf("the other one is told %q", got)
	}
}

// TestRoomEventsOfADynamicNamespace: a parent's listeners are its children's.
func TestRoomEventsOfADynamicNamespace(t *testing.T) {
	srv := newTestServer(t, Options{})
	var log roomLog
	parent := srv.OfFunc(func(string, *Handshake) bool { return true })
	log.listen(parent)
	c := srv.dial()
	c.send("0/any,")
	f := c.read()
	sid, _ := between(f, `"sid":"`, `"`)
	if got, want := log.take(), []string{"create " + sid, "join " + sid + " " + sid}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if got := slices.Collect(parent.Sockets()); len(got) != 1 || got[0].ID() != sid {
		t.Errorf("the parent's sockets are %v", got)
	}
	if got := slices.Collect(parent.To(sid).Sockets()); len(got) != 1 || got[0].ID() != sid {
		t.Errorf("those of the room are %v", got)
	}
}

// TestRoomEventsMayUseRooms: a listener that joins and leaves itself, or panics, keeps nobody from being told.
func TestRoomEventsMayUseRooms(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	var log roomLog
	srv.OnCreateRoom(func(room string) {
		if room == "a" {
			s.Join("b")
			s.Leave("b")
			panic("oh")
		}
	})
	log.listen(srv.main)
	s.Join("a")
	want := []string{"create a", "join a <A>", "create b", "join b <A>", "leave b <A>", "delete b"}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "<A>", s.ID())
	}
	if got := log.take(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestRoomEventsInOrder: whoever counts members by what is told is right at every moment, however many join and leave.
func TestRoomEventsInOrder(t *testing.T) {
	srv := newTestServer(t, Options{})
	const clients, rounds = 8, 300
	ours := func(room string) bool { return strings.HasPrefix(room, "room ") } // and no socket's own
	var sockets []*Socket
	for range clients {
		sockets = append(sockets, srv.connect().socket())
	}
	members := map[string]map[*Socket]bool{} // the listeners never run at once
	srv.OnCreateRoom(func(room string) {
		if ours(room) && members[room] != nil {
			t.Errorf("%s is created twice", room)
		}
		members[room] = map[*Socket]bool{}
	})
	srv.OnJoinRoom(func(room string, s *Socket) {
		if ours(room) && (members[room] == nil || members[room][s]) {
			t.Errorf("%s is joined out of turn", room)
		} else if ours(room) {
			members[room][s] = true
		}
	})
	srv.OnLeaveRoom(func(room string, s *Socket) {
		if ours(room) && !members[room][s] {
			t.Errorf("%s is left out of turn", room)
		}
		delete(members[room], s)
	})
	srv.OnDeleteRoom(func(room string) {
		if ours(room) && (members[room] == nil || len(members[room]) > 0) {
			t.Errorf("%s is deleted with %d members", room, len(members[room]))
		}
		delete(members, room)
	})
	var wg sync.WaitGroup
	for i, s := range sockets {
		wg.Go(func() {
			for n := range rounds {
				room := fmt.Sprint("room ", (n+i)%3)
				s.Join(room)
				s.Leave(room)
			}
		})
	}
	wg.Wait()
	if len(members) > 0 {
		t.Errorf("rooms are left: %v", members)
	}
}

// TestSockets: this server's sockets, and those of rooms, can be gone through while they come and go.
func TestSockets(t *testing.T) {
	for name, adapter := range map[string]func(*Namespace) Adapter{
		"the memory adapter": nil,
		"one without local sockets": func(ns *Namespace) Adapter {
			return struct{ Adapter }{NewMemoryAdapter(ns)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, Options{Adapter: adapter})
			var clients []*testClient
			for i := range 5 {
				c := srv.connect()
				if i < 3 {
					c.socket().Join("a")
				}
				if i > 1 {
					c.socket().Join("b")
				}
				clients = append(clients, c)
			}
			ids := func(sockets func(func(*Socket) bool)) (n int) {
				for s := range sockets {
					s.Join("seen") // no lock is held
					n++
				}
				return n
			}
			for what, tt := range map[string]struct {
				sockets func(func(*Socket) bool)
				want    int
			}{
				"all":          {srv.Sockets(), 5},
				"a room":       {srv.To("a").Sockets(), 3},
				"two rooms":    {srv.To("a", "b").Sockets(), 5},
				"but":          {srv.To("a").Except("b").Sockets(), 2},
				"one's own":    {srv.To(clients[0].sid).Sockets(), 1},
				"others":       {clients[0].socket().To("a").Sockets(), 2},
				"no such room": {srv.To("z").Sockets(), 0},
			} {
				if n := ids(tt.sockets); n != tt.want {
					t.Errorf("%s: %d sockets, want %d", what, n, tt.want)
				}
			}
			for range srv.Sockets() {
				break
			}
			for range srv.To("a").Sockets() {
				break
			}
			for s := range srv.Sockets() {
				s.Disconnect(true)
			}
			if n := ids(srv.Sockets()); n != 0 {
				t.Errorf("%d sockets are left", n)
			}
		})
	}
}

// BenchmarkJoin is what joining and leaving a room costs, with nobody who listens and with one who does.
func BenchmarkJoin(b *testing.B) {
	for _, listen := range []bool{false, true} {
		b.Run(fmt.Sprint("listen=", listen), func(b *testing.B) {
			srv, sockets := sinks(b, 2)
			sockets[1].Join("a")
			if listen {
				srv.OnJoinRoom(func(string, *Socket) {})
			}
			b.ReportAllocs()
			for b.Loop() {
				sockets[0].Join("a")
				sockets[0].Leave("a")
			}
		})
	}
}
