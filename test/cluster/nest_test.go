package cluster

// The Nest service that is being replaced, and chats of ours, on one Redis.

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

const room = "roomChatTest"

// startNest starts the service of test/js/nest; the test's end ends it. It returns its URL.
func startNest(t *testing.T, redisURL string) string {
	t.Helper()
	needs.NodeJS(t)
	addr := freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(addr)
	nest, err := child.Start(append(child.Path(), "HOST=127.0.0.1", "PORT="+port, "REDIS_URL="+redisURL, "NO_COLOR=1"), "node", "../js/nest/main.mjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nest.Kill)
	url := "http://" + addr
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		if response, err := client.Get(url); err == nil {
			response.Body.Close()
			return url
		}
		select {
		case <-nest.Ended:
			t.Fatalf("the Nest service ended with %v:\n%s\n%s", nest.Cmd.ProcessState, nest.Stdout.Tail(), nest.Stderr.Tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("the Nest service does not start")
	return ""
}

// startChat starts a server of ours with the chat's events, as test/js/nest has them.
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

// TestNestFleet chats across a Nest node and two Go ones.
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
		c.Expect(fmt.Sprintf(`["messages",{"nickname":"alone","message":"nobody else hears","server":%q}]`, servers[len(clients)-1]))
		c.Emit(`["registrar"]`)
		c.Expect(`["registrado",{"room":"roomChatTest"}]`)
	}
	for round := range 20 {
		for i, c := range clients {
			text := []byte(fmt.Sprintf("bytes %d", round))
			c.Emit(fmt.Sprintf(`["messages",{"nickname":"n%d","message":"é <b> 😀%d","x":1}]`, i, round))
			for _, to := range clients {
				to.Expect(fmt.Sprintf(`["messages",{"nickname":"n%d","message":"é <b> 😀%d","server":%q}]`, i, round, servers[i]))
			}
			c.Emit(`["messages",{"nickname":null}]`)
			for _, to := range clients {
				to.Expect(fmt.Sprintf(`["messages",{"nickname":null,"server":%q}]`, servers[i]))
			}
			c.SendBinary(`451-["messages",{"nickname":"b","message":{"_placeholder":true,"num":0}}]`, text)
			for _, to := range clients {
				to.Expect(fmt.Sprintf(`["messages",{"nickname":"b","message":{"_placeholder":true,"num":0},"server":%q}] %x`, servers[i], text))
			}
		}
	}
	// What the servers ask each other, and that Nest's subscriber hears after all of it.
	sockets, err := a.To(room).FetchSockets(context.Background())
	if err != nil || len(sockets) != 3 {
		t.Errorf("%d sockets, %v", len(sockets), err)
	}
	a.In(room).SocketsJoin("new room")
	a.To("new room").Except(clients[1].ID).Emit("last")
	clients[0].Expect(`["last"]`)
	clients[2].Expect(`["last"]`)
}
