package monitoring

// Gateways on one Redis, two with the chat and one with a backend, one on NATS, clients that talk, and a Prometheus
// that scrapes the gateways.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience bounds a test's wait for what must come.
const patience = 60 * time.Second

// start runs a program, with exactly this environment, as long as the test, and waits until it answers a GET of address
// with 200.
func start(t *testing.T, address string, env []string, program string, args ...string) {
	t.Helper()
	p, err := child.Start(env, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.Stop(20 * time.Second) {
			t.Errorf("%s does not end", program)
		}
		if t.Failed() {
			t.Logf("%s %v:\n%s\n%s", program, args, p.Stdout.Tail(), p.Stderr.Tail())
		}
	})
	if err := p.Await(patience, func() bool {
		code, _, err := get(t, address)
		return err == nil && code == http.StatusOK
	}); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, address string) (code int, body []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Close = true // leaves no connection behind
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// A gateway is a running gateway: where it serves clients, and where its metrics. Both are host:port.
type gateway struct{ addr, metrics string }

func (g gateway) url() string { return "http://" + g.addr }

// startGateway starts one with more settings ("NAME=value") than it needs.
func startGateway(t *testing.T, redisURL string, more ...string) gateway {
	t.Helper()
	address, metrics := freeaddr.Need(t), freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(address)
	env := []string{
		"HOST=127.0.0.1", "PORT=" + port, "METRICS_ADDR=" + metrics, "REDIS_URL=" + redisURL, "LOG_LEVEL=info",
	}
	start(t, "http://"+address+"/readyz", append(env, more...), gatewayBinary())
	return gateway{address, metrics}
}

// startBackend starts a backend, and a gateway in front of it that knows which users are online.
func startBackend(t *testing.T, redisURL string) gateway {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Header.Get("Ce-Type") {
		case "socketio.connect":
			fmt.Fprintf(w, `{"user":"user %s"}`, r.Header.Get("Ce-Socketid"))
		case "socketio.event":
			_, _ = io.WriteString(w, `{"emit":[{"event":"said","args":["hello"]}]}`)
		}
	}))
	t.Cleanup(backend.Close)
	return startGateway(t, redisURL, "SERVICE=backend", "BACKEND_URL="+backend.URL, "PRESENCE=on")
}

// startOnNATS starts a NATS server, and a gateway on that in Redis' place, alone.
func startOnNATS(t *testing.T) gateway {
	t.Helper()
	nats := natsserver.Start(t, natsserver.Options{JetStream: true})
	return startGateway(t, "", "ADAPTER=nats", "NATS_URL="+nats.URL(), "RECOVERY=2m")
}

// talk has clients on every gateway say something five times a second until the test ends.
func talk(t *testing.T, gateways []gateway, clients int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, g := range gateways {
		for i := range clients {
			c := fleet.Dial(t, g.url(), "/")
			c.Emit(`["registrar"]`)
			running.Go(func() {
				say := time.NewTicker(200 * time.Millisecond)
				defer say.Stop()
				for {
					select {
					case <-ctx.Done():
						return
					case <-c.Messages:
					case <-say.C:
						c.Emit(fmt.Sprintf(`["messages",{"nickname":"client %d","message":"hello"}]`, i))
					}
				}
			})
		}
	}
	t.Cleanup(func() { cancel(); running.Wait() }) // runs before the cleanup of the clients
}

// disturb causes what happens in a cluster now and then: clients that come and go, requests that are refused, and
// requests that reach another gateway than the one with their session.
func disturb(t *testing.T, gateways []gateway) {
	t.Helper()
	one, other := gateways[0], gateways[1]
	fleet.Dial(t, one.url(), "/").Close()
	refused, err := wire.Get(one.addr, "/socket.io/?EIO=3&transport=polling", patience)
	if err != nil || refused.Code != http.StatusBadRequest {
		t.Fatalf("a handshake of another version: %+v, %v", refused, err)
	}
	sid, err := wire.OpenSession(one.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := wire.Post(other.addr, wire.NewPolling+"&sid="+sid, "1", patience)
	if err != nil || closed.Code != http.StatusOK {
		t.Fatalf("a request for another gateway's session: %+v, %v", closed, err)
	}
}

// A prometheus is a running Prometheus with the rules of deploy/.
type prometheus struct{ url string }

// startPrometheus starts one with the stack's own configuration, except for the targets and the intervals.
func startPrometheus(t *testing.T, gateways []gateway) prometheus {
	t.Helper()
	var config map[string]any
	readYAML(t, prometheusFile, &config)
	config["global"] = map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	config["rule_files"] = []string{rules}
	address := freeaddr.Need(t)
	// There is no Traefik, which is data too.
	targets := map[string][]string{"prometheus": {address}, "traefik": {freeaddr.Need(t)}}
	for _, g := range gateways {
		targets["gateway"] = append(targets["gateway"], g.metrics)
	}
	for _, job := range config["scrape_configs"].([]any) {
		job := job.(map[string]any)
		name := job["job_name"].(string)
		if targets[name] == nil {
			t.Fatalf("what is the job %q?", name)
		}
		delete(job, "dns_sd_configs")
		job["static_configs"] = []any{map[string]any{"targets": targets[name]}}
		delete(targets, name)
	}
	if len(targets) > 0 {
		t.Fatalf("Prometheus does not read %v", targets)
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "http://"+address+"/-/ready", child.Path(), program(t, "prometheus"), "--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	return prometheus{"http://" + address}
}

func program(t *testing.T, name string) string {
	t.Helper()
	needs.Program(t, name)
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ask calls Prometheus's HTTP API and decodes the data of the answer.
func (p prometheus) ask(t *testing.T, path string, query url.Values, to any) error {
	t.Helper()
	_, body, err := get(t, p.url+"/api/v1/"+path+"?"+query.Encode())
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("Prometheus says: %s", answer.Error)
	}
	return json.Unmarshal(answer.Data, to)
}
