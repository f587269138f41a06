package fleet

// Go servers, in the test's process, that do what test/js/cluster/server.mjs does.

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A GoNode is a Socket.IO server of ours with a cluster adapter.
type GoNode struct {
	*socketio.Server
	Redis *adapter.Redis
	URL   string // "http://..."
	// Heard receives the server-side events, as JSON arrays.
	Heard chan string
}

// StartGo starts a node with the Pub/Sub adapter and waits until it is connected to Redis. It ends with the test.
func StartGo(t testing.TB, redisURL string, opts adapter.Options) *GoNode {
	t.Helper()
	r, err := adapter.Open(redisURL, opts)
	if err != nil {
		t.Fatal(err)
	}
	return StartGoOn(t, r, r.PubSub())
}

// StartGoOn is StartGo for any adapter on r. The node's end closes r.
func StartGoOn(t testing.TB, r *adapter.Redis, newAdapter func(*socketio.Namespace) socketio.Adapter) *GoNode {
	t.Helper()
	return StartGoServer(t, r, socketio.Options{Adapter: newAdapter})
}

// StartGoServer is StartGoOn with all options of the server.
func StartGoServer(t testing.TB, r *adapter.Redis, opts socketio.Options) *GoNode {
	t.Helper()
	n := &GoNode{Redis: r, Heard: make(chan string, 1024)}
	n.Server = socketio.NewServer(opts)
	for _, name := range []string{"/", "/chat"} {
		ns := n.Of(name)
		ns.On("join", func(e *socketio.Event) error {
			for i := range e.Len() {
				var room string
				if err := e.Raw(i).Bind(&room); err != nil {
					return err
				}
				e.Socket().Join(room)
			}
			return e.Ack()
		})
		ns.On("data", func(e *socketio.Event) error {
			e.Socket().SetData(e.Raw(0))
			return e.Ack()
		})
		ns.OnServerSideEmit("hello", func(args []socketio.Raw, reply func(any) error) {
			heard, err := json.Marshal(append([]any{"hello"}, anys(args)...))
			if err != nil {
				t.Error(err)
			}
			n.Heard <- string(heard)
			if reply != nil {
				if err := reply(map[string]any{"go": args}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	server := httptest.NewServer(n.Server)
	n.URL = server.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := r.Close(ctx); err != nil && !strings.Contains(err.Error(), "deadline") {
			t.Errorf("close: %v", err)
		}
		server.Close()
	})
	n.WaitUp(t, true, Patience)
	return n
}

// anys returns the args, those with attachments as {"$binary": ...}: the Node.js server prints them so.
func anys(args []socketio.Raw) []any {
	list := make([]any, len(args))
	for i, raw := range args {
		list[i] = raw
		if len(raw.Attachments()) > 0 {
			var b []byte
			if raw.Bind(&b) == nil {
				list[i] = map[string]any{"$binary": b}
			}
		}
	}
	return list
}

// WaitUp waits until the node's connection to Redis is up or down, and returns how long that took.
func (n *GoNode) WaitUp(t testing.TB, up bool, patience time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	timeout := time.After(patience)
	for {
		changed := n.Redis.Changed()
		if n.Redis.Stats().Up == up {
			return time.Since(start)
		}
		select {
		case <-changed:
		case <-timeout:
			state := map[bool]string{true: "up", false: "down"}[up]
			t.Fatalf("Redis is not %s after %v: %+v", state, patience, n.Redis.Stats())
		}
	}
}
