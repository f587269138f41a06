package cluster

// Emitters, ours and Node.js's, to a Node.js server and two Go ones, with every adapter.

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// An emitter is a process without a server, in these tests. It returns when Redis has what it said.
type emitter func(t *testing.T, c fleet.Command)

// startEmitter makes an emitter of ours.
func startEmitter(t *testing.T, r *fleet.Redis, opts adapter.EmitterOptions) emitter {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Addr})
	t.Cleanup(func() { client.Close() })
	io := adapter.NewEmitter(client, opts)
	return func(t *testing.T, c fleet.Command) {
		t.Helper()
		e := io.Of(c.Namespace).To(c.To...).Except(c.Except...)
		for _, flag := range c.Flags {
			if flag == "volatile" {
				e = e.Volatile()
			} else {
				e = e.Compress(false)
			}
		}
		var err error
		args, _ := c.Args.([]any)
		switch c.Do {
		case "emit":
			err = e.Emit(t.Context(), args[0].(string), args[1:]...)
		case "tell":
			err = e.ServerSideEmit(t.Context(), args[0].(string), args[1:]...)
		case "join":
			err = e.SocketsJoin(t.Context(), args[0].(string))
		case "leave":
			err = e.SocketsLeave(t.Context(), args[0].(string))
		case "disconnect":
			err = e.DisconnectSockets(t.Context(), c.Args.(bool))
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// emitterOptions are an emitter's for the servers of a mode.
var emitterOptions = map[string]adapter.EmitterOptions{
	"sharded dynamic":         {Protocol: "sharded"},
	"sharded dynamic-private": {Protocol: "sharded-dynamic-private"},
	"sharded static":          {Protocol: "sharded-static"},
	"streams":                 {Protocol: "streams"},
	"streams with recovery":   {Protocol: "streams"},
	"streams with options":    {Protocol: "streams", Prefix: "app", StreamCount: 3},
}

func TestEmitter(t *testing.T) {
	t.Parallel()
	for _, namespace := range []string{"/", "/chat"} {
		t.Run("pubsub "+namespace, func(t *testing.T) {
			t.Parallel()
			m := startMixed(t, namespace, `{}`, adapter.Options{})
			m.emitter(t, namespace, startEmitter(t, m.redis, adapter.EmitterOptions{}), false)
		})
		for _, mode := range modes {
			t.Run(mode.name+" "+namespace, func(t *testing.T) {
				t.Parallel()
				m := startMixedMode(t, mode, namespace)
				m.emitter(t, namespace, startEmitter(t, m.redis, emitterOptions[mode.name]),
					mode.sharded == adapter.Dynamic || mode.sharded == adapter.DynamicPrivate)
			})
		}
	}
}

// That of Node.js for the streams is not here: ours says the same, byte for byte (adapter/emitter, TestStreamsBytes).
func TestNodeEmitter(t *testing.T) {
	t.Parallel()
	for _, namespace := range []string{"/", "/chat"} {
		t.Run(namespace, func(t *testing.T) {
			t.Parallel()
			m := startMixed(t, namespace, `{}`, adapter.Options{})
			node := fleet.StartEmitter(t, m.redis.URL(), `{}`)
			m.emitter(t, namespace, func(t *testing.T, c fleet.Command) {
				t.Helper()
				c.Args = forNode(c.Args)
				node.Do(c)
			}, false)
		})
	}
}

// emitter has an emitter say everything that it can. Rooms have channels of their own where channels is set.
func (m *mixed) emitter(t *testing.T, namespace string, do emitter, channels bool) {
	emit := func(args ...any) fleet.Command { return fleet.Command{Do: "emit", Namespace: namespace, Args: args} }
	mark := func() { do(t, emit("mark")) }
	for _, c := range []struct {
		to, except, flags, who []string
	}{
		{nil, nil, nil, rooms},
		{[]string{"node"}, nil, nil, []string{"node"}},
		{[]string{"go2"}, nil, nil, []string{"go2"}},
		{[]string{m.clients["node"].ID}, nil, nil, []string{"node"}},
		{[]string{m.clients["go"].ID}, nil, nil, []string{"go"}},
		{[]string{"node", "go2", "nobody"}, nil, nil, []string{"node", "go2"}},
		{nil, []string{"go"}, nil, []string{"node", "go2"}},
		{[]string{"all"}, []string{"node", m.clients["go2"].ID}, nil, []string{"go"}},
		{[]string{"nobody"}, nil, nil, nil},
		{[]string{"all"}, nil, []string{"volatile", "no compress"}, rooms},
	} {
		command := emit("ev", "é", 1.5, []any{nil, map[string]any{"a": true}})
		command.To, command.Except, command.Flags = c.to, c.except, c.flags
		if len(c.to) == 1 && channels {
			// A room's channel and the namespace's are two: the one may be a moment behind the other.
			do(t, command)
			for _, who := range c.who {
				m.clients[who].Expect(`["ev","é",1.5,[null,{"a":true}]]`)
			}
			m.expect(t, mark, "")
			continue
		}
		m.expect(t, func() { do(t, command); mark() }, `["ev","é",1.5,[null,{"a":true}]]`, c.who...)
	}
	m.expect(t, func() {
		do(t, emit("bin", []byte{1, 2, 3}, map[string]any{"b": []byte{}}))
		mark()
	}, `["bin",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}] 010203 `, rooms...)

	move := func(what string, members int64) {
		t.Helper()
		do(t, fleet.Command{Do: what, Namespace: namespace, To: []string{"all"}, Except: []string{"go"},
			Args: []any{"extra"}})
		if !await.Until(fleet.Patience, func() bool {
			sockets, err := m.golang.Of(namespace).In("extra").FetchSockets(t.Context())
			return err == nil && int64(len(sockets)) == members
		}) {
			t.Fatalf("%s: there are not %d members", what, members)
		}
		if channels {
			m.subscribed(t, namespace, "extra#", members)
		}
	}
	extra := emit("extra")
	extra.To = []string{"extra", "nobody"} // by the namespace's channel, as the mark
	move("join", 2)
	m.expect(t, func() { do(t, extra); mark() }, `["extra"]`, "node", "go2")
	move("leave", 0)
	m.expect(t, func() { do(t, extra); mark() }, "")

	do(t, fleet.Command{Do: "tell", Namespace: namespace, Args: []any{"hello", "there", 7}})
	for _, heard := range []chan string{m.node.Heard, m.golang.Heard, m.other.Heard} {
		select {
		case got := <-heard:
			if got != `["hello","there",7]` {
				t.Errorf("a server hears %s", got)
			}
		case <-time.After(fleet.Patience):
			t.Error("a server hears nothing")
		}
	}

	do(t, fleet.Command{Do: "disconnect", Namespace: namespace, To: []string{"node", "go"}, Args: false})
	m.clients["node"].ExpectDisconnect()
	m.clients["go"].ExpectDisconnect()
	do(t, emit("left"))
	m.clients["go2"].Expect(`["left"]`)
	do(t, fleet.Command{Do: "disconnect", Namespace: namespace, Args: true})
	m.clients["go2"].ExpectDisconnect()
	for i, n := range []*fleet.GoNode{m.golang, m.other} {
		if s := n.Redis.Stats(); s.Malformed+s.Dropped+s.ReceiveDropped+s.Missed != 0 {
			t.Errorf("Go server %d: %+v", i, s)
		}
	}
}

// forNode turns byte slices into what emitter.mjs takes for Buffers.
func forNode(v any) any {
	switch v := v.(type) {
	case []byte:
		return map[string][]byte{"$binary": v}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = forNode(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key := range v {
			m[key] = forNode(v[key])
		}
		return m
	}
	return v
}
