package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

// ready asks /readyz.
func (n *node) ready(t *testing.T) (status int, body readiness) {
	t.Helper()
	response, text := n.Request(t, "GET", "/readyz", "")
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return response.StatusCode, body
}

// stage waits until the drain has come so far.
func (n *node) stage(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(gatewaytest.Patience); ; time.Sleep(time.Millisecond) {
		if s := n.drained(); s != nil && s.Stage == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the drain never came to %q", want)
		}
	}
}

// During the delay everything but /readyz is as ever. Then new clients are refused, and the others served until their
// turn comes.
func TestDrain(t *testing.T) {
	n := start(t, "DRAIN_DELAY", "2s", "DRAIN_WINDOW", "2s", "LOG_LEVEL", "info")
	before := n.Connect(t)
	if status, body := n.ready(t); status != 200 || body.Drain != nil {
		t.Errorf("before: %d %+v", status, body)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Stop() }()

	n.stage(t, stageWaiting)
	status, body := n.ready(t)
	if status != 503 || body.Status != "draining" || body.Drain == nil ||
		body.Drain.Stage != stageWaiting || body.Drain.Sessions != 1 || body.Drain.Since == "" {
		t.Errorf("waiting: %d %+v %+v", status, body, body.Drain)
	}
	for path, want := range map[string]int{"/perch": 200, "/healthz": 200} {
		if response, _ := n.Request(t, "GET", path, ""); response.StatusCode != want {
			t.Errorf("waiting: %s answers %d", path, response.StatusCode)
		}
	}
	during := n.Connect(t)
	join(t, during, before)
	during.Send(`42["say","still here"]`)
	for _, c := range []*gatewaytest.Client{before, during} {
		if got := c.Receive(1)[0]; !strings.Contains(got, "still here") {
			t.Errorf("waiting: got %s", got)
		}
	}

	n.stage(t, stageClosing)
	if status, body := n.ready(t); status != 503 || body.Drain == nil || body.Drain.Stage != stageClosing {
		t.Errorf("closing: %d %+v", status, body)
	}
	// The new client that the balancer should not have sent is refused, and the log says why that might be.
	response, text := n.Request(t, "GET", "/socket.io/?EIO=4&transport=polling", "")
	if response.StatusCode != 503 || !strings.Contains(text, "shutting down") {
		t.Errorf("closing: a handshake is answered %d %s", response.StatusCode, text)
	}
	var closes int
	for range 2 * 100 {
		for _, c := range []*gatewaytest.Client{before, during} {
			packets, err := c.Poll()
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
		if lines := n.Log.Find(t, msg); len(lines) != 1 {
			t.Errorf("%q is logged %d times", msg, len(lines))
		}
	}
	lines := n.Log.Find(t, "letting clients go")
	if len(lines) == 1 && (lines[0]["sessions"] != 2.0 || lines[0]["window"] != "2s") {
		t.Errorf("got %v", lines[0])
	}
	lines = n.Log.Find(t, "request refused: Forbidden")
	if len(lines) != 1 || !strings.Contains(lines[0]["hint"].(string), "DRAIN_DELAY") {
		t.Errorf("the refused handshake is logged as %v", lines)
	}
}

// A client that does not react holds up the end neither for SHUTDOWN_TIMEOUT nor for ever. An interruption skips delay
// and window.
func TestInterruptedOrWithSilentClients(t *testing.T) {
	g, log := build(t, new(parrot), "DRAIN_DELAY", "1h", "DRAIN_WINDOW", "1h", "SHUTDOWN_TIMEOUT", "1h")
	if err := g.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	n := &gatewaytest.Node{Address: g.Addr().String(), Log: log}
	response, _ := n.Request(t, "GET", "/socket.io/?EIO=4&transport=polling", "") // and never polls
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	interrupt(errors.Join(ErrInterrupted))
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(gatewaytest.Patience):
		t.Error("it waits")
	}
}
