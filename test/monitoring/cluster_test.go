package monitoring

// Two gateways on one Redis, clients that chat, and a Prometheus that reads the gateways.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// start starts a program, with only the given variables in its environment, that runs as long as the test, and waits until
// it answers a GET of address with 200.
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
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if code, _, err := get(t, address); err == nil && code == http.StatusOK {
			return
		}
		select {
		case <-p.Ended:
			t.Fatalf("%s has ended: %v", program, p.Cmd.ProcessState)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer", address)
		}
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
	r.Close = true // no connection is left behind
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// A gateway is a running one.
type gateway struct {
	url     string
	metrics string // host:port
}

func startGateway(t *testing.T, redisURL string) gateway {
	t.Helper()
	address, metrics := freeaddr.Need(t), freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(address)
	start(t, "http://"+address+"/readyz", []string{"HOST=127.0.0.1", "PORT=" + port, "METRICS_ADDR=" + metrics, "REDIS_URL=" + redisURL, "LOG_LEVEL=info"},
		gatewayBinary())
	return gateway{url: "http://" + address, metrics: metrics}
}

// chat has clients on every gateway say something five times a second each until the test ends.
func chat(t *testing.T, gateways []gateway, clients int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, g := range gateways {
		for i := range clients {
			c := fleet.Dial(t, g.url, "/")
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
	t.Cleanup(func() { cancel(); running.Wait() }) // before the clients' own
}

// disturb has happen, again and again, what a cluster has now and then: clients that come and go, requests that are refused, and
// such as reach another gateway than the one that has their session.
func disturb(t *testing.T, gateways []gateway) {
	t.Helper()
	one, other := gateways[0].url+"/socket.io/", gateways[1].url+"/socket.io/"
	fleet.Dial(t, one[:len(one)-len("/socket.io/")], "/").Close()
	if code, _, err := get(t, one+"?EIO=3&transport=polling"); err != nil || code != http.StatusBadRequest {
		t.Fatalf("a handshake of another version: %d, %v", code, err)
	}
	_, body, err := get(t, one+"?EIO=4&transport=polling")
	var handshake struct{ SID string }
	if err != nil || json.Unmarshal(bytes.TrimPrefix(body, []byte("0")), &handshake) != nil || handshake.SID == "" {
		t.Fatalf("a handshake is answered %q, %v", body, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, other+"?EIO=4&transport=polling&sid="+handshake.SID, strings.NewReader("1"))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("a request for another gateway's session is answered %s", answer.Status)
	}
}

// A prometheus is a running server with the rules of deploy/.
type prometheus struct{ url string }

// startPrometheus runs one on the stack's own configuration, but for where the targets are and how often it looks.
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
	targets := map[string][]string{"prometheus": {address}, "traefik": {freeaddr.Need(t)}} // of Traefik there is none, which is data too
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

// ask calls Prometheus's HTTP API and decodes the answer's data.
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
