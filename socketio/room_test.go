package socketio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestManyRooms(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	c.settle()
	s := c.socket()
	want := []string{s.ID()}
	for i := range 100 {
		name := fmt.Sprint("room", i)
		s.Join(name)
		s.Join(name)
		if i%3 != 0 {
			s.Leave(name)
			s.Leave(name)
		} else {
			want = append(want, name)
		}
	}
	got := s.Rooms()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("in %q, want %q", got, want)
	}
	for i := range 100 {
		if has := srv.main.adapter.(*MemoryAdapter).HasRoom(fmt.Sprint("room", i)); has != (i%3 == 0) {
			t.Errorf("room%d: %v", i, has)
		}
	}
	if n := len(srv.main.adapter.(*MemoryAdapter).RoomNames()); n != len(want)-1 {
		t.Errorf("%d rooms", n)
	}
	for _, name := range want[1:] {
		s.Leave(name)
	}
}

func TestSocketsJoinLeaveDisconnect(t *testing.T) {
	srv := newTestServer(t, Options{})
	a, b := srv.connect(), srv.connect()
	a.settle()
	b.settle()
	if err := errors.Join(srv.SocketsJoin("r", "q"), srv.To(a.sid).SocketsLeave("q"), srv.To("q").Emit("q"),
		srv.To("r").Emit("r")); err != nil {
		t.Fatal(err)
	}
	a.want(`2["r"]`)
	b.want(`2["q"]`, `2["r"]`)
	b.socket().SetData("data of b")
	sockets, err := srv.In("q").FetchSockets(t.Context())
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	rs := sockets[0]
	if rs.ID() != b.sid || string(rs.Data().JSON()) != `"data of b"` || rs.Handshake().Address != "192.0.2.7" ||
		!slices.Equal(rs.Rooms(), []string{b.sid, "r", "q"}) {
		t.Errorf("remote socket %+v", rs)
	}
	if err := errors.Join(rs.Join("s"), rs.Leave("r"), srv.To("s").Emit("s"), srv.To("r").Emit("r"),
		rs.Emit("hi", 1)); err != nil {
		t.Fatal(err)
	}
	a.want(`2["r"]`)
	b.want(`2["s"]`, `2["hi",1]`)
	go func() {
		b.send("30[7]")
	}()
	if err := srv.DisconnectSockets(true); err != nil {
		t.Fatal(err)
	}
	a.want(`1`, ``)
	b.want(`1`, ``)
}

// TestOnceWhileMoving: sockets move between rooms, always in at least one, while others come and go; a broadcast to all
// the rooms reaches each exactly once.
func TestOnceWhileMoving(t *testing.T) {
	srv := newTestServer(t, Options{})
	rooms := []string{"r0", "r1", "r2", "r3"}
	var movers []*testClient
	for range 12 {
		c := srv.connect()
		c.settle()
		c.socket().Join(rooms[0])
		movers = append(movers, c)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, c := range movers {
		s := c.socket()
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			at := rooms[0]
			for {
				select {
				case <-stop:
					return
				default:
				}
				next := rooms[rng.IntN(len(rooms))]
				if next == at {
					continue
				}
				s.Join(next)
				s.Leave(at)
				at = next
			}
		})
	}
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			c := srv.dial()
			c.send("0")
			c.settle()
			srv.SocketsJoin("r3x")
			c.drop(engineio.ReasonTransportClose)
		}
	})
	const broadcasts = 300
	for i := range broadcasts {
		op := srv.To(rooms...)
		if i%2 == 1 {
			op = op.Except("nobody", "r3y")
		}
		if err := op.Emit("n", i); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	for _, c := range movers {
		for i := range broadcasts {
			c.want(fmt.Sprintf(`2["n",%d]`, i))
		}
		c.wantNothing()
	}
}

// TestRoomsComeAndGo: joins that race with a room's end are not lost, and OnRoomChange ends up right.
func TestRoomsComeAndGo(t *testing.T) {
	var mu sync.Mutex
	known := map[string]bool{}
	var adapter *MemoryAdapter
	srv := newTestServer(t, Options{Adapter: func(ns *Namespace) Adapter {
		adapter = NewMemoryAdapter(ns)
		adapter.OnRoomChange(func(room string) {
			mu.Lock()
			defer mu.Unlock()
			if adapter.HasRoom(room) {
				known[room] = true
			} else {
				delete(known, room)
			}
		})
		return adapter
	}})
	var clients []*testClient
	for range 4 {
		c := srv.connect()
		c.settle()
		clients = append(clients, c)
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		s := c.socket()
		wg.Go(func() {
			for i := range 2000 {
				s.Join("r")
				if !slices.Contains(s.Rooms(), "r") {
					t.Error("joined and is not in")
				}
				if i < 1999 {
					s.Leave("r")
				}
			}
		})
	}
	wg.Wait()
	if err := srv.To("r").Emit("x"); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.want(`2["x"]`)
		c.wantNothing()
	}
	check := func(want int) {
		t.Helper()
		eventually(t, "the rooms known are right", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(known) == want
		})
	}
	check(5) // r and four ids
	for _, c := range clients {
		c.drop(engineio.ReasonTransportClose)
	}
	check(0)
	if adapter.RoomNames() != nil {
		t.Errorf("rooms left: %q", adapter.RoomNames())
	}
}
