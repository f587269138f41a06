package cluster

// Traces in messages between servers: ours find them there, and Node.js takes no notice.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// A tracer has every context in one trace, and keeps what has arrived, by operation.
type tracer struct {
	mu      sync.Mutex
	arrived map[string]int
	strange []string
}

func (*tracer) Handle(ctx context.Context, _ *socketio.Event, next func(context.Context) error) error {
	return next(ctx)
}

func (*tracer) Carry(context.Context) string { return traceparent }

func (tr *tracer) Arrived(_ *socketio.Namespace, operation, carried string) func() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.arrived[operation]++
	if carried != traceparent {
		tr.strange = append(tr.strange, carried)
	}
	return func() {}
}

// Every operation that a trace goes with reaches a Node.js server and one of ours, as without it.
func TestTracesBesideNode(t *testing.T) {
	t.Parallel()
	for _, mode := range append([]mode{{name: "pubsub", node: `{}`, pubsub: true}}, modes...) {
		if mode.sharded == adapter.DynamicPrivate || mode.sharded == adapter.Static || mode.streams.StreamName != "" {
			continue // the same messages on other channels
		}
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			tr := &tracer{arrived: make(map[string]int)}
			mode.tracer = tr
			m := startMixedMode(t, mode, "/")
			ctx, cancel := context.WithTimeout(t.Context(), fleet.Patience)
			defer cancel()
			all := m.golang.WithContext(ctx).To("all")
			mark := func() { m.golang.Emit("mark") }

			if err := all.Emit("ev", 1); err != nil {
				t.Fatal(err)
			}
			m.expect(t, mark, `["ev",1]`, rooms...)
			if err := all.Emit("bin", []byte{1, 2, 3}); err != nil { // in MessagePack
				t.Fatal(err)
			}
			m.expect(t, mark, `["bin",{"_placeholder":true,"num":0}] 010203`, rooms...)
			for _, room := range rooms {
				go m.clients[room].Acknowledge(`["q"]`, fmt.Sprintf(`[%q]`, room))
			}
			answers, err := m.golang.To("all").EmitWithAck(ctx, "q")
			if err != nil || len(answers) != len(rooms) {
				t.Errorf("%d acknowledgements, %v", len(answers), err)
			}
			sockets, err := m.golang.To("all").FetchSockets(ctx)
			if err != nil || len(sockets) != len(rooms) {
				t.Errorf("%d sockets, %v", len(sockets), err)
			}
			told, err := m.golang.Of("/").ServerSideEmitWithAck(ctx, "hello", "you")
			if err != nil || len(told) != 2 {
				t.Errorf("%d answers of servers, %v", len(told), err)
			}
			for _, heard := range []chan string{m.node.Heard, m.other.Heard} {
				if got := <-heard; got != `["hello","you"]` {
					t.Errorf("a server heard %s", got)
				}
			}
			if err := all.SocketsJoin("new"); err != nil {
				t.Fatal(err)
			}
			if !await.Until(fleet.Patience, func() bool {
				sockets, err := m.golang.To("new").FetchSockets(ctx)
				return err == nil && len(sockets) == len(rooms)
			}) {
				t.Error("not all sockets have joined")
			}
			if err := all.SocketsLeave("new"); err != nil {
				t.Fatal(err)
			}
			if err := all.DisconnectSockets(false); err != nil {
				t.Fatal(err)
			}
			for _, c := range m.clients {
				c.ExpectDisconnect()
			}
			want := []string{"deliver", "disconnect", "fetch sockets", "join", "leave", "server-side event"}
			tr.mu.Lock()
			defer tr.mu.Unlock()
			if got := slices.Sorted(maps.Keys(tr.arrived)); !slices.Equal(got, want) || len(tr.strange) > 0 {
				t.Errorf("what has arrived is of %v, want %v; strange: %q", tr.arrived, want, tr.strange)
			}
			for i, n := range []*fleet.GoNode{m.golang, m.other} {
				if s := n.Redis.Stats(); s.Malformed != 0 {
					t.Errorf("Go server %d: %+v", i, s)
				}
			}
		})
	}
}
