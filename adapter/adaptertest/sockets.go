package adaptertest

// What servers know of each other's sockets, and do to them.

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func testSockets(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	f.socket(0).SetData(map[string]any{"b": []byte("binary"), "c": []byte("too")})
	for i := 1; i < len(f.clients); i++ {
		data, err := socketio.NewRaw([]byte(fmt.Sprintf(`{"name":"<%d>","n":[1,null]}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		f.socket(i).SetData(data)
	}
	for from := range f.servers {
		f.listSockets(t, from)
		f.fetchSockets(t, from)
		f.fetchBinary(t, from)
	}
	f.check(t)
}

// listSockets asks for ids and rooms.
func (f *fixture) listSockets(t *testing.T, from int) {
	ctx := t.Context()
	a := f.ns(from).Adapter()
	ids := sorted([]string{f.clients[0].ID, f.clients[1].ID, f.clients[2].ID})
	for _, c := range []struct{ rooms, want []string }{
		{nil, ids},
		{[]string{"all", "0"}, ids},
		{[]string{"1"}, []string{f.clients[1].ID}},
		{[]string{"1", "2"}, sorted([]string{f.clients[1].ID, f.clients[2].ID})},
		{[]string{"nobody"}, nil},
	} {
		if got, err := a.Sockets(ctx, c.rooms...); err != nil || !slices.Equal(sorted(got), c.want) {
			t.Errorf("server %d: sockets of %v: %v, %v, want %v", from, c.rooms, got, err, c.want)
		}
	}
	if count, err := a.ServerCount(ctx); count != len(f.servers) || err != nil {
		t.Errorf("server %d: %d servers, %v", from, count, err)
	}
	if a, ok := a.(socketio.RoomLister); ok {
		rooms, err := a.AllRooms(ctx)
		if want := sorted(append([]string{"0", "1", "2", "all"}, ids...)); err != nil || !slices.Equal(rooms, want) {
			t.Errorf("server %d: rooms %v, %v, want %v", from, rooms, err, want)
		}
	}
	for i := range f.clients {
		rooms := a.SocketRooms(f.clients[i].ID)
		if here := f.serverOf(i) == from; here && !slices.Equal(rooms, f.roomsOf(i)) || !here && rooms != nil {
			t.Errorf("server %d: rooms of client %d: %v", from, i, rooms)
		}
	}
}

// roomsOf are the rooms of client i, in the order of joining.
func (f *fixture) roomsOf(i int) []string { return []string{f.clients[i].ID, "all", fmt.Sprint(i)} }

// fetchSockets asks for everything that is known of sockets, and sends them something.
func (f *fixture) fetchSockets(t *testing.T, from int) {
	ctx := t.Context()
	sockets, err := f.ns(from).To("all").Except("0").FetchSockets(ctx)
	if err != nil || len(sockets) != 2 {
		t.Fatalf("server %d: fetch: %v, %v", from, sockets, err)
	}
	for _, s := range sockets {
		i := slices.IndexFunc(f.clients, func(c *testclient.Client) bool { return c.ID == s.ID() })
		data, _ := json.Marshal(s.Data())
		if i < 1 || string(data) != fmt.Sprintf(`{"name":"\u003c%d\u003e","n":[1,null]}`, i) ||
			!slices.Equal(sorted(s.Rooms()), sorted(f.roomsOf(i))) {
			t.Errorf("server %d: socket %d: data %s, rooms %v", from, i, data, s.Rooms())
			continue
		}
		h := s.Handshake()
		if "http://"+h.Host != f.servers[f.serverOf(i)].url || h.Headers.Get("Upgrade") != "websocket" ||
			h.Headers.Get("Host") != "" || h.Address != "127.0.0.1" || h.Query.Get("EIO") != "4" ||
			string(h.Auth.JSON()) != "{}" || time.Since(h.Time) > time.Minute || h.Secure ||
			!strings.HasPrefix(h.URL, "/socket.io/?EIO=4") {
			t.Errorf("server %d: socket %d: handshake %+v", from, i, h)
		}
		if err := s.Emit("hi", i); err != nil {
			t.Error(err)
		}
		f.expectNext(t, i, fmt.Sprintf(`["hi",%d]`, i))
	}
	local, err := f.ns(from).To("all").Local().FetchSockets(ctx)
	if err != nil || len(local) != len(f.clientsOf(from)) {
		t.Errorf("server %d: local: %v, %v", from, local, err)
	}
	for _, s := range local {
		if f.ns(from).Socket(s.ID()) == nil {
			t.Errorf("server %d: not a local socket: %s", from, s.ID())
		}
	}
}

// fetchBinary asks for a socket whose data JSON cannot hold.
func (f *fixture) fetchBinary(t *testing.T, from int) {
	sockets, err := f.ns(from).To("0").FetchSockets(t.Context())
	if err != nil || len(sockets) != 1 {
		t.Fatalf("server %d: fetch: %v, %v", from, sockets, err)
	}
	if f.serverOf(0) == from {
		return // the value itself
	}
	var v struct{ B, C []byte }
	raw, ok := sockets[0].Data().(socketio.Raw)
	if !ok || raw.Bind(&v) != nil || string(v.B) != "binary" || string(v.C) != "too" {
		t.Errorf("server %d: binary data: %v", from, sockets[0].Data())
	}
}

// testMove changes the rooms of other servers' sockets, and disconnects them.
func testMove(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	n := f.ns(0)
	for i := range 5 {
		f.do(t, n.To("1", "2").SocketsJoin("moved", "moved too"))
		f.where(t, "moved", 1, 2)
		f.do(t, n.To("moved").Emit("in", i))
		f.expect(t, fmt.Sprintf(`["in",%d]`, i), 1, 2)
		f.do(t, n.To("2").SocketsLeave("moved"))
		f.where(t, "moved", 1)
		f.do(t, n.To("moved").Emit("out", i))
		f.expect(t, fmt.Sprintf(`["out",%d]`, i), 1)
		f.do(t, n.To("moved too").SocketsLeave("moved", "moved too"))
		f.where(t, "moved too")
		f.where(t, "moved")
		f.do(t, n.To("moved", "moved too").Emit("never"))
		f.expect(t, "")
	}
	f.do(t, n.In("all").SocketsJoin(), n.In("all").SocketsLeave())
	f.do(t, n.In("all").Local().SocketsJoin("here"))
	f.do(t, n.To("here").Emit("only here", 1))
	f.expect(t, `["only here",1]`, f.clientsOf(0)...)
	f.do(t, n.In("1").DisconnectSockets(false))
	f.clients[1].ExpectDisconnect()
	f.do(t, n.In("2").DisconnectSockets(true))
	f.clients[2].ExpectDisconnect()
	eventually(t, "only one socket is left", func() bool {
		ids, err := n.Adapter().Sockets(t.Context())
		return err == nil && slices.Equal(ids, []string{f.clients[0].ID})
	})
	f.check(t)
}

// do fails the test where something has failed that no client sees.
func (f *fixture) do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// where waits until exactly those clients are in room.
func (f *fixture) where(t *testing.T, room string, clients ...int) {
	t.Helper()
	for i := range f.clients {
		eventually(t, fmt.Sprintf("room %s has the clients %v", room, clients), func() bool {
			return slices.Contains(f.socket(i).Rooms(), room) == slices.Contains(clients, i)
		})
	}
	f.settle(t)
}

// testMoveInOrder is testMove without waiting: who is put into a room gets what is then sent to the room, and who is
// sent away gets what was sent before.
func testMoveInOrder(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	if f.RoomsUnordered {
		return
	}
	n := f.ns(0)
	for i := range 50 { // a lucky moment must not decide
		f.do(t,
			n.To("1", "2").SocketsJoin("moved", "moved too"),
			n.To("moved").Emit("in", i),
			n.To("2").SocketsLeave("moved"),
			n.To("moved").Emit("out", i),
			n.To("moved too").SocketsLeave("moved", "moved too"),
			n.To("moved", "moved too").Emit("never"),
			n.In("all").SocketsJoin(), n.In("all").SocketsLeave())
		f.expectNext(t, 1, fmt.Sprintf(`["in",%d]`, i), fmt.Sprintf(`["out",%d]`, i))
		f.expectNext(t, 2, fmt.Sprintf(`["in",%d]`, i))
	}
	f.do(t, n.To("1").Emit("goodbye", 1), n.In("1").DisconnectSockets(false))
	f.expectNext(t, 1, `["goodbye",1]`)
	f.clients[1].ExpectDisconnect()
	f.do(t, n.To("all").Emit("close", 1), n.In("2").DisconnectSockets(true))
	f.expectNext(t, 2, `["close",1]`)
	f.clients[2].ExpectDisconnect()
	f.expectNext(t, 0, `["close",1]`)
	f.check(t)
}
