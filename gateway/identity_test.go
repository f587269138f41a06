package gateway

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

// A socket has one user, whom other nodes see in its data and reach in the user's room.
func TestIdentify(t *testing.T) {
	server := socketiotest.New(t, socketio.Options{})
	server.OnConnect(func(s *socketio.Socket) error {
		var n Node
		for _, name := range []string{"", strings.Repeat("x", maxUserBytes+1)} {
			if err := n.Identify(s, name); !errors.Is(err, ErrUser) {
				t.Errorf("%d bytes: %v", len(name), err)
			}
		}
		if user := UserOf(s); user != "" {
			t.Errorf("nobody is %q", user)
		}
		for range 2 {
			if err := n.Identify(s, "ann"); err != nil {
				t.Error(err)
			}
		}
		if err := n.Identify(s, "bob"); !errors.Is(err, ErrUser) {
			t.Errorf("another: %v", err)
		}
		return nil
	})
	c := server.Connect(t)
	found, err := server.In(UserRoom("ann")).FetchSockets(t.Context())
	if err != nil || len(found) != 1 || UserOf(found[0]) != "ann" {
		t.Errorf("ann's sockets are %v, %v", found, err)
	}
	server.To(UserRoom("ann")).Emit("hello")
	c.Expect("hello", time.Second)
}
