package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// newClub is a parrot that believes who its clients say they are, before they are connected, and lets them watch.
func newClub() *parrot {
	return &parrot{more: func(io *socketio.Server, node Node) error {
		for _, ns := range []*socketio.Namespace{io.Of("/"), io.Of("/club")} {
			ns.Use(func(s *socketio.Socket) error {
				var auth struct{ User string }
				if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.User == "" {
					return errors.New("who are you?")
				}
				return node.Identify(s, auth.User)
			})
			ns.Use(func(s *socketio.Socket) error {
				if UserOf(s) == "banned" {
					return errors.New("not you")
				}
				return nil
			})
		}
		io.On("watch", func(e *socketio.Event) error {
			e.Socket().Join(PresenceRoom(""), PresenceRoom("team:1"))
			return e.Socket().Emit("watching")
		})
		io.On("team", func(e *socketio.Event) error {
			e.Socket().Join("team:1", "other")
			return e.Socket().Emit("in")
		})
		return nil
	}}
}

// enter connects a client of a club to a namespace ("", or "/club,").
func enter(t *testing.T, n *node, namespace, user string) *gatewaytest.Client {
	t.Helper()
	c := n.Open(t)
	c.Send(fmt.Sprintf(`40%s{"user":%q}`, namespace, user))
	c.Receive(1)
	return c
}

// One who watches on one node is told who comes and goes on another, once; those who do not watch are told nothing.
func TestWatchersAreToldOfPresence(t *testing.T) {
	t.Run("Redis", func(t *testing.T) {
		watchersAreTold(t, "ADAPTER", "pubsub", "REDIS_URL", fleet.StartRedis(t).URL())
	})
	t.Run("NATS", func(t *testing.T) {
		s, credentials := natsserver.StartWithJWT(t, natsserver.Options{JetStream: true},
			"chat.>", "$JS.API.>", "$KV.chat-nodes.>", "$KV.chat-presence.>", "_INBOX.>")
		watchersAreTold(t, "ADAPTER", "nats", "NATS_URL", s.URL(), "NATS_CREDS", credentials, "NATS_PREFIX", "chat")
	})
}

func watchersAreTold(t *testing.T, settings ...string) {
	settings = append(settings, "LOG_LEVEL", "error", "PRESENCE", "on", "PRESENCE_EVENTS", "on",
		"PRESENCE_GRACE", "0", "PRESENCE_LEASE", "2s", "PRESENCE_ROOMS", "team:,chat:")
	a, b := startService(t, newClub(), settings...), startService(t, newClub(), settings...)
	for _, n := range []*node{a, b} {
		// Whom it finds there is not told.
		if !await.Until(gatewaytest.Patience, func() bool { return n.presence.Stats().Following }) {
			t.Fatalf("%+v", n.presence.Stats())
		}
	}
	w := enter(t, a, "", "watcher")
	a.WantSamples(t, gatewaytest.Samples{`gateway_presence_changes_total{kind="online"}`: 1})
	w.Send(`42["watch"]`)
	w.Receive(1)
	deaf := enter(t, a, "", "deaf")
	a.WantSamples(t, gatewaytest.Samples{`gateway_presence_changes_total{kind="online"}`: 2}) // before what b writes

	ann := enter(t, b, "", "ann")
	elsewhere := enter(t, b, "/club,", "ann") // in another namespace
	enter(t, b, "", "banned")
	ann.Send(`42["team"]`)
	want := []string{
		`42["presence:online",{"user":"deaf"}]`, `42["presence:online",{"user":"ann"}]`,
		`42["presence:join",{"user":"ann","room":"team:1"}]`,
	}
	if got := w.Receive(3); !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	b.WantSamples(t, gatewaytest.Samples{
		`gateway_presence_own_users`: 1, `gateway_presence_sockets`: 2, `gateway_presence_users`: 3,
		`gateway_presence_records`: 2,
	})
	online, err := a.presence.Online(t.Context(), "ann", "banned", "deaf")
	if err != nil || !slices.Equal(online, []bool{true, false, true}) {
		t.Errorf("%v, %v", online, err)
	}
	ann.Leave()
	if got := w.Receive(1)[0]; got != `42["presence:leave",{"user":"ann","room":"team:1"}]` {
		t.Errorf("told %q", got)
	}
	elsewhere.Leave()
	if got := w.Receive(1)[0]; got != `42["presence:offline",{"user":"ann"}]` {
		t.Errorf("told %q", got)
	}
	deaf.Send(`42["team"]`)
	if got := deaf.Receive(1)[0]; got != `42["in"]` {
		t.Errorf("one who does not watch is told %q", got)
	}
}

// A node alone knows who is online there; what a setting may be is said.
func TestPresenceAlone(t *testing.T) {
	n := startService(t, newClub(), "PRESENCE", "on", "PRESENCE_GRACE", "0")
	ann := enter(t, n, "", "ann")
	n.WantSamples(t, gatewaytest.Samples{`gateway_presence_own_users`: 1})
	if count, err := n.presence.Count(t.Context(), ""); err != nil || count > 1 {
		t.Errorf("%d, %v", count, err)
	}
	ann.Leave()
	n.WantSamples(t, gatewaytest.Samples{`gateway_presence_own_users`: 0})

	off := start(t)
	for series := range off.Scrape(t) {
		if strings.Contains(series, "presence") {
			t.Errorf("without presence there is %s", series)
		}
	}
	for _, test := range []struct{ name, value string }{
		{"PRESENCE", "yes"}, {"PRESENCE_GRACE", "-1s"}, {"PRESENCE_GRACE", "25h"}, {"PRESENCE_LEASE", "1s"},
		{"PRESENCE_LEASE", "0"}, {"PRESENCE_ROOMS", "team:,"}, {"PRESENCE_ROOMS", "user:x"}, {"PRESENCE_EVENTS", "1"},
	} {
		var wrong *SettingError
		if _, err := load(test.name, test.value); !errors.As(err, &wrong) || wrong.Name != test.name {
			t.Errorf("%s=%s: %v", test.name, test.value, err)
		}
	}
	c, err := load("PRESENCE", "on", "PRESENCE_ROOMS", "team:, presence, chat:")
	if err != nil {
		t.Fatal(err)
	}
	for room, want := range map[string]bool{
		"team:1": true, "chat:": true, "presence": false, "presence:team:1": false, "user:ann": false, "other": false,
		"presences": true,
	} {
		if got := c.Presence.hasRoom(room); got != want {
			t.Errorf("%s: %v", room, got)
		}
	}
}
