package gateway

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// Two gateways on a NATS that takes users by JWT alone, with the rights that docs/CLUSTER.md names and no others: a
// client that has lost its connection to one goes on at the other, with what it has missed.
func TestRecoveryOnNATS(t *testing.T) {
	s, credentials := natsserver.StartWithJWT(t, natsserver.Options{JetStream: true},
		"chat.>", "$JS.API.>", "$KV.chat-nodes.>", "_INBOX.>")
	settings := []string{
		"ADAPTER", "nats", "NATS_URL", s.URL(), "NATS_CREDS", credentials, "NATS_PREFIX", "chat", "RECOVERY", "1m",
	}
	var nodes []*node
	for range 2 {
		nodes = append(nodes, start(t, settings...))
	}
	for _, n := range nodes {
		n.WantSamples(t, gatewaytest.Samples{
			`gateway_nats_up`: 1, `gateway_nats_stream_up`: 1, `gateway_nats_members`: 1, `gateway_forward_nodes`: 1,
		})
	}
	away := testclient.Dial(t, "http://"+nodes[0].Address, "/")
	away.Emit(`["join"]`)
	away.Next() // it has joined
	speaker := nodes[1].Connect(t)
	speaker.Send(`42["join"]`)
	speaker.Receive(1)
	speaker.Send(`42["say","one"]`)
	speaker.Receive(1)
	got := away.Next()
	offset := regexp.MustCompile(`,"([0-9]+-[0-9]+)"\]$`).FindStringSubmatch(got)
	if !strings.Contains(got, "one") || offset == nil {
		t.Fatalf("got %q", got)
	}
	away.Close()
	if !await.Until(gatewaytest.Patience, func() bool {
		return nodes[0].io.Of("/").Socket(away.ID) == nil && nodes[0].nats.Stats().OutboxMessages == 0
	}) {
		t.Fatal("its session is not kept")
	}
	speaker.Send(`42["say","two"]`)
	speaker.Receive(1)
	back := testclient.Resume(t, "http://"+nodes[1].Address, "/", away.PID, offset[1])
	if back.ID != away.ID {
		t.Fatalf("it has begun anew: %s, was %s", back.ID, away.ID)
	}
	if len(back.Missed) == 0 {
		back.Missed = append(back.Missed, back.Next())
	}
	if len(back.Missed) != 1 || !strings.Contains(back.Missed[0], "two") {
		t.Errorf("missed %q", back.Missed)
	}
	if _, body := nodes[0].Request(t, "GET", "/readyz", ""); !strings.Contains(body, `"stream":"up"`) {
		t.Errorf("/readyz: %s", body)
	}
	for _, n := range nodes {
		if log := n.Log.String(); strings.Contains(log, "ermissions") {
			t.Errorf("the user lacks rights: %s", log)
		}
	}
}

// Who wants sessions to be resumed, or users to be known, on a NATS without JetStream gets one line.
func TestRecoveryAndPresenceWithoutJetStream(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{})
	for name, value := range map[string]string{"RECOVERY": "1m", "PRESENCE": "on"} {
		cfg, err := LoadConfig(gatewaytest.Settings("ADAPTER", "nats", "NATS_URL", s.URL(), "FORWARD", "off",
			name, value), new(parrot))
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(cfg, NewLogger(cfg, t.Output()), new(parrot))
		var setting *SettingError
		if !errors.As(err, &setting) || setting.Name != name || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
