package main

// The chat in memory: what each client hears. test/examples drives the program with socket.io-client.

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster/memory"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 10 * time.Second

func enter(t *testing.T, srv *socketiotest.Server, nickname string) *socketiotest.Client {
	t.Helper()
	return srv.ConnectTo(t, "/", client.Options{Auth: map[string]string{"nickname": nickname}})
}

// join has a client enter a room, and returns who is there already.
func join(t *testing.T, c *socketiotest.Client, room string) (present []string) {
	t.Helper()
	answer := c.EmitWithAck("join", room)
	if err := answer.Bind(&present); err != nil {
		t.Fatal(err)
	}
	return present
}

// chats runs a test with one server, and with three that are one cluster.
func chats(t *testing.T, f func(t *testing.T, servers []*socketiotest.Server)) {
	for name, n := range map[string]int{"one server": 1, "three": 3} {
		t.Run(name, func(t *testing.T) {
			opts := socketio.Options{Adapter: memory.NewBroker().NewAdapter}
			servers := socketiotest.NewCluster(t, n, opts)
			for _, srv := range servers {
				serve(srv.Server)
			}
			f(t, servers)
		})
	}
}

func TestARoomHearsItsOwn(t *testing.T) {
	chats(t, func(t *testing.T, servers []*socketiotest.Server) {
		ana, bia, caio := enter(t, servers[0], "Ana"), enter(t, servers[len(servers)/2], "Bia"),
			enter(t, servers[len(servers)-1], "Caio")
		if present := join(t, ana, "kitchen"); len(present) != 0 {
			t.Errorf("there already: %v", present)
		}
		if present := join(t, bia, "kitchen"); !slices.Equal(present, []string{"Ana"}) {
			t.Errorf("there already: %v", present)
		}
		join(t, caio, "garden")

		var room, nickname, text string
		ana.Expect("came", soon, &room, &nickname)
		if room != "kitchen" || nickname != "Bia" {
			t.Errorf("%s came to the %s", nickname, room)
		}
		bia.Emit("say", "kitchen", "who has eaten the cake?")
		for _, c := range []*socketiotest.Client{ana, bia} {
			c.Expect("said", soon, &room, &nickname, &text)
			if room != "kitchen" || nickname != "Bia" || text != "who has eaten the cake?" {
				t.Errorf("in the %s %s said %q", room, nickname, text)
			}
		}
		caio.ExpectNone()

		bia.Close()
		ana.Expect("went", soon, &room, &nickname)
		if room != "kitchen" || nickname != "Bia" {
			t.Errorf("%s went from the %s", nickname, room)
		}
	})
}

func TestANicknameIsNeeded(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	serve(srv.Server)
	if err := srv.NewClient(t, "/", client.Options{}).TryConnect(); err == nil {
		t.Error("nobody is somebody")
	}
}
