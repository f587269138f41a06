package chat

// What the tests share: a gateway that serves the chat.

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a gateway with the chat and these settings until the test ends.
func start(t *testing.T, settings ...string) *gatewaytest.Node {
	t.Helper()
	service := new(Service)
	cfg, err := gateway.LoadConfig(gatewaytest.Settings(settings...), service)
	if err != nil {
		t.Fatal(err)
	}
	log := new(gatewaytest.Log)
	g, err := gateway.New(cfg, gateway.NewLogger(cfg, log), service)
	if err != nil {
		t.Fatal(err)
	}
	return gatewaytest.Run(t, g, log)
}

// register registers a client.
func register(t *testing.T, c *gatewaytest.Client) {
	t.Helper()
	c.Send(`42["registrar"]`)
	if got := c.Receive(1)[0]; got != `42["registrado",{"room":"roomChatTest"}]` {
		t.Errorf("registrar: got %s", got)
	}
}

// nothingElse checks that clients got nothing but what they have received: an answer to a further event comes next.
func nothingElse(t *testing.T, clients ...*gatewaytest.Client) {
	t.Helper()
	for _, c := range clients {
		register(t, c)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}
