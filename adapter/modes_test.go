package adapter_test

// The sharded and the streams adapter in all their modes: three Go servers on one Redis, every operation.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A mode is a way for servers to reach each other.
type mode struct {
	name    string
	sharded adapter.SubscriptionMode // "": streams
	streams adapter.StreamsOptions
}

var recovery = &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute}

var modes = []mode{
	{name: "sharded dynamic", sharded: adapter.Dynamic},
	{name: "sharded dynamic-private", sharded: adapter.DynamicPrivate},
	{name: "sharded static", sharded: adapter.Static},
	{name: "streams"},
	{name: "three streams", streams: adapter.StreamsOptions{Count: 3}},
	{name: "streams with recovery", streams: adapter.StreamsOptions{Recovery: recovery}},
}

// start starts a server in this mode.
func (m mode) start(t testing.TB, redisURL string) *fleet.GoNode {
	t.Helper()
	r, err := adapter.Open(redisURL, adapter.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	opts := socketio.Options{ConnectionStateRecovery: m.streams.Recovery, Adapter: r.Streams(m.streams)}
	if m.sharded != "" {
		opts.Adapter = r.Sharded(m.sharded)
	}
	return fleet.StartGoServer(t, r, opts)
}

// A modeTrio is three servers in one mode, each with a client in the room "all" and in one of its own: "0", "1" or "2".
type modeTrio struct {
	mode
	redis   *fleet.Redis
	nodes   []*fleet.GoNode
	clients []*fleet.Client
	ns      string
}

func startModeTrio(t *testing.T, m mode, namespace string) *modeTrio {
	t.Helper()
	tr := &modeTrio{mode: m, redis: fleet.StartRedis(t), ns: namespace}
	for i := range 3 {
		tr.nodes = append(tr.nodes, m.start(t, tr.redis.URL()))
		tr.clients = append(tr.clients, fleet.Dial(t, tr.nodes[i].URL, namespace))
		tr.clients[i].Ask(fmt.Sprintf(`["join","all","%d"]`, i))
	}
	tr.settle(t)
	return tr
}

// settle waits until the channels that are subscribed to are exactly those of the rooms that there are.
func (tr *modeTrio) settle(t *testing.T) {
	t.Helper()
	if tr.sharded == "" {
		return
	}
	prefix := "socket.io#" + tr.ns + "#"
	var want, got map[string]int64
	for deadline := time.Now().Add(fleet.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		want, got = map[string]int64{"": 3}, map[string]int64{}
		for _, n := range tr.nodes {
			a := n.Of(tr.ns).Adapter().(socketio.RoomIndex)
			var rooms []string
			if tr.sharded != adapter.Static {
				rooms = a.RoomNames()
			}
			if tr.sharded == adapter.DynamicPrivate {
				local, _ := n.Of(tr.ns).Local().FetchSockets(context.Background())
				for _, s := range local {
					rooms = append(rooms, s.ID())
				}
			}
			for _, room := range rooms {
				if tr.sharded == adapter.DynamicPrivate || len(utf16.Encode([]rune(room))) != 20 {
					want[room+"#"]++
				}
			}
		}
		for _, c := range tr.redis.Do("PUBSUB", "SHARDCHANNELS", prefix+"*").([]any) {
			room := strings.TrimPrefix(c.(string), prefix)
			if ownChannel.MatchString(room) {
				continue
			}
			got[room] = tr.redis.Do("PUBSUB", "SHARDNUMSUB", c).([]any)[1].(int64)
		}
		if maps.Equal(want, got) {
			return
		}
	}
	t.Fatalf("subscriptions: %v, want %v", got, want)
}

var (
	ownChannel = regexp.MustCompile(`^[0-9a-f]{16}#$`)
	offsetEnd  = regexp.MustCompile(`,"([0-9]+-[0-9]+)"\]`)
)

// next is what client i gets next, without its header and its offset.
func (tr *modeTrio) next(t *testing.T, i int) (payload, offset string) {
	t.Helper()
	text := tr.clients[i].Next()
	text = text[strings.IndexByte(text, '['):]
	if at := offsetEnd.FindStringSubmatchIndex(text); at != nil {
		return text[:at[0]] + "]" + text[at[1]:], text[at[2]:at[3]]
	}
	return text, ""
}

// expect fails the test unless exactly those clients get payload next, and everybody then a mark.
func (tr *modeTrio) expect(t *testing.T, payload string, who ...int) {
	t.Helper()
	// From everyone: a channel keeps the order of each sender, and two channels no order at all.
	for i, n := range tr.nodes {
		if err := n.Of(tr.ns).Emit("mark", i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range tr.clients {
		var got []string
		for marks := 0; marks < len(tr.nodes); {
			text, _ := tr.next(t, i)
			if strings.HasPrefix(text, `["mark",`) {
				marks++
			} else {
				got = append(got, text)
			}
		}
		var want []string
		if slices.Contains(who, i) {
			want = []string{payload}
		}
		if !slices.Equal(got, want) {
			t.Errorf("client %d got %q, want %q", i, got, want)
		}
	}
}

func eachMode(t *testing.T, f func(t *testing.T, m mode)) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			f(t, m)
		})
	}
}

func TestModesBroadcast(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		for _, namespace := range []string{"/", "/chat"} {
			tr := startModeTrio(t, m, namespace)
			for from, n := range tr.nodes {
				ns := n.Of(namespace)
				own := func(i int) string { return tr.clients[i].ID }
				for _, c := range []struct {
					name string
					to   socketio.BroadcastOperator
					who  []int
				}{
					{"everybody", ns.To(), []int{0, 1, 2}},
					{"one room", ns.To("1"), []int{1}},
					{"one room of several members", ns.To("all"), []int{0, 1, 2}},
					{"overlapping rooms", ns.To("all", "1", own(1)), []int{0, 1, 2}},
					{"several rooms", ns.To("0", "2"), []int{0, 2}},
					{"a socket's own room", ns.To(own(2)), []int{2}},
					{"nobody's room", ns.To("nobody"), nil},
					{"nobody's rooms", ns.To("nobody", "none"), nil},
					{"all but a room", ns.Except("1"), []int{0, 2}},
					{"a room but another", ns.To("all").Except(own(0), "2"), []int{1}},
					{"volatile", ns.To("all").Volatile(), []int{0, 1, 2}},
					{"local", ns.To("all").Local(), []int{from}},
					{"not compressed", ns.To("all").Compress(false), []int{0, 1, 2}},
				} {
					if err := c.to.Emit("ev", c.name, map[string]any{"n": 1.5, "big": int64(1) << 50, "s": "é\n\"<&>"}, nil, true); err != nil {
						t.Errorf("%s: %v", c.name, err)
					}
					tr.expect(t, fmt.Sprintf(`["ev",%q,{"big":1125899906842624,"n":1.5,"s":"é\n\"<&>"},null,true]`, c.name), c.who...)
				}
				if err := ns.To("all").Emit("bin", map[string]any{"b": []byte{1, 2, 3}}, []byte{}, []byte{0xff}); err != nil {
					t.Error(err)
				}
				tr.expect(t, `["bin",{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}] 010203  ff`, 0, 1, 2)
			}
			tr.clean(t)
		}
	})
}

// clean fails the test if a server has counted anything as wrong.
func (tr *modeTrio) clean(t *testing.T) {
	t.Helper()
	for i, n := range tr.nodes {
		if s := n.Redis.Stats(); s.Malformed != 0 || s.PublishErrors != 0 || s.Dropped != 0 || s.ReceiveDropped != 0 {
			t.Errorf("node %d: %+v", i, s)
		}
	}
}

// TestModesRoomNames uses rooms whose length is near that of a socket's id, by which Node's adapter tells them.
func TestModesRoomNames(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/")
		for _, room := range []string{
			strings.Repeat("x", 20), "sala-de-reunião-nº12", "sala-de-reunião-nº1", strings.Repeat("é", 10), strings.Repeat("😀", 10), "#", "a#b#", "",
		} {
			tr.clients[1].Ask(fmt.Sprintf(`["join",%q]`, room))
			tr.settle(t)
			tr.nodes[0].To(room).Emit("ev", room)
			text, _ := json.Marshal(room)
			tr.expect(t, fmt.Sprintf(`["ev",%s]`, text), 1)
		}
		tr.clean(t)
	})
}

func TestModesAck(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/")
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
				go tr.clients[i].Acknowledge(`["q",{"_placeholder":true,"num":0}] 07`, fmt.Sprintf(`["from %d"]`, i))
				want = append(want, fmt.Sprintf(`"from %d"`, i))
			}
			replies, err := c.to.Timeout(fleet.Patience).EmitWithAck(context.Background(), "q", []byte{7})
			var got []string
			for _, r := range replies {
				got = append(got, string(r.Raw(0).JSON()))
			}
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("to %v: %q, %v, want %q", c.who, got, err, want)
			}
		}
		go func() {
			text := tr.clients[1].Next()
			id := strings.TrimSuffix(strings.TrimPrefix(text, "42"), `["b"]`)
			tr.clients[1].SendBinary("461-"+id+`[{"_placeholder":true,"num":0}]`, []byte("answer"))
		}()
		replies, err := tr.nodes[0].To("1").Timeout(fleet.Patience).EmitWithAck(context.Background(), "b")
		var b []byte
		if err != nil || len(replies) != 1 || replies[0].Bind(&b) != nil || string(b) != "answer" {
			t.Errorf("binary answer: %v %q, %v", replies, b, err)
		}
		_, err = tr.nodes[0].To("all").Timeout(300*time.Millisecond).EmitWithAck(context.Background(), "q")
		if !errors.Is(err, socketio.ErrAckTimeout) {
			t.Errorf("with silent clients: %v", err)
		}
	})
}

func TestModesSockets(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/")
		ctx := context.Background()
		for i, c := range tr.clients[1:] {
			c.Ask(fmt.Sprintf(`["data",{"name":"<%d>","n":[1,null]}]`, i+1))
		}
		tr.nodes[0].Socket(tr.clients[0].ID).SetData(map[string]any{"b": []byte("binary"), "c": []byte("too")})
		for from, n := range tr.nodes {
			if count, err := n.Adapter().ServerCount(ctx); count != 3 || err != nil {
				t.Errorf("node %d: %d servers, %v", from, count, err)
			}
			sockets, err := n.To("all").Except("0").FetchSockets(ctx)
			if err != nil || len(sockets) != 2 {
				t.Fatalf("node %d: fetch: %v, %v", from, sockets, err)
			}
			for _, s := range sockets {
				i := slices.IndexFunc(tr.clients, func(c *fleet.Client) bool { return c.ID == s.ID() })
				data, _ := json.Marshal(s.Data())
				rooms := slices.Sorted(slices.Values(s.Rooms()))
				wantRooms := slices.Sorted(slices.Values([]string{fmt.Sprint(i), "all", s.ID()}))
				if i < 1 || string(data) != fmt.Sprintf(`{"name":"\u003c%d\u003e","n":[1,null]}`, i) || !slices.Equal(rooms, wantRooms) ||
					"http://"+s.Handshake().Host != tr.nodes[i].URL {
					t.Errorf("node %d: socket %d: data %s, rooms %v, %+v", from, i, data, rooms, s.Handshake())
				}
			}
			if from > 0 {
				sockets, err = n.To("0").FetchSockets(ctx)
				var v struct{ B, C []byte }
				if err != nil || len(sockets) != 1 {
					t.Fatalf("node %d: fetch: %v, %v", from, sockets, err)
				}
				if raw := sockets[0].Data(); raw.Bind(&v) != nil || string(v.B) != "binary" || string(v.C) != "too" {
					t.Errorf("node %d: binary data: %v", from, sockets[0].Data())
				}
			}
			local, err := n.To("all").Local().FetchSockets(ctx)
			if err != nil || len(local) != 1 || local[0].ID() != tr.clients[from].ID {
				t.Errorf("node %d: local: %v, %v", from, local, err)
			}
			ids, err := n.Adapter().Sockets(ctx, "1", "2")
			slices.Sort(ids)
			if want := slices.Sorted(slices.Values([]string{tr.clients[1].ID, tr.clients[2].ID})); err != nil || !slices.Equal(ids, want) {
				t.Errorf("node %d: sockets %v, %v, want %v", from, ids, err, want)
			}
		}
		tr.clean(t)
	})
}

func TestModesMove(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/")
		n := tr.nodes[0]
		where := func(room string, want ...int) {
			t.Helper()
			for i, node := range tr.nodes {
				for deadline := time.Now().Add(fleet.Patience); ; time.Sleep(time.Millisecond) {
					has := node.Adapter().(socketio.RoomIndex).HasRoom(room)
					if has == slices.Contains(want, i) {
						break
					} else if time.Now().After(deadline) {
						t.Fatalf("room %s on node %d: %v", room, i, has)
					}
				}
			}
			tr.settle(t)
		}
		for i := range 5 {
			n.To("1", "2").SocketsJoin("moved", "moved too")
			where("moved", 1, 2)
			n.To("moved").Emit("in", i)
			tr.expect(t, fmt.Sprintf(`["in",%d]`, i), 1, 2)
			n.To("2").SocketsLeave("moved")
			where("moved", 1)
			n.To("moved").Emit("out", i)
			tr.expect(t, fmt.Sprintf(`["out",%d]`, i), 1)
			n.To("moved too").SocketsLeave("moved", "moved too")
			where("moved too")
			where("moved")
			n.To("moved", "moved too").Emit("never")
			tr.expect(t, "")
		}
		n.In("all").Local().SocketsJoin("here")
		n.To("here").Emit("only here")
		tr.expect(t, `["only here"]`, 0)
		n.In("1").DisconnectSockets(false)
		tr.clients[1].ExpectDisconnect()
		n.In("2").DisconnectSockets(true)
		tr.clients[2].ExpectDisconnect()
		ids, err := n.Adapter().Sockets(context.Background())
		if err != nil || !slices.Equal(ids, []string{tr.clients[0].ID}) {
			t.Errorf("left: %v, %v", ids, err)
		}
		tr.clean(t)
	})
}

func TestModesServerSideEmit(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/chat")
		ns := tr.nodes[0].Of("/chat")
		ns.ServerSideEmit("hello", 1, "é<", nil)
		ns.ServerSideEmit("hello", []byte{1, 2})
		for _, other := range tr.nodes[1:] {
			for _, want := range []string{`["hello",1,"é\u003c",null]`, `["hello",{"$binary":"AQI="}]`} {
				if got := receive(t, other.Heard); got != want {
					t.Errorf("heard %s, want %s", got, want)
				}
			}
		}
		answers, err := ns.ServerSideEmitWithAck(context.Background(), "hello", []byte{9})
		for _, a := range answers {
			var v struct{ Go [][]byte }
			if err := a.Bind(&v); err != nil || len(v.Go) != 1 || string(v.Go[0]) != "\x09" {
				t.Errorf("answer %s %v, %v", a.JSON(), v, err)
			}
		}
		if err != nil || len(answers) != 2 {
			t.Errorf("%d answers, %v", len(answers), err)
		}
		if len(tr.nodes[0].Heard) > 0 {
			t.Errorf("the sender heard itself: %s", <-tr.nodes[0].Heard)
		}
		tr.clean(t)
	})
}

// TestModesOrder has every server emit a long sequence at once: each client gets each server's in order, each number
// once.
func TestModesOrder(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/")
		const total = 3000
		for from, n := range tr.nodes {
			go func() {
				for i := range total {
					switch {
					case m.sharded == "" && i%3 == 0: // the one channel of a sharded cluster has no order with the other
						n.To("all").Emit("n", from, i)
					case m.sharded == "" && i%3 == 1:
						n.To("all").Volatile().Emit("n", from, i)
					default:
						n.Emit("n", from, i)
					}
				}
			}()
		}
		for i := range tr.clients {
			var next [3]int
			last := ""
			for range 3 * total {
				text, offset := tr.next(t, i)
				var from, number int
				if _, err := fmt.Sscanf(text, `["n",%d,%d]`, &from, &number); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				if number != next[from] {
					t.Fatalf("client %d got number %d of node %d, want %d", i, number, from, next[from])
				}
				next[from]++
				if offset != "" {
					if last != "" && !before(last, offset) {
						t.Fatalf("client %d: offset %s after %s", i, offset, last)
					}
					last = offset
				}
			}
			if (last != "") != (m.streams.Recovery != nil) {
				t.Errorf("last offset %q", last)
			}
		}
		tr.clean(t)
	})
}

// before compares two offsets.
func before(a, b string) bool {
	var x, y [2]uint64
	fmt.Sscanf(a, "%d-%d", &x[0], &x[1])
	fmt.Sscanf(b, "%d-%d", &y[0], &y[1])
	return slices.Compare(x[:], y[:]) < 0
}

// TestDynamicChurn has sockets join and leave a few rooms as fast as they can. In the end the subscriptions are those of
// the rooms that are left.
func TestDynamicChurn(t *testing.T) {
	for _, m := range modes[:2] {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tr := startModeTrio(t, m, "/")
			for round := range 5 {
				var wg sync.WaitGroup
				for i, n := range tr.nodes {
					s := n.Socket(tr.clients[i].ID)
					for worker := range 4 {
						wg.Go(func() {
							random := rand.New(rand.NewPCG(uint64(round), uint64(worker)))
							for range 1000 {
								if room := fmt.Sprint("churn ", random.IntN(5)); random.IntN(2) == 0 {
									s.Join(room)
								} else {
									s.Leave(room)
								}
							}
						})
					}
				}
				wg.Wait()
				tr.settle(t)
				for room := range 5 {
					name := fmt.Sprint("churn ", room)
					var who []int
					for i, n := range tr.nodes {
						if slices.Contains(n.Socket(tr.clients[i].ID).Rooms(), name) {
							who = append(who, i)
						}
					}
					tr.nodes[round%3].To(name).Emit("ev", room)
					tr.expect(t, fmt.Sprintf(`["ev",%d]`, room), who...)
				}
			}
			tr.clients[2].Close()
			for len(tr.nodes[2].Adapter().SocketRooms(tr.clients[2].ID)) > 0 {
				time.Sleep(time.Millisecond)
			}
			tr.settle(t)
		})
	}
}

// TestModesNamespaceTwice opens a dynamic namespace by many clients at once on each server. All but one of the adapters
// that this may make are thrown away again; the one that stays must go on hearing.
func TestModesNamespaceTwice(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		redis := fleet.StartRedis(t)
		var nodes []*fleet.GoNode
		for range 2 {
			n := m.start(t, redis.URL())
			n.OfFunc(func(name string, _ *socketio.Handshake) bool { return strings.HasPrefix(name, "/d") })
			nodes = append(nodes, n)
		}
		for round := range 5 {
			name := fmt.Sprintf("/d%d", round)
			clients := make(chan *fleet.Client, 16)
			for i := range cap(clients) {
				go func() { clients <- fleet.Dial(t, nodes[i%2].URL, name) }()
			}
			tr := &modeTrio{mode: m, nodes: nodes, ns: name}
			for range cap(clients) {
				tr.clients = append(tr.clients, <-clients)
			}
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
				for c := range tr.clients {
					if got, _ := tr.next(t, c); got != fmt.Sprintf(`["ev",%d]`, i) {
						t.Errorf("got %s", got)
					}
				}
			}
		}
	})
}
