package adapter_test

// Three Go servers on one Redis: everything that reaches sockets of another server.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A trio is three servers with a client each, in the room "all" and in one of its own: "0", "1" or "2".
type trio struct {
	redis   *fleet.Redis
	nodes   [3]*fleet.GoNode
	clients [3]*fleet.Client
}

func startTrio(t *testing.T, namespace string) *trio {
	t.Helper()
	tr := &trio{redis: fleet.StartRedis(t)}
	for i := range tr.nodes {
		tr.nodes[i] = fleet.StartGo(t, tr.redis.URL(), adapter.Options{SpecificResponses: i == 2})
		tr.clients[i] = fleet.Dial(t, tr.nodes[i].URL, namespace)
		tr.clients[i].Ask(fmt.Sprintf(`["join","all","%d"]`, i))
	}
	return tr
}

// expect fails the test unless exactly those clients get payload next, and everybody then a mark.
func (tr *trio) expect(t *testing.T, ns *socketio.Namespace, payload string, who ...int) {
	t.Helper()
	if err := ns.Emit("mark"); err != nil {
		t.Fatal(err)
	}
	for i, c := range tr.clients {
		if slices.Contains(who, i) {
			c.Expect(payload)
		}
		c.Expect(`["mark"]`)
	}
}

func TestBroadcast(t *testing.T) {
	for _, namespace := range []string{"/", "/chat"} {
		t.Run(namespace, func(t *testing.T) {
			t.Parallel()
			tr := startTrio(t, namespace)
			ns := tr.nodes[0].Of(namespace)
			own := func(i int) string { return tr.clients[i].ID }
			for _, c := range []struct {
				name string
				to   socketio.BroadcastOperator
				who  []int
			}{
				{"everybody", ns.To(), []int{0, 1, 2}},
				{"one room", ns.To("1"), []int{1}},
				{"one room of several members", ns.To("all"), []int{0, 1, 2}},
				{"several rooms", ns.To("0", "2"), []int{0, 2}},
				{"overlapping rooms", ns.To("all", "1", own(1)), []int{0, 1, 2}},
				{"a socket's own room", ns.To(own(2)), []int{2}},
				{"nobody's room", ns.To("nobody"), nil},
				{"nobody's rooms", ns.To("nobody", "none"), nil},
				{"all but a room", ns.Except("1"), []int{0, 2}},
				{"a room but another", ns.To("all").Except(own(0), "2"), []int{1}},
				{"volatile", ns.To("all").Volatile(), []int{0, 1, 2}},
				{"local", ns.To("all").Local(), []int{0}},
				{"not compressed", ns.To("all").Compress(false), []int{0, 1, 2}},
				{"odd names", ns.To("a#b", "é*[", "2"), []int{2}},
			} {
				if err := c.to.Emit("ev", c.name, map[string]any{"n": 1.5, "big": int64(1) << 50, "s": "é\n\"<&>"}, nil, true); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				tr.expect(t, ns, fmt.Sprintf(`["ev",%q,{"big":1125899906842624,"n":1.5,"s":"é\n\"<&>"},null,true]`, c.name), c.who...)
			}
			if err := ns.To("all").Emit("bin", map[string]any{"b": []byte{1, 2, 3}}, []byte{}, []byte{0xff}); err != nil {
				t.Error(err)
			}
			tr.expect(t, ns, `["bin",{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}] 010203  ff`, 0, 1, 2)
			for i, n := range tr.nodes {
				if s := n.Redis.Stats(); s.Malformed != 0 || s.PublishErrors != 0 || s.Dropped != 0 {
					t.Errorf("node %d: %+v", i, s)
				}
			}
		})
	}
}

func TestBroadcastWithAck(t *testing.T) {
	t.Parallel()
	tr := startTrio(t, "/")
	ask := func(to socketio.BroadcastOperator, patience time.Duration, who ...int) ([]string, error) {
		for _, i := range who {
			go tr.clients[i].Acknowledge(`["q",{"_placeholder":true,"num":0}] 07`, fmt.Sprintf(`["from %d"]`, i))
		}
		replies, err := to.Timeout(patience).EmitWithAck(context.Background(), "q", []byte{7})
		var got []string
		for _, r := range replies {
			got = append(got, string(r.Raw(0).JSON()))
		}
		sort.Strings(got)
		return got, err
	}
	for _, c := range []struct {
		to  socketio.BroadcastOperator
		who []int
	}{
		{tr.nodes[0].To(), []int{0, 1, 2}},
		{tr.nodes[1].To("all").Except("1"), []int{0, 2}},
		{tr.nodes[2].To("0"), []int{0}},
		{tr.nodes[0].To("all").Local(), []int{0}},
		{tr.nodes[0].To("nobody"), nil},
	} {
		var want []string
		for _, i := range c.who {
			want = append(want, fmt.Sprintf(`"from %d"`, i))
		}
		got, err := ask(c.to, fleet.Patience, c.who...)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("to %v: %q, %v, want %q", c.who, got, err, want)
		}
	}
	// One client does not answer.
	got, err := ask(tr.nodes[0].To("all"), time.Second, 0, 1)
	if !errors.Is(err, socketio.ErrAckTimeout) || !slices.Equal(got, []string{`"from 0"`, `"from 1"`}) {
		t.Errorf("with one silent client: %q, %v", got, err)
	}
	tr.clients[2].Next()
	// An answer may be binary, and its placeholder spelt as no JavaScript client does.
	go func() {
		text := tr.clients[1].Next()
		id := strings.TrimSuffix(strings.TrimPrefix(text, "42"), `["b"]`)
		tr.clients[1].SendBinary("461-"+id+`[ { "num" : 0, "_placeholder" : true } ]`, []byte("answer"))
	}()
	replies, err := tr.nodes[0].To("1").Timeout(fleet.Patience).EmitWithAck(context.Background(), "b")
	var b []byte
	if err != nil || len(replies) != 1 || replies[0].Bind(&b) != nil || string(b) != "answer" {
		t.Errorf("binary answer: %v %q, %v", replies, b, err)
	}
}

func TestSockets(t *testing.T) {
	t.Parallel()
	tr := startTrio(t, "/")
	ctx := context.Background()
	for i, c := range tr.clients {
		c.Ask(fmt.Sprintf(`["data",{"name":"<%d>","n":[1,null]}]`, i))
	}
	all := []string{tr.clients[0].ID, tr.clients[1].ID, tr.clients[2].ID}
	slices.Sort(all)
	for i, n := range tr.nodes {
		for _, c := range []struct{ rooms, want []string }{
			{nil, all},
			{[]string{"all", "0"}, all},
			{[]string{"1"}, []string{tr.clients[1].ID}},
			{[]string{"nobody"}, nil},
		} {
			got, err := n.Adapter().Sockets(ctx, c.rooms...)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("node %d: sockets of %v: %v, %v, want %v", i, c.rooms, got, err, c.want)
			}
		}
		rooms, err := n.Adapter().(socketio.RoomLister).AllRooms(ctx)
		want := append([]string{"0", "1", "2", "all"}, all...)
		slices.Sort(want)
		if err != nil || !slices.Equal(rooms, want) {
			t.Errorf("node %d: rooms %v, %v, want %v", i, rooms, err, want)
		}
		if count, err := n.Adapter().ServerCount(ctx); count != 3 || err != nil {
			t.Errorf("node %d: %d servers, %v", i, count, err)
		}
	}
	sockets, err := tr.nodes[0].To("all").Except("0").FetchSockets(ctx)
	if err != nil || len(sockets) != 2 {
		t.Fatalf("fetch: %v, %v", sockets, err)
	}
	for _, s := range sockets {
		i := slices.IndexFunc(tr.clients[:], func(c *fleet.Client) bool { return c.ID == s.ID() })
		data, _ := json.Marshal(s.Data())
		rooms := slices.Sorted(slices.Values(s.Rooms()))
		h := s.Handshake()
		wantRooms := []string{fmt.Sprint(i), "all", s.ID()}
		slices.Sort(wantRooms)
		if i < 1 || string(data) != fmt.Sprintf(`{"name":"\u003c%d\u003e","n":[1,null]}`, i) || !slices.Equal(rooms, wantRooms) {
			t.Errorf("socket %d: data %s, rooms %v", i, data, rooms)
			continue
		}
		if "http://"+h.Host != tr.nodes[i].URL || h.Headers.Get("Upgrade") != "websocket" || h.Address != "127.0.0.1" ||
			h.Query.Get("EIO") != "4" || string(h.Auth.JSON()) != "{}" || time.Since(h.Time) > time.Minute || h.Secure ||
			!strings.HasPrefix(h.URL, "/socket.io/?EIO=4") || h.Headers.Get("Host") != "" {
			t.Errorf("socket %d: handshake %+v", i, h)
		}
		if err := s.Emit("hi", i); err != nil {
			t.Error(err)
		}
		tr.clients[i].Expect(fmt.Sprintf(`["hi",%d]`, i))
	}
	local, err := tr.nodes[1].To("all").Local().FetchSockets(ctx)
	if err != nil || len(local) != 1 || local[0].ID() != tr.clients[1].ID {
		t.Errorf("local: %v, %v", local, err)
	}
}

// TestMove changes the rooms of other servers' sockets. What follows in the same goroutine sees it done.
func TestMove(t *testing.T) {
	t.Parallel()
	tr := startTrio(t, "/")
	n := tr.nodes[0]
	for i := range 50 { // the order matters, so a lucky moment must not decide
		if err := errors.Join(
			n.To("1", "2").SocketsJoin("moved", "moved too"),
			n.To("moved").Emit("in", i),
			n.To("2").SocketsLeave("moved"),
			n.To("moved").Emit("out", i),
			n.To("moved too").SocketsLeave("moved", "moved too"),
			n.To("moved", "moved too").Emit("never"),
			n.In("all").SocketsJoin(), n.In("all").SocketsLeave()); err != nil {
			t.Fatal(err)
		}
		tr.clients[1].Expect(fmt.Sprintf(`["in",%d]`, i), fmt.Sprintf(`["out",%d]`, i))
		tr.clients[2].Expect(fmt.Sprintf(`["in",%d]`, i))
	}
	if err := n.In("all").Local().SocketsJoin("here"); err != nil {
		t.Error(err)
	}
	n.To("here").Emit("only here")
	tr.expect(t, n.Of("/"), `["only here"]`, 0)
	// Who is sent away gets what was sent before.
	n.To("1").Emit("goodbye")
	n.In("1").DisconnectSockets(false)
	tr.clients[1].Expect(`["goodbye"]`)
	tr.clients[1].ExpectDisconnect()
	n.To("all").Emit("close")
	n.In("2").DisconnectSockets(true)
	tr.clients[2].Expect(`["close"]`)
	tr.clients[2].ExpectDisconnect()
	tr.clients[0].Expect(`["close"]`)
	ids, err := n.Adapter().Sockets(context.Background())
	if err != nil || !slices.Equal(ids, []string{tr.clients[0].ID}) {
		t.Errorf("left: %v, %v", ids, err)
	}
}

func TestServerSideEmit(t *testing.T) {
	t.Parallel()
	tr := startTrio(t, "/")
	n := tr.nodes[0]
	if err := n.ServerSideEmit("hello", 1, "é<", nil); err != nil {
		t.Error(err)
	}
	if err := n.ServerSideEmit("hello", []byte{1, 2}); err != nil {
		t.Error(err)
	}
	for _, other := range tr.nodes[1:] {
		for _, want := range []string{`["hello",1,"é\u003c",null]`, `["hello",{"$binary":"AQI="}]`} {
			if got := receive(t, other.Heard); got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		}
	}
	answers, err := n.ServerSideEmitWithAck(context.Background(), "hello", "q")
	if err != nil || len(answers) != 2 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for _, a := range answers {
		if string(a.JSON()) != `{"go":["q"]}` {
			t.Errorf("answer %s", a.JSON())
		}
	}
	answers, err = n.ServerSideEmitWithAck(context.Background(), "hello", []byte{9})
	for _, a := range answers {
		var v struct{ Go [][]byte }
		if err := a.Bind(&v); err != nil || len(v.Go) != 1 || string(v.Go[0]) != "\x09" {
			t.Errorf("binary answer %s %v, %v", a.JSON(), v, err)
		}
	}
	if err != nil || len(answers) != 2 {
		t.Errorf("%d binary answers, %v", len(answers), err)
	}
	select {
	case heard := <-n.Heard:
		t.Errorf("the sender heard itself: %s", heard)
	default:
	}
}

func receive(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(fleet.Patience):
		t.Fatal("nothing comes")
		return ""
	}
}

// TestOrder emits a long sequence from one goroutine to one socket of another server, by its own room, by two rooms, by
// none and with acknowledgement: it arrives in order, each once.
func TestOrder(t *testing.T) {
	t.Parallel()
	tr := startTrio(t, "/")
	n, c := tr.nodes[0], tr.clients[2]
	const total = 10_000
	go func() {
		for i := range total {
			switch {
			case i%1000 == 999: // a request, among the broadcasts
				ctx, cancel := context.WithCancel(context.Background())
				p := n.Of("/").NewPacket("n", i)
				n.Adapter().BroadcastWithAck(ctx, p, socketio.BroadcastOptions{Rooms: []string{"2"}}, func(int) {},
					func(socketio.Args, error) {})
				defer cancel()
			case i%3 == 0:
				n.To(c.ID).Emit("n", i)
			case i%3 == 1:
				n.To("all", "2").Emit("n", i)
			default:
				n.Emit("n", i)
			}
		}
	}()
	for i := range total {
		got := c.Next()
		if at := strings.IndexByte(got, '['); got[at:] != fmt.Sprintf(`["n",%d]`, i) {
			t.Fatalf("got %s, want number %d", got, i)
		}
	}
}

// TestNamespaceTwice opens a dynamic namespace by many clients at once on each server. All but one of the adapters that
// this may make are thrown away again; the one that stays must keep its subscriptions.
func TestNamespaceTwice(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	var nodes []*fleet.GoNode
	for range 2 {
		n := fleet.StartGo(t, redis.URL(), adapter.Options{})
		n.OfFunc(func(name string, _ *socketio.Handshake) bool { return strings.HasPrefix(name, "/d[*]") })
		nodes = append(nodes, n)
	}
	for round := range 5 {
		name := fmt.Sprintf("/d[*]%d?", round)
		clients := make(chan *fleet.Client, 16)
		for i := range cap(clients) {
			go func() { clients <- fleet.Dial(t, nodes[i%2].URL, name) }()
		}
		var all []*fleet.Client
		for range cap(clients) {
			all = append(all, <-clients)
		}
		// The subscriptions of a new namespace take a moment.
		for deadline := time.Now().Add(fleet.Patience); ; time.Sleep(5 * time.Millisecond) {
			a, errA := nodes[0].Of(name).Adapter().ServerCount(context.Background())
			b, errB := nodes[1].Of(name).Adapter().ServerCount(context.Background())
			if a == 2 && b == 2 && errA == nil && errB == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d and %d servers, %v %v", round, a, b, errA, errB)
			}
		}
		for i, n := range nodes {
			n.Of(name).Emit("ev", i)
			for _, c := range all {
				c.Expect(fmt.Sprintf(`["ev",%d]`, i))
			}
		}
	}
}
