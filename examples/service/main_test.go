package main

// The example as it is run: built, started on a free port, and driven by clients.

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is not a measure of anything.
const patience = 30 * time.Second

// build compiles the example.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "service")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// start runs the example until it listens, and ends it with the test, if the test has not.
func start(t *testing.T, program string, env ...string) (p *child.Process, addr string) {
	t.Helper()
	addr = freeaddr.Need(t)
	host, port, _ := strings.Cut(addr, ":")
	p, err := child.Start(append([]string{"HOST=" + host, "PORT=" + port, "ADAPTER=memory"}, env...), program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for deadline := time.Now().Add(patience); !strings.Contains(p.Stdout.String(), "msg=listening"); {
		if p.Wait(10*time.Millisecond) || time.Now().After(deadline) {
			t.Fatalf("it does not listen:\n%s\n%s", p.Stdout.Tail(), p.Stderr.Tail())
		}
	}
	return p, addr
}

// A client is a connected Socket.IO client.
type client struct {
	*wire.WebSocket
	t  *testing.T
	id string
}

func connect(t *testing.T, addr string) *client {
	t.Helper()
	ws, err := wire.DialWebSocket(addr, "/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	c := &client{WebSocket: ws, t: t}
	c.receive() // the handshake
	c.send("40")
	c.id = strings.Split(c.receive(), `"`)[3]
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.SendText(text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() string {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	f, err := c.ReadFrame()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(f.Payload)
}

// result is what a client hears of a roll.
func (c *client) result(by string) (n int) {
	c.t.Helper()
	got := c.receive()
	if _, err := fmt.Sscanf(got, `42["rolled","`+by+`",%d]`, &n); err != nil {
		c.t.Fatalf("got %s: %v", got, err)
	}
	return n
}

func TestEverybodyHearsTheSameRoll(t *testing.T) {
	p, addr := start(t, build(t), "SIDES=2")
	a, b := connect(t, addr), connect(t, addr)
	seen := make(map[int]bool)
	for i := range 100 { // to get one result only is as likely as 99 heads in a row
		by := a.id
		if i%2 == 0 {
			a.send(`42["roll"]`)
		} else {
			by = "somebody"
			r, err := wire.Do(addr, wire.Request{Method: "POST", Target: "/roll", Body: " "}, patience)
			if err != nil || r.Code != 200 || string(r.Body) != "rolled\n" {
				t.Fatalf("POST /roll: %+v, %v", r, err)
			}
		}
		n := a.result(by)
		if also := b.result(by); also != n || n < 1 || n > 2 {
			t.Fatalf("one hears %d, the other %d", n, also)
		}
		seen[n] = true
	}
	if len(seen) != 2 {
		t.Errorf("a die of two sides shows %v", seen)
	}

	// The rest is the gateway's.
	for target, want := range map[string]string{
		"/healthz": `"status":"ok"`,
		"/readyz":  `"status":"ready"`,
		"/metrics": `gateway_event_duration_seconds_count{event="roll",namespace="/"} 50`,
		"/roll":    `"message":"Cannot GET /roll"`,
	} {
		r, err := wire.Do(addr, wire.Request{Method: "GET", Target: target}, patience)
		if err != nil || !strings.Contains(string(r.Body), want) {
			t.Errorf("%s: no %s in %+v, %v", target, want, r, err)
		}
	}
	if !strings.Contains(p.Stdout.String(), "SIDES=2") {
		t.Error("the log does not say with which settings it runs")
	}
	a.Close()
	b.Close()
	if !p.Stop(patience) || p.Cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("SIGTERM: %v\n%s", p.Cmd.ProcessState, p.Stderr.Tail())
	}
}

func TestAMistakenSettingIsNamed(t *testing.T) {
	p, err := child.Start([]string{"SIDES=1"}, build(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if !p.Wait(patience) || p.Cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", p.Cmd.ProcessState)
	}
	if want := `SIDES="1" is not valid: want a whole number from 2 to 100`; !strings.Contains(p.Stderr.String(), want) {
		t.Errorf("it says %q, want %s", p.Stderr.String(), want)
	}
}
