package cluster

// A Node.js server and two Go ones on one Redis, with the sharded and the streams adapters: every operation in both
// directions, and what both kinds write to Redis.

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A mode is an adapter, as set up on both kinds of servers.
type mode struct {
	name    string
	node    string                   // options of server.mjs
	sharded adapter.SubscriptionMode // "": streams
	streams adapter.StreamsOptions
	pubsub  bool
	tracer  socketio.Tracer // of the Go servers
}

var recovery = &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute}

var modes = []mode{
	{name: "sharded dynamic", node: `{"adapter":"sharded"}`, sharded: adapter.Dynamic},
	{
		name:    "sharded dynamic-private",
		node:    `{"adapter":"sharded","subscriptionMode":"dynamic-private"}`,
		sharded: adapter.DynamicPrivate,
	},
	{name: "sharded static", node: `{"adapter":"sharded","subscriptionMode":"static"}`, sharded: adapter.Static},
	{name: "streams", node: `{"adapter":"streams"}`},
	{
		name:    "streams with recovery",
		node:    `{"adapter":"streams","recovery":true}`,
		streams: adapter.StreamsOptions{Recovery: recovery},
	},
	{
		name: "streams with options",
		node: `{"adapter":"streams","streamName":"app","useShardedPubSub":true,"blockTimeInMs":300,"streamCount":3}`,
		streams: adapter.StreamsOptions{
			StreamName: "app", ShardedPubSub: true, BlockTime: 300 * time.Millisecond, Count: 3,
		},
	},
}

func (m mode) start(t testing.TB, redisURL string) *fleet.GoNode {
	t.Helper()
	r, err := adapter.Open(redisURL, adapter.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	opts := socketio.Options{
		ConnectionStateRecovery: m.streams.Recovery, Adapter: r.Streams(m.streams), Tracer: m.tracer,
	}
	switch {
	case m.pubsub:
		opts.Adapter = r.PubSub()
	case m.sharded != "":
		opts.Adapter = r.Sharded(m.sharded)
	}
	return fleet.StartGoServer(t, r, opts)
}

func startMixedMode(t *testing.T, mode mode, namespace string) *mixed {
	t.Helper()
	m := &mixed{redis: fleet.StartRedis(t), clients: make(map[string]*fleet.Client)}
	m.node = fleet.StartNode(t, m.redis.URL(), mode.node)
	m.golang = mode.start(t, m.redis.URL())
	m.other = mode.start(t, m.redis.URL())
	for i, url := range []string{m.node.URL, m.golang.URL, m.other.URL} {
		c := fleet.Dial(t, url, namespace)
		c.Ask(fmt.Sprintf(`["join","all",%q]`, rooms[i]))
		c.Ask(fmt.Sprintf(`["data",{"name":%q}]`, rooms[i]))
		m.clients[rooms[i]] = c
	}
	switch {
	case mode.pubsub:
		return m // who has answered a client is subscribed
	case mode.sharded == "": // nothing tells when Node.js begins to read the stream
		m.until(t, namespace)
	case mode.sharded != adapter.Static:
		m.subscribed(t, namespace, "all#", 3)
		for _, room := range rooms {
			m.subscribed(t, namespace, room+"#", 1)
		}
	}
	m.subscribed(t, namespace, "", 3)
	return m
}

// until emits until the Node.js server's client hears it, and waits until that has heard all of it.
func (m *mixed) until(t *testing.T, namespace string) {
	t.Helper()
	last, heard := -1, false
	for end := time.After(fleet.Patience); ; {
		if !heard {
			last++
			m.golang.Of(namespace).To("node").Emit("first", last)
		}
		select {
		case got := <-m.clients["node"].Messages:
			_, payload := m.clients["node"].Split(got)
			if heard = heard || strings.HasPrefix(payload, `["first",`); payload == fmt.Sprintf(`["first",%d]`, last) {
				return
			}
		case <-time.After(100 * time.Millisecond):
		case <-end:
			t.Fatal("Node.js does not hear")
		}
	}
}

// subscribed waits until the channel of a room, or of the namespace, has want subscribers.
func (m *mixed) subscribed(t *testing.T, namespace, room string, want int64) {
	t.Helper()
	// A channel is of one kind, sharded or not; the other count is 0.
	channel := "socket.io#" + namespace + "#" + room
	var n int64
	if !await.Until(fleet.Patience, func() bool {
		n = m.redis.Do("PUBSUB", "SHARDNUMSUB", channel).([]any)[1].(int64) +
			m.redis.Do("PUBSUB", "NUMSUB", channel).([]any)[1].(int64)
		return n == want
	}) {
		t.Fatalf("%s has %d subscribers, want %d", channel, n, want)
	}
}

func TestMixedModes(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		for _, namespace := range []string{"/", "/chat"} {
			t.Run(mode.name+" "+namespace, func(t *testing.T) {
				t.Parallel()
				m := startMixedMode(t, mode, namespace)
				m.operations(t, namespace,
					func(t *testing.T) { m.fetch(t, namespace) },
					func(t *testing.T) { m.moveSlowly(t, mode, namespace) })
			})
		}
	}
}

// fetch is sockets, less what only the Pub/Sub adapter can tell.
func (m *mixed) fetch(t *testing.T, namespace string) {
	m.golang.Of(namespace).Socket(m.clients["go"].ID).SetData(map[string]any{"name": "go", "b": []byte{1, 2}})
	type socket struct {
		ID    string          `json:"id"`
		Rooms []string        `json:"rooms"`
		Data  json.RawMessage `json:"data"`
	}
	var fromNode []socket
	result := m.node.Do(fleet.Command{Do: "fetch", Namespace: namespace, To: []string{"all"}})
	if err := json.Unmarshal(result, &fromNode); err != nil {
		t.Fatal(err)
	}
	var fromGo []socket
	sockets, err := m.golang.Of(namespace).To("all").FetchSockets(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, s := range sockets {
		data := s.Data().Inline()
		fromGo = append(fromGo, socket{s.ID(), s.Rooms(), data})
	}
	for asker, list := range map[string][]socket{"Node.js": fromNode, "Go": fromGo} {
		seen := make(map[string]bool)
		for _, s := range list {
			seen[s.ID] = true
			for room, c := range m.clients {
				want := fmt.Sprintf(`{"name":%q}`, room)
				switch {
				case room == "go" && asker == "Go":
					want = `{"b":"AQI=","name":"go"}` // its own socket: the data is the value itself
				case room == "go":
					want = `{"b":{"$binary":"AQI="},"name":"go"}`
				}
				if s.ID == c.ID && (string(s.Data) != want || len(s.Rooms) != 3) {
					t.Errorf("%s fetches %s: %v %s, want %s", asker, room, s.Rooms, s.Data, want)
				}
			}
		}
		if len(seen) != 3 || len(list) != 3 {
			t.Errorf("%s fetches %v", asker, list)
		}
	}
	if n, err := m.golang.Of(namespace).Adapter().ServerCount(t.Context()); n != 3 || err != nil {
		t.Errorf("Go counts %d servers, %v", n, err)
	}
}

// moveSlowly is move for adapters that do not wait for the subscription to a room's own channel: it waits for that
// itself.
func (m *mixed) moveSlowly(t *testing.T, mode mode, namespace string) {
	ns := m.golang.Of(namespace)
	wait := func(room string, want int) {
		t.Helper()
		if mode.sharded == adapter.Dynamic || mode.sharded == adapter.DynamicPrivate {
			m.subscribed(t, namespace, room+"#", int64(want))
		}
	}
	for i := range 5 {
		ns.In("node", "go2").SocketsJoin("moved", "too")
		wait("moved", 2)
		wait("too", 2)
		ns.To("moved").Emit("in", i)
		m.clients["node"].Expect(fmt.Sprintf(`["in",%d]`, i))
		m.clients["go2"].Expect(fmt.Sprintf(`["in",%d]`, i))
		ns.In("node").SocketsLeave("moved")
		wait("moved", 1)
		ns.To("moved").Emit("out", i)
		ns.In("too").SocketsLeave("moved", "too")
		ns.In("all").SocketsJoin()
		ns.In("all").SocketsLeave() // the adapter of Node.js cannot handle this one
		wait("moved", 0)
		wait("too", 0)
		m.clients["go2"].Expect(fmt.Sprintf(`["out",%d]`, i))
	}
	m.allLeft(t, ns)
	both, rooms := []string{"go", "go2"}, []string{"moved", "too"}
	m.node.Do(fleet.Command{Do: "join", Namespace: namespace, To: both, Args: rooms})
	wait("moved", 2)
	wait("too", 2)
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"moved"}, Args: []any{"in"}})
	m.clients["go"].Expect(`["in"]`)
	m.clients["go2"].Expect(`["in"]`)
	m.node.Do(fleet.Command{Do: "leave", Namespace: namespace, To: []string{"go"}, Args: []string{"moved", "too"}})
	wait("too", 1)
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"too"}, Args: []any{"out"}})
	m.clients["go2"].Expect(`["out"]`)
	m.node.Do(fleet.Command{Do: "leave", Namespace: namespace, To: []string{"go2"}, Args: []string{"moved", "too"}})
	wait("too", 0)
}

// emissions are sent by both kinds of servers, to compare what they write to Redis.
var emissions = []struct {
	to, flags []string
	goArgs    []any
	nodeArgs  []any
}{
	{nil, nil, []any{"ev", "é<", nil, 1.5}, []any{"ev", "é<", nil, 1.5}},
	{[]string{"all"}, nil, []any{"ev"}, []any{"ev"}},
	{[]string{"all", "go"}, []string{"volatile"}, []any{"ev", map[string]any{"a": true}},
		[]any{"ev", map[string]any{"a": true}}},
	{[]string{"all"}, []string{"no compress"}, []any{"ev"}, []any{"ev"}},
	{[]string{"all"}, nil, []any{"bin", []byte{1, 2, 3}, map[string]any{"b": []byte{}}},
		[]any{"bin", map[string]string{"$binary": "AQID"}, map[string]any{"b": map[string]string{"$binary": ""}}}},
}

func (m *mixed) emitBoth(t *testing.T, i int) {
	t.Helper()
	e := emissions[i]
	to := m.golang.To(e.to...)
	for _, f := range e.flags {
		if f == "volatile" {
			to = to.Volatile()
		} else {
			to = to.Compress(false)
		}
	}
	if err := to.Emit(e.goArgs[0].(string), e.goArgs[1:]...); err != nil {
		t.Fatal(err)
	}
	m.node.Do(fleet.Command{Do: "emit", To: e.to, Flags: e.flags, Args: e.nodeArgs})
}

// TestStreamEntries compares the stream entries of both kinds of servers. Fields and data must be the same to the byte,
// except for the uid, and for the number that only ours write.
func TestStreamEntries(t *testing.T) {
	t.Parallel()
	m := startMixedMode(t, modes[3], "/")
	entries := func() (list []map[string]string) {
		for _, e := range m.redis.Do("XRANGE", "socket.io", "-", "+").([]any) {
			fields := make(map[string]string)
			flat := e.([]any)[1].([]any)
			for i := 0; i < len(flat); i += 2 {
				fields[flat[i].(string)] = flat[i+1].(string)
			}
			list = append(list, fields)
		}
		return list
	}
	commands := []func(){
		func() { m.golang.In("all").SocketsJoin("x", "y") },
		func() { m.node.Do(fleet.Command{Do: "join", To: []string{"all"}, Args: []string{"x", "y"}}) },
		func() { m.golang.In("x").SocketsLeave("x") },
		func() { m.node.Do(fleet.Command{Do: "leave", To: []string{"x"}, Args: []string{"x"}}) },
		func() { m.golang.In("nobody").DisconnectSockets(true) },
		func() { m.node.Do(fleet.Command{Do: "disconnect", To: []string{"nobody"}, Args: true}) },
	}
	compare := func(before int) {
		t.Helper()
		var list []map[string]string
		await.Until(fleet.Patience, func() bool { list = entries(); return len(list) >= before+2 })
		ours, theirs := list[before], list[before+1]
		if len(ours) != 5 {
			ours, theirs = theirs, ours
		}
		if ours["seq"] == "" || ours["uid"] == "" || ours["uid"] == theirs["uid"] ||
			len(ours["uid"]) != len(theirs["uid"]) {
			t.Errorf("Go writes %v, Node.js %v", ours, theirs)
		}
		delete(ours, "seq")
		delete(ours, "uid")
		delete(theirs, "uid")
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("Go writes %v, Node.js %v", ours, theirs)
		}
	}
	for i := range emissions {
		before := len(entries())
		m.emitBoth(t, i)
		compare(before)
	}
	for i := 0; i < len(commands); i += 2 {
		before := len(entries())
		commands[i]()
		commands[i+1]()
		compare(before)
	}
}

// uidInMessage matches "uid" and its 16 digits, with what JSON or MessagePack puts between them.
var uidInMessage = regexp.MustCompile(`uid[^0-9a-f]{1,3}[0-9a-f]{16}`)

// seqInMessage matches the number at a message's end.
var seqInMessage = regexp.MustCompile(`(,"seq":[0-9]+|.seq.)(}?)$`)

// anonymous returns a message without the uid, and without the number that only ours have: in MessagePack a member of
// the map, whose size comes first.
func anonymous(message string) string {
	if strings.HasPrefix(message, "\x85") && seqInMessage.MatchString(message) {
		message = "\x84" + message[1:]
	}
	return uidInMessage.ReplaceAllString(seqInMessage.ReplaceAllString(message, "$2"), "")
}

// TestShardedMessages compares what both kinds of servers publish. It must be the same to the byte, except for the uid
// and the number that only ours have.
func TestShardedMessages(t *testing.T) {
	t.Parallel()
	for _, mode := range modes[:3] {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			m := startMixedMode(t, mode, "/")
			monitor := m.redis.Monitor()
			published := func() (channel, message string) {
				timeout := time.After(fleet.Patience)
				for {
					select {
					case args := <-monitor.Commands:
						if len(args) == 3 && strings.EqualFold(args[0], "spublish") {
							return args[1], args[2]
						}
					case <-timeout:
						t.Fatal("nothing is published")
					}
				}
			}
			for i, e := range emissions {
				m.emitBoth(t, i)
				channelA, a := published()
				channelB, b := published()
				a, b = anonymous(a), anonymous(b)
				if channelA != channelB || a != b {
					t.Errorf("%v: %s %q\nand %s %q", e, channelA, a, channelB, b)
				}
			}
		})
	}
}
