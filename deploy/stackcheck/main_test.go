package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a gateway of its own and returns its address.
func start(t *testing.T) string {
	t.Helper()
	environment := map[string]string{"HOST": "127.0.0.1", "PORT": "0", "ADAPTER": "memory"}
	service := new(chat.Service)
	cfg, err := gateway.LoadConfig(func(name string) string { return environment[name] }, service)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), service)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := g.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return g.Addr().String()
}

func TestChatThroughAGateway(t *testing.T) {
	address := start(t)
	var out bytes.Buffer
	if err := run([]string{"chat", address, address}, nil, &out); err != nil {
		t.Fatal(err)
	}
	want := "stackcheck: 2 clients on 1 hosts heard each other, and one polled across 2 gateways\n"
	if out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
}

func TestChatFindsFault(t *testing.T) {
	one, other := start(t), start(t) // they do not know each other
	alone := ghost(t)
	tests := []struct {
		name      string
		addresses []string
		nodes     int
		want      string
	}{
		{"a cluster that is none", []string{one, other}, 1, other + " does not hear " + one},
		{"fewer hosts than there should be", []string{one}, 2, "only 1 of 2 hosts answer"},
		{"nobody there", []string{alone}, 1, "connection refused"},
		{"no address", nil, 1, "no address"},
	}
	for _, test := range tests {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := chatOnce(ctx, test.addresses, test.nodes)
		cancel()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// A polling client is refused if its requests go to two nodes that do not forward them.
func TestPollingFindsAFleetThatNeedsStickySessions(t *testing.T) {
	err := poll(t.Context(), []string{start(t), start(t)})
	if err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("got %v, want a 400", err)
	}
}

// ghost returns an address where nobody listens.
func ghost(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestChatWaitsForTheGateway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := start(t)
	asked := make(chan struct{}, 100)
	proxy := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusServiceUnavailable) // what Traefik answers without a gateway
	})}
	go proxy.Serve(listener)
	done := make(chan error, 1)
	go func() { done <- run([]string{"chat", "-within", "30s", listener.Addr().String()}, nil, io.Discard) }()
	<-asked
	proxy.Close()
	// From now on the address leads to a gateway.
	again, err := net.Listen("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	go func() {
		for {
			conn, err := again.Accept()
			if err != nil {
				return
			}
			go pipe(conn, to)
		}
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func pipe(conn net.Conn, to string) {
	defer conn.Close()
	upstream, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer upstream.Close()
	go func() {
		_, _ = io.Copy(upstream, conn)
		upstream.Close()
	}()
	_, _ = io.Copy(conn, upstream)
}

func TestReduce(t *testing.T) {
	stack, err := os.ReadFile(filepath.Join("..", "..", "compose-swarm-stack.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := []string{"reduce", "-services", "redis,gateway,traefik", "-no-mesh", "-no-ulimits", "-client", "probe:1"}
	if err := run(args, bytes.NewReader(stack), &out); err != nil {
		t.Fatal(err)
	}
	var reduced struct {
		Services map[string]struct {
			Image, Hostname string
			Ports           []any
			Ulimits         map[string]any
			Environment     map[string]string
			Deploy          struct {
				EndpointMode string `yaml:"endpoint_mode"`
				Replicas     int
			}
		}
		Configs map[string]any
	}
	if err := yaml.Unmarshal(out.Bytes(), &reduced); err != nil {
		t.Fatal(err)
	}
	g := reduced.Services["gateway"]
	if len(reduced.Services) != 4 || reduced.Services["client"].Image != "probe:1" || len(reduced.Configs) == 0 {
		t.Errorf("it leaves %v", reduced.Services)
	}
	if len(g.Ports) != 0 || len(g.Ulimits) != 0 || g.Deploy.EndpointMode != "dnsrr" {
		t.Errorf("the gateway has ports %v, limits %v and the mode %q", g.Ports, g.Ulimits, g.Deploy.EndpointMode)
	}
	if traefik := reduced.Services["traefik"]; len(traefik.Ports) != 2 {
		t.Errorf("Traefik has the ports %v, want its two of the node's own", traefik.Ports)
	}
	if g.Deploy.Replicas != 3 || g.Hostname == "" || g.Environment["DRAIN_DELAY"] != "1s" {
		t.Errorf("the gateway is %+v", g)
	}
	dollars, escaped := bytes.Count(out.Bytes(), []byte("$")), bytes.Count(out.Bytes(), []byte("$$"))
	if dollars == 0 || dollars != 2*escaped {
		t.Error("Docker will take what has a dollar for a variable again")
	}
	if err := run([]string{"reduce", "-services", "nats"}, bytes.NewReader(stack), io.Discard); err == nil {
		t.Error("a service that is not there is kept")
	}
}
