package cluster

// The Nest service that the gateway replaces, and two chats of ours, on one Redis.

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

const room = "roomChatTest"

// startNest starts the service of test/js/nest and returns its URL. The service ends with the test.
func startNest(t *testing.T, redisURL string) string {
	t.Helper()
	needs.NodeJS(t)
	addr := freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(addr)
	env := append(child.Path(), "HOST=127.0.0.1", "PORT="+port, "REDIS_URL="+redisURL, "NO_COLOR=1")
	nest, err := child.Start(env, "node", "../js/nest/main.mjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nest.Kill)
	answers := func() bool { _, err := wire.Get(addr, "/", time.Second); return err == nil }
	if err := nest.Await(60*time.Second, answers); err != nil {
		t.Fatal(err)
	}
	return "http://" + addr
}

// startChat starts a Go server with the events of test/js/nest.
func startChat(t *testing.T, redisURL string) *fleet.GoNode {
	t.Helper()
	n := fleet.StartGo(t, redisURL, adapter.Options{})
	n.On("registrar", func(e *socketio.Event) error {
		e.Socket().Join(room)
		return e.Socket().Emit("registrado", map[string]string{"room": room})
	})
	n.On("messages", func(e *socketio.Event) error {
		var m struct {
			Nickname socketio.Raw `json:"nickname,omitzero"`
			Message  socketio.Raw `json:"message,omitzero"`
			Server   string       `json:"server"`
		}
		if err := e.Bind(&m); err != nil {
			return err
		}
		m.Server = "go"
		return n.To(e.Socket().Rooms()...).Emit("messages", m)
	})
	return n
}

// TestNestFleet chats across a Nest service and two Go servers.
func TestNestFleet(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	nest := startNest(t, redis.URL())
	a, b := startChat(t, redis.URL()), startChat(t, redis.URL())
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	servers := []string{host, "go", "go"}
	var clients []*fleet.Client
	for _, url := range []string{nest, a.URL, b.URL} {
		c := fleet.Dial(t, url, "/")
		clients = append(clients, c)
		c.Emit(`["messages",{"nickname":"alone","message":"nobody else hears"}]`)
		c.Expect(fmt.Sprintf(`["messages",{"nickname":"alone","message":"nobody else hears","server":%q}]`,
			servers[len(clients)-1]))
		c.Emit(`["registrar"]`)
		c.Expect(`["registrado",{"room":"roomChatTest"}]`)
	}
	for round := range 20 {
		for i, c := range clients {
			text := []byte(fmt.Sprintf("bytes %d", round))
			c.Emit(fmt.Sprintf(`["messages",{"nickname":"n%d","message":"é <b> 😀%d","x":1}]`, i, round))
			for _, to := range clients {
				to.Expect(fmt.Sprintf(`["messages",{"nickname":"n%d","message":"é <b> 😀%d","server":%q}]`,
					i, round, servers[i]))
			}
			c.Emit(`["messages",{"nickname":null}]`)
			for _, to := range clients {
				to.Expect(fmt.Sprintf(`["messages",{"nickname":null,"server":%q}]`, servers[i]))
			}
			c.SendBinary(`451-["messages",{"nickname":"b","message":{"_placeholder":true,"num":0}}]`, text)
			for _, to := range clients {
				to.Expect(fmt.Sprintf(
					`["messages",{"nickname":"b","message":{"_placeholder":true,"num":0},"server":%q}] %x`,
					servers[i], text))
			}
		}
	}
	// The servers answer each other's requests, and Nest's subscriber still hears after all that.
	sockets, err := a.To(room).FetchSockets(context.Background())
	if err != nil || len(sockets) != 3 {
		t.Errorf("%d sockets, %v", len(sockets), err)
	}
	a.In(room).SocketsJoin("new room")
	a.To("new room").Except(clients[1].ID).Emit("last")
	clients[0].Expect(`["last"]`)
	clients[2].Expect(`["last"]`)
}
