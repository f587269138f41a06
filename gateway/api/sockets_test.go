package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster/memory"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

// A socket is shown with its user, rooms and data, and nothing that might be secret.
func TestSocket(t *testing.T) {
	f := serve(t, nil)
	f.io.OnConnect(func(s *socketio.Socket) error {
		s.Join("b", "a")
		return errors.Join(userKey.Set(s, "ana"), socketio.NewKey[[]byte]("key").Set(s, []byte("foo")))
	})
	c := f.io.Connect(t)
	var s Socket
	got := f.get(t, "/v1/sockets/"+c.ID(), http.StatusOK, &s)
	if s.ID != c.ID() || s.User != "ana" || strings.Join(s.Rooms, " ") != "a b" || s.RoomCount != 2 ||
		string(s.Data) != `{"key":"Zm9v","user":"ana"}` && string(s.Data) != `{"user":"ana","key":"Zm9v"}` ||
		s.Handshake.Time.IsZero() {
		t.Errorf("got %s", got.body)
	}
	for _, secret := range []string{"EIO", "auth", "query", "cookie", "headers"} {
		if strings.Contains(strings.ToLower(string(got.body)), strings.ToLower(secret)) {
			t.Errorf("it tells %s: %s", secret, got.body)
		}
	}
	f.get(t, "/v1/sockets/nobody", http.StatusNotFound, nil).says(t, "/problems/unknown-socket")
	f.get(t, "/v1/sockets/"+c.ID()+"?namespace=/x", http.StatusNotFound, nil).says(t, "/problems/unknown-namespace")
}

// Pages of sockets are bounded, together they are all, and each is there once.
func TestSocketsInPages(t *testing.T) {
	f := serve(t, nil)
	var want, even []string
	for i := range 25 {
		c := f.join(t, "all")[0]
		if i%2 == 0 {
			f.io.Socket(c.ID()).Join("even", "user:u"+strconv.Itoa(i))
			even = append(even, c.ID())
		}
		want = append(want, c.ID())
	}
	slices.Sort(want)
	slices.Sort(even)
	pages := func(query string) (ids []string, sizes []int) {
		t.Helper()
		for cursor := ""; ; {
			var list Sockets
			f.get(t, "/v1/sockets?limit=10&"+query+"&cursor="+url.QueryEscape(cursor), http.StatusOK, &list)
			for _, s := range list.Sockets {
				ids = append(ids, s.ID)
			}
			sizes = append(sizes, len(list.Sockets))
			if cursor = list.Next; cursor == "" {
				return ids, sizes
			}
		}
	}
	if ids, sizes := pages(""); !slices.Equal(ids, want) || !slices.Equal(sizes, []int{10, 10, 5}) {
		t.Errorf("all: %v in pages of %v", ids, sizes)
	}
	if ids, sizes := pages("room=even&room=nobody"); !slices.Equal(ids, even) || !slices.Equal(sizes, []int{10, 3}) {
		t.Errorf("a room: %v in pages of %v", ids, sizes)
	}
	if ids, _ := pages("room=all&except=even"); len(ids) != 12 {
		t.Errorf("but for a room: %v", ids)
	}
	if ids, _ := pages("user=u4&user=u5&user=u6"); len(ids) != 2 {
		t.Errorf("of users: %v", ids)
	}
	if ids, _ := pages("room=nobody"); len(ids) != 0 {
		t.Errorf("of nobody: %v", ids)
	}
	for query, count := range map[string]int{"": 25, "?room=even": 13, "?room=all&except=even": 12, "?user=u4": 1} {
		var n Count
		f.get(t, "/v1/sockets/count"+query, http.StatusOK, &n)
		if n.Count != count {
			t.Errorf("%s: %d are counted, want %d", query, n.Count, count)
		}
	}
	for query, says := range map[string]string{
		"rom=a": "query.rom", "limit=0": "query.limit", "limit=1001": "query.limit", "limit=x": "query.limit",
		"partial=perhaps": "query.partial", "room=" + strings.Repeat("x", 1025): "query.room",
		strings.Repeat("room=r&", 1001): "query.room",
	} {
		f.get(t, "/v1/sockets?"+query, http.StatusUnprocessableEntity, nil).says(t, says)
	}
}

// A socket in 10,000 rooms is shown with 100 in a list, and a page ends where it gets large.
func TestManyRoomsAndMuchData(t *testing.T) {
	f := serve(t, nil)
	clients := f.join(t, "all", "all", "all")
	rooms := make([]string, 10_000)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("room-%05d", i)
	}
	slices.Sort(rooms)
	s := f.io.Socket(clients[0].ID())
	s.Join(rooms...)
	var list Sockets
	f.get(t, "/v1/sockets?room="+s.ID(), http.StatusOK, &list)
	if got := list.Sockets[0]; len(got.Rooms) != 100 || got.RoomCount != 10_001 {
		t.Errorf("%d of %d rooms are shown", len(got.Rooms), got.RoomCount)
	}
	for _, c := range clients {
		if err := f.io.Socket(c.ID()).SetData(map[string]string{"much": strings.Repeat("x", 3<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for cursor := ""; ; {
		list = Sockets{}
		f.get(t, "/v1/sockets?cursor="+cursor, http.StatusOK, &list)
		seen += len(list.Sockets)
		if cursor = list.Next; cursor == "" {
			break
		}
		if len(list.Sockets) != 1 {
			t.Errorf("%d sockets with 3 MiB each on a page", len(list.Sockets))
		}
	}
	if seen != 3 {
		t.Errorf("%d of 3 sockets are on pages", seen)
	}

	var all []string
	for cursor := ""; ; {
		var page Rooms
		f.get(t, "/v1/rooms?limit=1000&prefix=room-&cursor="+cursor, http.StatusOK, &page)
		if len(page.Rooms) > 1000 {
			t.Fatalf("%d rooms on a page", len(page.Rooms))
		}
		all = append(all, page.Rooms...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(all, rooms) {
		t.Errorf("pages have %d rooms, of 10,000", len(all))
	}
	var first Rooms
	f.get(t, "/v1/rooms?limit=2", http.StatusOK, &first)
	if strings.Join(first.Rooms, " ") != "all room-00000" || first.Next != "room-00000" {
		t.Errorf("got %+v", first)
	}
}

// A cluster of three: any node answers for all of them.
func TestCluster(t *testing.T) {
	servers := socketiotest.NewCluster(t, 3, socketio.Options{Adapter: memory.NewBroker().NewAdapter})
	f := serveFor(t, servers[0], nil)
	var ids []string
	for i, io := range servers {
		io.OnConnect(func(s *socketio.Socket) error { s.Join("all", "room-"+strconv.Itoa(i)); return nil })
		ids = append(ids, io.Connect(t).ID())
	}
	slices.Sort(ids)
	var list Sockets
	f.get(t, "/v1/sockets", http.StatusOK, &list)
	var got []string
	for _, s := range list.Sockets {
		got = append(got, s.ID)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("got %v, want %v", got, ids)
	}
	var rooms Rooms
	f.get(t, "/v1/rooms", http.StatusOK, &rooms)
	if strings.Join(rooms.Rooms, " ") != "all room-0 room-1 room-2" {
		t.Errorf("got %v", rooms.Rooms)
	}
	var n Count
	if f.get(t, "/v1/servers/count", http.StatusOK, &n); n.Count != 3 {
		t.Errorf("there are %d nodes", n.Count)
	}
}

// incomplete is an adapter some of whose servers do not answer.
type incomplete struct{ *socketio.MemoryAdapter }

func missing() error { return &socketio.IncompleteError{Answered: 1, Missing: 2} }

// A list that is incomplete says so, and is none for who has not asked for a part.
func TestIncomplete(t *testing.T) {
	io := socketiotest.New(t, socketio.Options{Adapter: func(ns *socketio.Namespace) socketio.Adapter {
		return incomplete{socketio.NewMemoryAdapter(ns)}
	}})
	f := serveFor(t, io, nil)
	c := io.Connect(t)
	for _, target := range []string{"/v1/sockets", "/v1/sockets/count", "/v1/rooms", "/v1/servers/count"} {
		got := f.get(t, target, http.StatusServiceUnavailable, nil)
		got.says(t, "/problems/incomplete", "partial=true")
		if got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %v", target, got.header)
		}
		var list struct{ Incomplete *Incomplete }
		f.get(t, target+"?partial=true", http.StatusOK, &list)
		if i := list.Incomplete; i == nil || i.ServersAnswered != 1 || i.ServersMissing != 2 {
			t.Errorf("%s: %+v", target, i)
		}
	}
	f.get(t, "/v1/sockets/"+c.ID(), http.StatusOK, nil)
	f.get(t, "/v1/sockets/nobody", http.StatusServiceUnavailable, nil).says(t, "/problems/incomplete")
	var acked Acked
	f.post(t, "/v1/emit-with-ack", `{"event":"e","all":true,"timeout":20}`, http.StatusOK, &acked)
	if i := acked.Incomplete; i == nil || i.ServersMissing != 2 || i.Clients != 1 || !i.Timeout {
		t.Errorf("%+v", acked.Incomplete)
	}
}

func (a incomplete) Sockets(ctx context.Context, rooms ...string) ([]string, error) {
	ids, _ := a.MemoryAdapter.Sockets(ctx, rooms...)
	return ids, missing()
}

func (a incomplete) FetchSockets(
	ctx context.Context, opts socketio.BroadcastOptions,
) ([]*socketio.RemoteSocket, error) {
	sockets, _ := a.MemoryAdapter.FetchSockets(ctx, opts)
	return sockets, missing()
}

func (a incomplete) AllRooms(context.Context) ([]string, error) { return a.RoomNames(), missing() }

func (a incomplete) ServerCount(context.Context) (int, error) { return 2, missing() }
