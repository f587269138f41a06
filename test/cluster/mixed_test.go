package cluster

// A fleet of a Node.js server and two Go ones, and the operations that every adapter must carry between them:
// broadcasts, their order, and disconnections. requests_test.go has those that wait for answers.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A mixed fleet has one client on each server. Each is in the room "all" and in one of its own: "node", "go" or "go2".
type mixed struct {
	redis   *fleet.Redis
	node    *fleet.Node
	golang  *fleet.GoNode
	other   *fleet.GoNode
	clients map[string]*fleet.Client
}

var rooms = []string{"node", "go", "go2"}

func startMixed(t *testing.T, namespace, options string, opts adapter.Options) *mixed {
	t.Helper()
	m := &mixed{redis: fleet.StartRedis(t), clients: make(map[string]*fleet.Client)}
	m.node = fleet.StartNode(t, m.redis.URL(), options)
	m.golang = fleet.StartGo(t, m.redis.URL(), opts)
	m.other = fleet.StartGo(t, m.redis.URL(), opts)
	for i, url := range []string{m.node.URL, m.golang.URL, m.other.URL} {
		c := fleet.Dial(t, url, namespace)
		c.Ask(fmt.Sprintf(`["join","all",%q]`, rooms[i]))
		c.Ask(fmt.Sprintf(`["data",{"name":%q}]`, rooms[i]))
		m.clients[rooms[i]] = c
	}
	return m
}

// expect fails the test unless payload is next for exactly these clients. mark emits an event that every client gets
// after it, from the same server.
func (m *mixed) expect(t *testing.T, mark func(), payload string, who ...string) {
	t.Helper()
	mark()
	for room, c := range m.clients {
		if slices.Contains(who, room) {
			c.Expect(payload)
		}
		c.Expect(`["mark"]`)
	}
}

// operations runs every operation, each as a subtest. Adapters differ in what sockets may compare and in how move has
// to wait.
func (m *mixed) operations(t *testing.T, namespace string, sockets, move func(t *testing.T)) {
	t.Run("broadcast", func(t *testing.T) { m.broadcast(t, namespace) })
	t.Run("acknowledgements", func(t *testing.T) { m.acknowledgements(t, namespace) })
	t.Run("sockets", sockets)
	t.Run("move", move)
	t.Run("server side", func(t *testing.T) { m.serverSide(t, namespace) })
	t.Run("order", func(t *testing.T) { m.order(t, namespace) })
	t.Run("broadcast again", func(t *testing.T) { m.broadcast(t, namespace) }) // the subscriptions have survived
	t.Run("disconnect", func(t *testing.T) { m.disconnect(t, namespace) })
	for i, n := range []*fleet.GoNode{m.golang, m.other} {
		if s := n.Redis.Stats(); s.Malformed+s.PublishErrors+s.Dropped+s.ReceiveDropped != 0 || s.Connects != 1 {
			t.Errorf("Go server %d: %+v", i, s)
		}
	}
}

func (m *mixed) broadcast(t *testing.T, namespace string) {
	ns := m.golang.Of(namespace)
	goMark := func() { ns.Emit("mark") }
	nodeMark := func() { m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, Args: []any{"mark"}}) }
	all := rooms
	for _, c := range []struct {
		to, except, flags []string
		fromGo, fromNode  []string
	}{
		{nil, nil, nil, all, all},
		{[]string{"node"}, nil, nil, []string{"node"}, []string{"node"}},
		{[]string{"go2"}, nil, nil, []string{"go2"}, []string{"go2"}},
		{[]string{"all"}, nil, nil, all, all},
		{[]string{"node", "go2", "nobody"}, nil, nil, []string{"node", "go2"}, []string{"node", "go2"}},
		{[]string{"all", "go", m.clients["node"].ID}, nil, nil, all, all},
		{nil, []string{"go"}, nil, []string{"node", "go2"}, []string{"node", "go2"}},
		{[]string{"all"}, []string{"node", m.clients["go2"].ID}, nil, []string{"go"}, []string{"go"}},
		{[]string{"nobody"}, nil, nil, nil, nil},
		{[]string{"all"}, nil, []string{"volatile", "no compress"}, all, all},
		{[]string{"all"}, nil, []string{"local"}, []string{"go"}, []string{"node"}},
	} {
		to := ns.To(c.to...).Except(c.except...)
		for _, f := range c.flags {
			switch f {
			case "volatile":
				to = to.Volatile()
			case "local":
				to = to.Local()
			default:
				to = to.Compress(false)
			}
		}
		const text = `["ev",{"s":"é\u0000😀<&>","n":[1,-7,1.5,4294967296,1e+21,-2147483649]},null,false,""]`
		var args []any
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			t.Fatal(err)
		}
		raw, err := socketio.NewRaw(json.RawMessage(`{"s":"é\u0000😀<&>","n":[1,-7,1.5,4294967296,1e+21,-2147483649]}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Emit("ev", raw, nil, false, ""); err != nil {
			t.Fatal(err)
		}
		m.expect(t, goMark, text, c.fromGo...)
		// Without 1e21, which notepack, the MessagePack encoder of Node.js's adapter, encodes wrongly.
		numbers := []any{1, -7, 1.5, 4294967296, -2147483649}
		m.node.Do(fleet.Command{
			Do: "emit", Namespace: namespace, To: c.to, Except: c.except, Flags: c.flags,
			Args: []any{"ev", map[string]any{"s": "é\x00😀<&>", "n": numbers}, nil, false, ""},
		})
		const fromNode = `["ev",{"n":[1,-7,1.5,4294967296,-2147483649],"s":"é\u0000😀<&>"},null,false,""]`
		m.expect(t, nodeMark, fromNode, c.fromNode...)
		if t.Failed() {
			t.Fatalf("to %v except %v, %v", c.to, c.except, c.flags)
		}
	}
	const binary = `["bin",{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}] 010203 `
	if err := ns.To("all").Emit("bin", map[string]any{"b": []byte{1, 2, 3}}, []byte{}); err != nil {
		t.Fatal(err)
	}
	m.expect(t, goMark, binary, all...)
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"all"}, Args: []any{"bin",
		map[string]any{"b": map[string]string{"$binary": "AQID"}}, map[string]string{"$binary": ""}}})
	m.expect(t, nodeMark, binary, all...)
	// A Date is a string for clients and a timestamp for notepack.
	date := map[string]any{"$date": 1700000000123}
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, Args: []any{"when", date}})
	m.expect(t, nodeMark, `["when","2023-11-14T22:13:20.123Z"]`, all...)
	big := strings.Repeat("é", 200_000)
	ns.To("node").Emit("big", big)
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"go"}, Args: []any{"big", big}})
	m.clients["node"].Expect(`["big","` + big + `"]`)
	m.clients["go"].Expect(`["big","` + big + `"]`)
}

func (m *mixed) order(t *testing.T, namespace string) {
	const n = 1000
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"all"}, Args: []any{"n"}, Times: n})
	for _, c := range m.clients {
		for i := range n {
			c.Expect(fmt.Sprintf(`["n",%d]`, i))
		}
	}
	ns := m.golang.Of(namespace)
	for i := range n {
		to := ns.To("all")
		if i%2 == 0 {
			to = ns.To("all", "node")
		}
		to.Emit("n", i)
	}
	for _, c := range m.clients {
		for i := range n {
			c.Expect(fmt.Sprintf(`["n",%d]`, i))
		}
	}
}

func (m *mixed) disconnect(t *testing.T, namespace string) {
	m.golang.Of(namespace).In("node").Emit("bye")
	m.golang.Of(namespace).In("node").DisconnectSockets(false)
	m.node.Do(fleet.Command{Do: "emit", Namespace: namespace, To: []string{"go", "go2"}, Args: []any{"bye"}})
	m.node.Do(fleet.Command{Do: "disconnect", Namespace: namespace, To: []string{"go"}, Args: false})
	m.node.Do(fleet.Command{Do: "disconnect", Namespace: namespace, To: []string{"go2"}, Args: true})
	for _, c := range m.clients {
		c.Expect(`["bye"]`)
		c.ExpectDisconnect()
	}
}
