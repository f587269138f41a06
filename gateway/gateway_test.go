package gateway

// What the tests share: a gateway on a free port, and the service that it carries.

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A parrot is the service of these tests. It repeats to all who are in the cage what one of them says, and has whatever
// else a test gives it.
type parrot struct {
	settings []Setting
	parts    Parts
	more     func(io *socketio.Server, node Node) error
}

func (p *parrot) Settings() []Setting { return p.settings }

func (p *parrot) Start(io *socketio.Server, node Node) (Parts, error) {
	io.On("join", func(e *socketio.Event) error {
		e.Socket().Join("cage")
		node.Log.Debug("joined", "id", e.Socket().ID())
		return e.Socket().Emit("joined")
	})
	io.On("say", func(e *socketio.Event) error {
		node.Log.Debug("said", "id", e.Socket().ID())
		return io.To("cage").Emit("said", e.Raw(0))
	})
	if p.more != nil {
		if err := p.more(io, node); err != nil {
			return Parts{}, err
		}
	}
	parts := p.parts
	parts.Route = func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/perch" // the answer is 200
	}
	return parts, nil
}

// join has a client join the cage. Since the answer is the next that it gets, it has got nothing else before.
func join(t *testing.T, clients ...*gatewaytest.Client) {
	t.Helper()
	for _, c := range clients {
		c.Send(`42["join"]`)
		if got := c.Receive(1)[0]; got != `42["joined"]` {
			t.Errorf("join: got %s", got)
		}
	}
}

// A node is a running gateway.
type node struct {
	*Gateway
	*gatewaytest.Node
}

// start runs a gateway with these settings on a free port of 127.0.0.1 until the test ends.
func start(t *testing.T, settings ...string) *node {
	t.Helper()
	return startService(t, new(parrot), settings...)
}

// startService is start with another service.
func startService(t *testing.T, service Service, settings ...string) *node {
	t.Helper()
	g, log := build(t, service, settings...)
	return &node{g, gatewaytest.Run(t, g, log)}
}

// build puts a gateway together that does not listen yet.
func build(t *testing.T, service Service, settings ...string) (*Gateway, *gatewaytest.Log) {
	t.Helper()
	log := new(gatewaytest.Log)
	g, err := newGateway(t, service, log, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return g, log
}

func newGateway(t *testing.T, service Service, log *gatewaytest.Log, settings ...string) (*Gateway, error) {
	t.Helper()
	cfg, err := LoadConfig(gatewaytest.Settings(settings...), service)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Version = "1.2.3 (commit abc)"
	cfg.Release, cfg.Commit = "1.2.3", "abc"
	return New(cfg, NewLogger(cfg, log), service)
}

func TestRunStartsAndStops(t *testing.T) {
	n := start(t)
	if response, _ := n.Request(t, "GET", "/perch", ""); response.StatusCode != 200 {
		t.Errorf("got %d", response.StatusCode)
	}
	if err := n.Stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if conn, err := net.Dial("tcp", n.Address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
	for _, msg := range []string{"starting", "listening", "stopping", "stopped"} {
		if got := n.Log.Find(t, msg); len(got) != 1 {
			t.Errorf("%d lines say %q", len(got), msg)
		}
	}
	if lines := n.Log.Find(t, "listening"); len(lines) == 1 && lines[0]["url"] != "http://"+n.Address {
		t.Errorf("the log gives the URL %v, want http://%s", lines[0]["url"], n.Address)
	}
}

// A client that neither reads nor leaves must not keep the process from ending.
func TestStopLetsPendingPollsGo(t *testing.T) {
	n := start(t, "SHUTDOWN_TIMEOUT", "1s")
	c := n.Connect(t)
	polled := make(chan []string, 1)
	go func() {
		packets, _ := c.Poll()
		polled <- packets
	}()
	if err := n.Stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	select {
	case <-polled:
	case <-time.After(gatewaytest.Patience):
		t.Error("the poll was left pending")
	}
}

func TestPortInUse(t *testing.T) {
	n := start(t)
	_, port, err := net.SplitHostPort(n.Address)
	if err != nil {
		t.Fatal(err)
	}
	service := new(parrot)
	cfg, err := LoadConfig(gatewaytest.Env("HOST", "127.0.0.1", "PORT", port), service)
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(cfg, slog.New(slog.DiscardHandler), service)
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("got %v, want ErrPortInUse", err)
	}
	if text := err.Error(); !strings.Contains(text, n.Address) || strings.Contains(text, "\n") {
		t.Errorf("the error is %q", text)
	}
}

func TestEveryLogLineHasTheHostname(t *testing.T) {
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, "SHUTDOWN_TIMEOUT", "100ms") // nobody polls when it stops
	c := n.Connect(t)
	join(t, c)
	c.Send(`42["say","oi"]`)
	c.Receive(1)
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	lines := n.Log.Lines(t)
	if len(lines) < 7 || len(n.Log.Find(t, "said")) != 1 {
		t.Errorf("only %d lines, or none of the service's", len(lines))
	}
	for _, line := range lines {
		if line["hostname"] != hostname {
			t.Errorf("hostname is %v in %v", line["hostname"], line)
		}
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		settings []string
		want     string
	}{
		{nil, "ADAPTER is memory"},
		{[]string{"ADAPTER", "pubsub", "REDIS_URL", "redis://:s3cret@127.0.0.1:1"}, "Redis cannot be reached"},
		{[]string{"MAX_QUEUE", "1000"}, "MAX_QUEUE is less than MAX_PAYLOAD"},
	}
	for _, test := range tests {
		n := start(t, test.settings...)
		found := false
		deadline := time.Now().Add(gatewaytest.Patience)
		for ; !found && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			for _, line := range n.Log.Lines(t) {
				found = found || line["level"] == "WARN" && strings.HasPrefix(line["msg"].(string), test.want)
			}
		}
		if !found {
			t.Errorf("%v: no warning %q in %v", test.settings, test.want, n.Log.Lines(t))
		}
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if text := n.Log.String(); text == "" || strings.Contains(text, "s3cret") {
			t.Errorf("%v: the log shows a secret", test.settings)
		}
	}
}

// A request is bounded in each of its phases; the limits on the body are tested in limits_test.go.
func TestServerLimits(t *testing.T) {
	n := start(t)
	heartbeat := n.cfg.PingInterval + n.cfg.PingTimeout
	if s := n.http; s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 || s.WriteTimeout <= heartbeat {
		t.Errorf("limits: header %v, idle %v, write %v", s.ReadHeaderTimeout, s.IdleTimeout, s.WriteTimeout)
	}
	response, _ := n.Request(t, "GET", "/healthz", "", "X-Long: "+strings.Repeat("x", 32<<10))
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("32 KiB of header: got %d", response.StatusCode)
	}
}

// The settings reach the protocol: a client that does not answer its heartbeat is gone after the two times that are
// set.
func TestHeartbeatIsConfigured(t *testing.T) {
	n := start(t, "PING_INTERVAL", "50", "PING_TIMEOUT", "50ms")
	c := n.Open(t)
	deadline := time.Now().Add(gatewaytest.Patience)
	for time.Now().Before(deadline) {
		packets, err := c.Poll()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(packets[0], "Session ID unknown") {
			return
		}
	}
	t.Error("the session lives on")
}

// A client of Socket.IO 2 is let in where the setting says so.
func TestOldClientsAreConfigured(t *testing.T) {
	for value, want := range map[string]string{
		"": `{"code":5,"message":"Unsupported protocol version"}`, "true": `:0{"sid":"`,
	} {
		n := start(t, "ALLOW_EIO3", value)
		_, body := n.Request(t, "GET", "/socket.io/?EIO=3&transport=polling", "")
		if !strings.Contains(body, want) {
			t.Errorf("%q: %s", value, body)
		}
	}
}

func TestOversizedMessageIsRefused(t *testing.T) {
	n := start(t, "MAX_PAYLOAD", "1000")
	c := n.Connect(t)
	response, err := c.Post(strings.Repeat("x", 1001))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", response.StatusCode)
	}
}

// The bounds on what a client may hold reach the library.
func TestClientLimitsAreConfigured(t *testing.T) {
	n := start(t, "MAX_AUTH", "12", "MAX_NAMESPACES", "2")
	n.io.Of("/a")
	n.io.Of("/b")
	c := n.Connect(t)
	c.Send(`40/a,{"token":"long"}`, `40/a,{"t":"ok"}`, `40/b,`)
	got := strings.Join(c.Receive(3), " ")
	for _, want := range []string{
		`44/a,{"message":"Auth payload too large"}`, `40/a,{"sid"`, `44/b,{"message":"Too many namespaces"}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
