package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ready asks /readyz.
func (n *node) ready(t *testing.T) (status int, body readiness) {
	t.Helper()
	response, text := n.request(t, "GET", "/readyz", "")
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return response.StatusCode, body
}

// stage waits until the drain has come so far.
func (n *node) stage(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if s := n.drained(); s != nil && s.Stage == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the drain never came to %q", want)
		}
	}
}

// While balancers are to notice, everything but /readyz is as ever; then new clients are refused, the others served on
// until their turn comes.
func TestDrain(t *testing.T) {
	n := start(t, "DRAIN_DELAY", "2s", "DRAIN_WINDOW", "2s", "LOG_LEVEL", "info")
	before := connect(t, n)
	if status, body := n.ready(t); status != 200 || body.Drain != nil {
		t.Errorf("before: %d %+v", status, body)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.stop() }()

	n.stage(t, stageWaiting)
	status, body := n.ready(t)
	if status != 503 || body.Status != "draining" || body.Drain == nil || body.Drain.Stage != stageWaiting || body.Drain.Sessions != 1 || body.Drain.Since == "" {
		t.Errorf("waiting: %d %+v %+v", status, body, body.Drain)
	}
	for path, want := range map[string]int{"/": 200, "/healthz": 200} {
		if response, _ := n.request(t, "GET", path, ""); response.StatusCode != want {
			t.Errorf("waiting: %s answers %d", path, response.StatusCode)
		}
	}
	during := connect(t, n)
	during.register()
	before.register()
	during.send(`42["messages",{"message":"still here"}]`)
	for _, c := range []*pollingClient{before, during} {
		if got := c.receive(1)[0]; !strings.Contains(got, "still here") {
			t.Errorf("waiting: got %s", got)
		}
	}

	n.stage(t, stageClosing)
	if status, body := n.ready(t); status != 503 || body.Drain == nil || body.Drain.Stage != stageClosing {
		t.Errorf("closing: %d %+v", status, body)
	}
	// The new client that the balancer should not have sent is refused, and the log says why that might be.
	if response, text := n.request(t, "GET", "/socket.io/?EIO=4&transport=polling", ""); response.StatusCode != 503 || !strings.Contains(text, "shutting down") {
		t.Errorf("closing: a handshake is answered %d %s", response.StatusCode, text)
	}
	var closes int
	for range 2 * 100 {
		for _, c := range []*pollingClient{before, during} {
			packets, err := c.poll()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(strings.Join(packets, "\n"), "41") {
				t.Errorf("told to leave the namespace, after which it would not come back: %q", packets)
			}
			if packets[len(packets)-1] == "1" {
				closes++
			}
		}
		if closes == 2 {
			break
		}
	}
	if closes != 2 {
		t.Errorf("%d of 2 clients were told that their transport ends", closes)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
	for _, msg := range []string{"stopping", "letting clients go", "all clients have left", "stopped"} {
		if lines := n.log.find(t, msg); len(lines) != 1 {
			t.Errorf("%q is logged %d times", msg, len(lines))
		}
	}
	if lines := n.log.find(t, "letting clients go"); len(lines) == 1 && (lines[0]["sessions"] != 2.0 || lines[0]["window"] != "2s") {
		t.Errorf("got %v", lines[0])
	}
	if lines := n.log.find(t, "request refused: Forbidden"); len(lines) != 1 || !strings.Contains(lines[0]["hint"].(string), "DRAIN_DELAY") {
		t.Errorf("the refused handshake is logged as %v", lines)
	}
}

// A client that does not react holds the end neither for SHUTDOWN_TIMEOUT nor for ever, and an interruption skips delay and window.
func TestInterruptedOrWithSilentClients(t *testing.T) {
	cfg, err := LoadConfig(env("HOST", "127.0.0.1", "PORT", "0", "ADAPTER", "memory", "DRAIN_DELAY", "1h", "DRAIN_WINDOW", "1h", "SHUTDOWN_TIMEOUT", "1h", "LOG_FORMAT", "json"))
	if err != nil {
		t.Fatal(err)
	}
	log := new(logBuffer)
	g, err := New(cfg, NewLogger(cfg, log))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	n := &node{Gateway: g, addr: g.Addr().String(), log: log}
	if response, _ := n.request(t, "GET", "/socket.io/?EIO=4&transport=polling", ""); response.StatusCode != http.StatusOK { // and never polls
		t.Fatal(response.Status)
	}
	interrupt(errors.Join(ErrInterrupted))
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it waits")
	}
}
