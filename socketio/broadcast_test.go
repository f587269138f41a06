package socketio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// TestSelection: whom each operator reaches. Four sockets; the name of a client stands for its socket's id.
func TestSelection(t *testing.T) {
	rooms := map[string][]string{
		"a": {"x", "y"}, "b": {"x", "all"}, "c": {"y", "all", "a"}, "d": {"all", "b"},
	}
	tests := []struct {
		to, except []string
		want       string
	}{
		{nil, nil, "abcd"},
		{[]string{"x"}, nil, "ab"},
		{[]string{"nobody"}, nil, ""},
		{[]string{"x", "nobody"}, nil, "ab"},
		{[]string{"x", "y"}, nil, "abc"},
		{[]string{"x", "x", "y", "all"}, nil, "abcd"},
		{[]string{"x", "y", "all"}, []string{"x"}, "cd"},
		{nil, []string{"x"}, "cd"},
		{nil, []string{"x", "y"}, "d"},
		{nil, []string{"all", "a"}, ""},
		{[]string{"x"}, []string{"x"}, ""},
		{[]string{"x"}, []string{"nobody"}, "ab"},
		// The rooms that ids name: c has joined a's, d has joined b's.
		{[]string{"a"}, nil, "ac"},
		{[]string{"a", "x"}, nil, "abc"},
		{[]string{"d", "x"}, nil, "abd"},
		{[]string{"d", "c"}, nil, "cd"},
		{[]string{"d"}, []string{"d"}, ""},
		{[]string{"d", "all"}, []string{"c"}, "bd"},
		{nil, []string{"a"}, "bd"},
		{nil, []string{"b", "a"}, ""},
	}
	srv := newTestServer(t, Options{})
	clients, ids := map[string]*testClient{}, map[string]string{}
	for name := range rooms {
		clients[name] = srv.connect()
		clients[name].settle()
		ids[name] = clients[name].sid
	}
	room := func(names []string) []string {
		var out []string
		for _, n := range names {
			if id, ok := ids[n]; ok {
				n = id
			}
			out = append(out, n)
		}
		return out
	}
	for name, r := range rooms {
		clients[name].socket().Join(room(r)...)
		clients[name].socket().Join(room(r)...) // again changes nothing
	}
	for i, tt := range tests {
		event := fmt.Sprintf("e%d", i)
		op := srv.To(room(tt.to)...).Except(room(tt.except)...)
		if err := op.Emit(event); err != nil {
			t.Fatal(err)
		}
		if err := srv.Emit("end"); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, name := range []string{"a", "b", "c", "d"} {
			for f := clients[name].read(); f != `2["end"]`; f = clients[name].read() {
				if f != fmt.Sprintf(`2["e%d"]`, i) {
					t.Errorf("%s received %s", name, f)
				}
				got.WriteString(name)
			}
		}
		if got.String() != tt.want {
			t.Errorf("to %v except %v reached %s, want %s", tt.to, tt.except, got.String(), tt.want)
		}
		sockets, err := op.FetchSockets(t.Context())
		if err != nil || len(sockets) != len(tt.want) {
			t.Errorf("to %v except %v fetched %d sockets, %v, want %s", tt.to, tt.except, len(sockets), err, tt.want)
		}
	}

	// A socket's own operators leave out its own room, which c is in too; and it can be left.
	a := clients["a"].socket()
	if err := errors.Join(a.To("x", "all").Emit("1"), a.Broadcast().Emit("2"), a.Except("all").Emit("3"), a.In("y").Emit("4"),
		a.Local().Emit("5"), a.Volatile().To("x").Emit("6"), srv.Emit("end")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "", "b": "1256", "c": "", "d": "125"} {
		got := ""
		for f := clients[name].read(); f != `2["end"]`; f = clients[name].read() {
			got += f[3:4]
		}
		if got != want {
			t.Errorf("%s received %q, want %q", name, got, want)
		}
	}
	a.Leave(a.ID())
	a.Leave("y")
	if got := a.Rooms(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("rooms %q", got)
	}
	if err := srv.To(a.ID()).Emit("own"); err != nil {
		t.Fatal(err)
	}
	clients["c"].want(`2["own"]`) // which is still in there
	clients["a"].wantNothing()
	if err := a.Emit("direct"); err != nil {
		t.Fatal(err)
	}
	clients["a"].want(`2["direct"]`)
	a.Join(a.ID())
	if got := a.Rooms(); !slices.Equal(got, []string{a.ID(), "x"}) {
		t.Errorf("rooms %q", got)
	}
	ids1, err := srv.main.adapter.Sockets(t.Context(), "x")
	if err != nil || len(ids1) != 2 || srv.main.adapter.SocketRooms("nobody") != nil || len(srv.main.adapter.SocketRooms(a.ID())) != 2 {
		t.Errorf("Sockets %v, %v, SocketRooms %v", ids1, err, srv.main.adapter.SocketRooms(a.ID()))
	}
}

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
	if err := errors.Join(srv.SocketsJoin("r", "q"), srv.To(a.sid).SocketsLeave("q"), srv.To("q").Emit("q"), srv.To("r").Emit("r")); err != nil {
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
	if rs.ID() != b.sid || rs.Data() != "data of b" || rs.Handshake().Address != "192.0.2.7" || !slices.Equal(rs.Rooms(), []string{b.sid, "r", "q"}) {
		t.Errorf("remote socket %+v", rs)
	}
	if err := errors.Join(rs.Join("s"), rs.Leave("r"), srv.To("s").Emit("s"), srv.To("r").Emit("r"), rs.Emit("hi", 1)); err != nil {
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

func TestBroadcastWithAck(t *testing.T) {
	srv := newTestServer(t, Options{})
	a, b := srv.connect(), srv.connect()
	a.settle()
	b.settle()
	srv.SocketsJoin("r")
	type result struct {
		replies []Args
		err     error
	}
	ask := func(op BroadcastOperator) chan result {
		ch := make(chan result, 1)
		go func() {
			replies, err := op.EmitWithAck(t.Context(), "q")
			ch <- result{replies, err}
		}()
		return ch
	}

	ch := ask(srv.To("r"))
	a.want(`20["q"]`)
	b.want(`20["q"]`)
	a.send(`30["from a",1]`)
	b.send(`30["from b"]`)
	r := receive(t, "all have answered", ch)
	if r.err != nil || len(r.replies) != 2 || r.replies[0].Len() != 2 || string(r.replies[1].Raw(0).JSON()) != `"from b"` {
		t.Errorf("got %v", r)
	}

	ch = ask(srv.Timeout(20 * time.Millisecond))
	a.want(`21["q"]`)
	b.want(`21["q"]`)
	b.send(`31[]`)
	if r = receive(t, "the time-out", ch); !errors.Is(r.err, ErrAckTimeout) || len(r.replies) != 1 {
		t.Errorf("got %v", r)
	}
	eventually(t, "nobody waits any more", func() bool {
		s := a.socket()
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.acks.m == nil
	})

	ch = ask(srv.Local())
	a.want(`22["q"]`)
	b.want(`22["q"]`)
	b.send(`32[]`)
	a.drop(engineio.ReasonTransportClose)
	if r = receive(t, "the other has gone", ch); !errors.Is(r.err, ErrDisconnected) || len(r.replies) != 1 {
		t.Errorf("got %v", r)
	}

	if r = receive(t, "nobody is asked", ask(srv.To("empty"))); r.err != nil || len(r.replies) != 0 {
		t.Errorf("got %v", r)
	}

	sockets, err := srv.FetchSockets(t.Context())
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	go func() {
		if f := b.read(); f != `24["q"]` {
			t.Errorf("received %s", f)
		}
		b.send(`34[9]`)
	}()
	reply, err := sockets[0].EmitWithAck(t.Context(), "q")
	if err != nil || string(reply.Raw(0).JSON()) != "9" {
		t.Errorf("remote socket: %v, %v", reply, err)
	}
	b.drop(engineio.ReasonTransportClose)
	if _, err := sockets[0].EmitWithAck(t.Context(), "q"); !errors.Is(err, ErrDisconnected) {
		t.Errorf("remote socket that is gone: %v", err)
	}
}

// TestOrder: what one goroutine emits to one socket arrives in that order, directly, by its id, by a room, to all.
func TestOrder(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	c.settle()
	s := c.socket()
	s.Join("r", "q")
	const n = 200
	for i := range n {
		var err error
		switch i % 5 {
		case 0:
			err = s.Emit("n", i)
		case 1:
			err = srv.To(s.ID()).Emit("n", i)
		case 2:
			err = srv.To("r").Emit("n", i)
		case 3:
			err = srv.To("r", "q", s.ID()).Emit("n", i)
		case 4:
			err = srv.Emit("n", i)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		c.want(fmt.Sprintf(`2["n",%d]`, i))
	}
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

func TestEmitErrors(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	bad := make(chan int)
	_, err1 := s.EmitWithAck(t.Context(), "x", bad)
	_, err2 := srv.EmitWithAck(t.Context(), "x", bad)
	for i, err := range []error{s.Emit("x", bad), srv.Emit("x", bad), srv.To("r").Emit("x", bad), err1, err2} {
		if err == nil {
			t.Errorf("%d: no error", i)
		}
	}
	c.wantNothing()
}
