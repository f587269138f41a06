package cluster

// The operations of a mixed fleet that wait for the answers of other servers.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func (m *mixed) acknowledgements(t *testing.T, namespace string) {
	answer := func(who ...string) {
		for _, room := range who {
			go m.clients[room].Acknowledge(`["q",{"_placeholder":true,"num":0}] 07`, fmt.Sprintf(`[{"from":%q}]`, room))
		}
	}
	for _, c := range []struct {
		to, except, who []string
	}{
		{nil, nil, rooms},
		{[]string{"all"}, []string{"go"}, []string{"node", "go2"}},
		{[]string{"node"}, nil, []string{"node"}},
		{[]string{"go2"}, nil, []string{"go2"}},
		{[]string{"nobody"}, nil, nil},
	} {
		want := []string{}
		for _, room := range c.who {
			want = append(want, fmt.Sprintf(`{"from":%q}`, room))
		}
		sort.Strings(want)

		answer(c.who...)
		replies, err := m.golang.Of(namespace).To(c.to...).Except(c.except...).Timeout(fleet.Patience).
			EmitWithAck(context.Background(), "q", []byte{7})
		got := []string{}
		for _, r := range replies {
			got = append(got, string(r.Raw(0).JSON()))
		}
		sort.Strings(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Go asks %v but %v: %v, %v", c.to, c.except, got, err)
		}

		answer(c.who...)
		var list []json.RawMessage
		result := m.node.Do(fleet.Command{Do: "ask", Namespace: namespace, To: c.to, Except: c.except,
			Args: []any{"q", map[string]string{"$binary": "Bw=="}}})
		if err := json.Unmarshal(result, &list); err != nil {
			t.Fatalf("%s: %v", result, err)
		}
		got = got[:0]
		for _, r := range list {
			got = append(got, string(r))
		}
		sort.Strings(got)
		if !slices.Equal(got, want) {
			t.Errorf("Node.js asks %v but %v: %v", c.to, c.except, got)
		}
	}
	// Binary answers cross in both directions.
	binary := func(room string) {
		c := m.clients[room]
		select {
		case got := <-c.Messages:
			id, _ := c.Split(got)
			head := "461-"
			if namespace != "/" {
				head += namespace + ","
			}
			c.SendBinary(head+id+`[{"_placeholder":true,"num":0}]`, []byte(room))
		case <-time.After(fleet.Patience):
		}
	}
	go binary("node")
	replies, err := m.golang.Of(namespace).To("node").Timeout(fleet.Patience).EmitWithAck(context.Background(), "b")
	var b []byte
	if err != nil || len(replies) != 1 || replies[0].Bind(&b) != nil || string(b) != "node" {
		t.Errorf("binary answer to Go: %v %q, %v", replies, b, err)
	}
	go binary("go")
	got := m.node.Do(fleet.Command{Do: "ask", Namespace: namespace, To: []string{"go"}, Args: []any{"b"}})
	if string(got) != `[{"$binary":"Z28="}]` {
		t.Errorf("binary answer to Node.js: %s", got)
	}
}

func (m *mixed) sockets(t *testing.T, namespace string) {
	ctx := context.Background()
	check := func(
		from, id, data string, socketRooms []string, headers, query map[string]string, address, issued string,
	) {
		room := ""
		for r, c := range m.clients {
			if c.ID == id {
				room = r
			}
		}
		want := []string{"all", room, id}
		slices.Sort(want)
		slices.Sort(socketRooms)
		if room == "" || data != fmt.Sprintf(`{"name":%q}`, room) || !slices.Equal(socketRooms, want) ||
			headers["upgrade"] != "websocket" || headers["host"] == "" || query["EIO"] != "4" ||
			address != "127.0.0.1" && address != "::ffff:127.0.0.1" || issued == "" {
			t.Errorf("from %s, %s: data %s, rooms %v, headers %v, query %v, address %s, %s",
				from, room, data, socketRooms, headers, query, address, issued)
		}
	}
	sockets, err := m.golang.Of(namespace).To("all").FetchSockets(ctx)
	if err != nil || len(sockets) != 3 {
		t.Errorf("Go fetches %d sockets, %v", len(sockets), err)
	}
	for _, s := range sockets {
		data := s.Data().Inline()
		h := s.Handshake()
		headers := map[string]string{"upgrade": h.Headers.Get("Upgrade"), "host": h.Host}
		query := map[string]string{"EIO": h.Query.Get("EIO")}
		check("Go", s.ID(), string(data), s.Rooms(), headers, query, h.Address, h.Time.String())
	}
	var list []struct {
		ID        string
		Rooms     []string
		Data      json.RawMessage
		Handshake struct {
			Headers, Query map[string]string
			Address, Time  string
			Auth           json.RawMessage
			Issued         float64
		}
	}
	result := m.node.Do(fleet.Command{Do: "fetch", Namespace: namespace, To: []string{"all"}})
	if err := json.Unmarshal(result, &list); err != nil || len(list) != 3 {
		t.Errorf("Node.js fetches %s, %v", result, err)
	}
	for _, s := range list {
		h := s.Handshake
		check("Node.js", s.ID, string(s.Data), s.Rooms, h.Headers, h.Query, h.Address, h.Time)
		if time.Since(time.UnixMilli(int64(h.Issued))) > 10*time.Minute || string(h.Auth) != "{}" {
			t.Errorf("Node.js: %+v", h)
		}
	}
	want := append([]string{"all"}, rooms...)
	var ids []string
	for _, c := range m.clients {
		want, ids = append(want, c.ID), append(ids, c.ID)
	}
	slices.Sort(want)
	slices.Sort(ids)
	got, err := m.golang.Of(namespace).Adapter().(interface {
		AllRooms(context.Context) ([]string, error)
	}).AllRooms(ctx)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Go: rooms %v, %v, want %v", got, err, want)
	}
	var fromNode []string
	if err := json.Unmarshal(m.node.Do(fleet.Command{Do: "rooms", Namespace: namespace}), &fromNode); err != nil {
		t.Fatal(err)
	}
	slices.Sort(fromNode)
	if !slices.Equal(fromNode, want) {
		t.Errorf("Node.js: rooms %v, want %v", fromNode, want)
	}
	got, err = m.golang.Of(namespace).Adapter().Sockets(ctx, "all")
	slices.Sort(got)
	if err != nil || !slices.Equal(got, ids) {
		t.Errorf("Go: sockets %v, %v, want %v", got, err, ids)
	}
	if n, err := m.golang.Of(namespace).Adapter().ServerCount(ctx); n != 3 || err != nil {
		t.Errorf("Go counts %d servers, %v", n, err)
	}
}

// pages has more sockets on each server than a page of 256 KB has, and looks for them from each.
func (m *mixed) pages(t *testing.T) {
	const each, large = 80, 5000
	ids := []string{}
	for _, url := range []string{m.node.URL, m.golang.URL, m.other.URL} {
		for range each {
			c := fleet.Dial(t, url, "/")
			c.Ask(`["join","many"]`)
			c.Ask(`["data",{"large":"` + strings.Repeat("x", large) + `"}]`)
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	monitor := m.redis.Monitor()
	whole := func(want int) {
		t.Helper()
		if got := m.longMessages(monitor, each*large); got != want {
			t.Errorf("%d answers are whole, want %d", got, want)
		}
	}
	check := func(who string, got []string) {
		t.Helper()
		if slices.Sort(got); !slices.Equal(got, ids) {
			t.Errorf("%s finds %d of %d", who, len(got), len(ids))
		}
	}
	sockets, err := m.golang.To("many").FetchSockets(t.Context())
	if err != nil {
		t.Error(err)
	}
	var got []string
	for _, s := range sockets {
		got = append(got, s.ID())
		if len(s.Data().JSON()) < large {
			t.Errorf("%s has the data %s", s.ID(), s.Data().JSON())
		}
	}
	check("Go", got)
	whole(1)
	got, err = m.golang.To("many").SocketIDs(t.Context())
	if check("Go, of ids,", got); err != nil {
		t.Error(err)
	}
	m.longMessages(monitor, 0)
	var list []struct{ ID string }
	result := m.node.Do(fleet.Command{Do: "fetch", Namespace: "/", To: []string{"many"}})
	if err := json.Unmarshal(result, &list); err != nil {
		t.Fatal(err)
	}
	got = got[:0]
	for _, s := range list {
		got = append(got, s.ID)
	}
	check("Node.js", got)
	whole(2)
}

// longMessages counts what has been published since the last call and is so long.
func (m *mixed) longMessages(monitor *fleet.Monitor, length int) (n int) {
	m.redis.Publish("end", "")
	for args := range monitor.Commands {
		if len(args) == 3 && strings.HasSuffix(strings.ToLower(args[0]), "publish") {
			switch {
			case args[1] == "end":
				return n
			case len(args[2]) >= length:
				n++
			}
		}
	}
	return n
}

func (m *mixed) move(t *testing.T, namespace string) {
	ns := m.golang.Of(namespace)
	for i := range 10 {
		ns.In("node", "go2").SocketsJoin("moved", "too")
		ns.To("moved").Emit("in", i)
		ns.In("node").SocketsLeave("moved")
		ns.To("moved").Emit("out", i)
		ns.In("too").SocketsLeave("moved", "too")
		ns.In("all").SocketsJoin()
		ns.In("all").SocketsLeave() // the adapter of Node.js cannot handle this one
		m.clients["node"].Expect(fmt.Sprintf(`["in",%d]`, i))
		m.clients["go2"].Expect(fmt.Sprintf(`["in",%d]`, i), fmt.Sprintf(`["out",%d]`, i))
	}
	m.allLeft(t, ns)
	both, rooms := []string{"go", "go2"}, []string{"moved", "too"}
	m.node.Do(fleet.Command{Do: "join", Namespace: namespace, To: both, Args: rooms})
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"moved"}, Args: []any{"in"}})
	m.node.Do(fleet.Command{Do: "leave", Namespace: namespace, To: []string{"go"}, Args: []string{"moved", "too"}})
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"too"}, Args: []any{"out"}})
	m.node.Do(fleet.Command{Do: "leave", Namespace: namespace, To: []string{"go2"}, Args: []string{"moved", "too"}})
	m.clients["go"].Expect(`["in"]`)
	m.clients["go2"].Expect(`["in"]`, `["out"]`)
}

// allLeft waits until every server has carried out the SocketsLeave of room "too": what Node.js does next, on a
// connection of its own, might overtake it.
func (m *mixed) allLeft(t *testing.T, ns *socketio.Namespace) {
	t.Helper()
	if !await.Until(fleet.Patience, func() bool {
		left, err := ns.In("too").FetchSockets(t.Context())
		return len(left) == 0 && err == nil
	}) {
		t.Error("sockets are left in the room")
	}
}

func (m *mixed) serverSide(t *testing.T, namespace string) {
	ctx := context.Background()
	ns := m.golang.Of(namespace)
	hear := func(c <-chan string, want string) {
		t.Helper()
		select {
		case got := <-c:
			if got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		case <-time.After(fleet.Patience):
			t.Errorf("nobody heard %s", want)
		}
	}
	if err := ns.ServerSideEmit("hello", "é", 1.5, nil); err != nil {
		t.Error(err)
	}
	hear(m.node.Heard, `["hello","é",1.5,null]`)
	hear(m.other.Heard, `["hello","é",1.5,null]`)
	ns.ServerSideEmit("hello", []byte{1})
	hear(m.node.Heard, `["hello",{"$binary":"AQ=="}]`)
	hear(m.other.Heard, `["hello",{"$binary":"AQ=="}]`)
	m.node.Do(fleet.Command{Do: "tell", Namespace: namespace, Args: []any{"hello", "é", 1.5, nil}})
	hear(m.golang.Heard, `["hello","é",1.5,null]`)
	hear(m.other.Heard, `["hello","é",1.5,null]`)

	answers, err := ns.ServerSideEmitWithAck(ctx, "hello", 1)
	var got []string
	for _, a := range answers {
		got = append(got, string(a.JSON()))
	}
	sort.Strings(got)
	if err != nil || !slices.Equal(got, []string{`{"go":[1]}`, `{"node":[1]}`}) {
		t.Errorf("answers to Go: %v, %v", got, err)
	}
	toNode := m.node.Do(fleet.Command{Do: "tellAll", Namespace: namespace, Args: []any{"hello", 1}})
	if string(toNode) != `[{"go":[1]},{"go":[1]}]` {
		t.Errorf("answers to Node.js: %s", toNode)
	}
	for _, c := range []<-chan string{m.node.Heard, m.golang.Heard, m.other.Heard, m.other.Heard} {
		hear(c, `["hello",1]`)
	}
}
