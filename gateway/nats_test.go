package gateway

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// Three gateways on a cluster of three NATS servers, and no Redis: what one's client says the others' get, any node
// serves any session, and /readyz, the metrics and the log say how NATS is.
func TestGatewaysOnNATS(t *testing.T) {
	servers := natsserver.StartCluster(t, 3, natsserver.Options{JetStream: true})
	var nodes []*node
	for _, s := range servers {
		nodes = append(nodes, start(t, "ADAPTER", "nats", "NATS_URL", s.URL()))
	}
	for _, n := range nodes {
		ready := func() bool {
			var got readiness
			response, body := n.Request(t, "GET", "/readyz", "")
			err := json.Unmarshal([]byte(body), &got)
			return err == nil && response.StatusCode == 200 && got.Status == "ready" && got.Adapter == "nats" &&
				got.Redis == nil && got.NATS != nil && got.NATS.Status == "up" && got.NATS.Members == 2
		}
		if !await.Until(gatewaytest.Patience, ready) {
			_, body := n.Request(t, "GET", "/readyz", "")
			t.Fatalf("not ready: %s", body)
		}
		n.WantSamples(t, gatewaytest.Samples{
			`gateway_nats_up`: 1, `gateway_nats_members`: 2, `gateway_forward_nodes`: 2,
		})
	}
	var clients []*gatewaytest.Client
	for _, n := range nodes {
		clients = append(clients, n.Connect(t))
	}
	join(t, clients...)
	for _, s := range servers { // a subscription is on its way to all of them
		if !await.Until(gatewaytest.Patience, func() bool { return s.Subscribers("socket.io.room.=2F.cage") == 3 }) {
			t.Fatal("the room is not heard on all servers")
		}
	}
	clients[0].Send(`42["say","oi"]`)
	for _, c := range clients {
		c.Receive(1)
	}

	const polling = "/socket.io/?EIO=4&transport=polling"
	_, body := nodes[0].Request(t, "GET", polling, "")
	sid := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(body)
	if sid == nil {
		t.Fatalf("handshake: %q", body)
	}
	if response, body := nodes[1].Request(t, "POST", polling+"&sid="+sid[1], "40"); response.StatusCode != 200 {
		t.Errorf("another node: %d %q", response.StatusCode, body)
	}
	if response, body := nodes[2].Request(t, "GET", polling+"&sid="+sid[1], ""); response.StatusCode != 200 ||
		!strings.HasPrefix(body, "40{") {
		t.Errorf("a third node: %d %q", response.StatusCode, body)
	}

	// The state that is shown when NATS goes: the node stays ready.
	for _, s := range servers {
		s.Kill()
	}
	down := func() bool {
		response, body := nodes[0].Request(t, "GET", "/readyz", "")
		return response.StatusCode == 200 && strings.Contains(body, `"status":"down"`)
	}
	if !await.Until(gatewaytest.Patience, down) {
		t.Error("/readyz does not say that NATS is gone")
	}
	if response, _ := nodes[0].Request(t, "GET", polling, ""); response.StatusCode != 200 {
		t.Errorf("its own clients get %d", response.StatusCode)
	}
	nodes[0].WantSamples(t, gatewaytest.Samples{`gateway_nats_up`: 0})
}

// Without JetStream nodes do not find each other: who wants them to gets one line, and who does not is served.
func TestNATSWithoutJetStream(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{})
	cfg, err := LoadConfig(gatewaytest.Settings("ADAPTER", "nats", "NATS_URL", s.URL()), new(parrot))
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(cfg, NewLogger(cfg, t.Output()), new(parrot))
	var setting *SettingError
	if !errors.As(err, &setting) || setting.Name != "FORWARD" || !strings.Contains(err.Error(), "no JetStream") ||
		strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
	n := start(t, "ADAPTER", "nats", "NATS_URL", s.URL(), "FORWARD", "off")
	if response, body := n.Request(t, "GET", "/readyz", ""); response.StatusCode != 200 {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	if !strings.Contains(n.Log.String(), "FORWARD is off") {
		t.Error("the log does not say that balancers need a sticky cookie")
	}
}

// A NATS that wants a certificate of the gateway's, and has one of an authority of one's own.
func TestNATSWithTLS(t *testing.T) {
	cert, key := certificate.Files(t)
	s := natsserver.Start(t, natsserver.Options{
		JetStream: true, Certificate: cert, Key: key, User: "ana", Password: "s3cret",
	})
	n := start(t, "ADAPTER", "nats", "NATS_URL", "tls://"+s.Addr, "NATS_CA", cert, "NATS_CERT", cert, "NATS_KEY", key,
		"NATS_USER", "ana", "NATS_PASSWORD", "s3cret")
	n.WantSamples(t, gatewaytest.Samples{`gateway_nats_up`: 1})
	if log := n.Log.String(); strings.Contains(log, "s3cret") {
		t.Error("the log has the password")
	}
}

func TestSettingsOfNATS(t *testing.T) {
	cert, key := certificate.Files(t)
	creds := filepath.Join(t.TempDir(), "user.creds")
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text := "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n\n" +
		"-----BEGIN USER NKEY SEED-----\n" + string(seed) + "\n------END USER NKEY SEED------\n"
	if err := os.WriteFile(creds, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		settings []string
		wrong    string
	}{
		{[]string{}, ""},
		{[]string{"NATS_URL", "nats://a,nats://b:4222"}, ""},
		{[]string{"NATS_URL", "nats://u:s3cret@a"}, ""},
		{[]string{"NATS_URL", "a:4222"}, "NATS_URL"},
		{[]string{"NATS_URL", "nats://u:s3cret@a/x"}, "NATS_URL"},
		{[]string{"NATS_URL", "nats://a,ws://b"}, "NATS_URL"},
		{[]string{"NATS_URL", "nats://a", "ADAPTER", "pubsub"}, "ADAPTER"},
		{[]string{"NATS_PREFIX", "chat.prod"}, ""},
		{[]string{"NATS_PREFIX", "chat.*"}, "NATS_PREFIX"},
		{[]string{"NATS_CREDS", creds}, ""},
		{[]string{"NATS_CREDS", creds + "?"}, "NATS_CREDS"},
		{[]string{"NATS_CREDS", key}, "NATS_CREDS"},
		{[]string{"NATS_CREDS", creds, "NATS_USER", "ana", "NATS_PASSWORD", "s3cret"}, "NATS_USER"},
		{[]string{"NATS_CREDS", creds, "NATS_URL", "nats://token@h"}, "NATS_CREDS"},
		{[]string{"NATS_USER", "ana", "NATS_PASSWORD", "s3cret"}, ""},
		{[]string{"NATS_USER", "ana"}, "NATS_PASSWORD"},
		{[]string{"NATS_PASSWORD", "s3cret"}, "NATS_USER"},
		{[]string{"NATS_USER", "ana", "NATS_PASSWORD", "s3cret", "NATS_URL", "nats://u:p@h"}, "NATS_USER"},
		{[]string{"NATS_CA", cert, "NATS_CERT", cert, "NATS_KEY", key}, ""},
		{[]string{"NATS_CA", key}, "NATS_CA"},
		{[]string{"NATS_CA", cert + "?"}, "NATS_CA"},
		{[]string{"NATS_CERT", cert}, "NATS_KEY"},
		{[]string{"NATS_KEY", key}, "NATS_KEY"},
		{[]string{"NATS_CERT", cert, "NATS_KEY", cert}, "NATS_KEY"},
		{[]string{"NATS_CERT", cert + "?"}, "NATS_CERT"},
		{[]string{"REDIS_URL", "redis://h"}, "REDIS_URL"},
		{[]string{"PRESENCE", "on", "RECOVERY", "2m"}, ""},
	} {
		_, err := load(append([]string{"ADAPTER", "nats"}, c.settings...)...)
		if (err != nil) != (c.wrong != "") || err != nil && !strings.HasPrefix(err.Error(), c.wrong+"=") {
			t.Errorf("%q: %v", c.settings, err)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%q: %v", c.settings, err)
		}
	}
}
