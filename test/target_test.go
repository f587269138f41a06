package test

// The services under test: the gateway, and the Nest service that it replaces. Both use a Redis. All listen on free
// loopback ports.

import (
	"cmp"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A target is a chat service that can be started, stopped, and started again on the same address.
type target struct {
	name    string // nest, gateway, or backend: a gateway in front of another service
	page    string // answers with 200 once the service is there; "" is /
	addr    string // host:port
	env     []string
	program string
	args    []string
	process *child.Process
}

func (tg *target) url() string { return "http://" + tg.addr }

// start starts the service and waits until it answers.
func (tg *target) start() error {
	host, port, err := net.SplitHostPort(tg.addr)
	if err != nil {
		return err
	}
	env := append(child.Path(), "GOTRACEBACK=all", "HOST="+host, "PORT="+port)
	if tg.process, err = child.Start(append(env, tg.env...), tg.program, tg.args...); err != nil {
		return err
	}
	err = tg.process.Await(60*time.Second, func() bool { return tg.answers(cmp.Or(tg.page, "/")) })
	if err != nil {
		tg.process.Kill()
		err = fmt.Errorf("start %s on %s: %w", tg.name, tg.addr, err)
	}
	return err
}

// answers reports whether a GET of target is answered with 200.
func (tg *target) answers(target string) bool {
	response, err := wire.Get(tg.addr, target, time.Second)
	return err == nil && response.Code == 200
}

// stop ends the service with SIGTERM, unless it was stopped before. It is an error if the race detector has reported
// something, or if the gateway's exit code is not 0. (Node.js dies of the signal.)
func (tg *target) stop() error {
	if err := stop(tg.process); err != nil {
		return fmt.Errorf("stop %s: %w", tg.name, err)
	}
	if strings.Contains(tg.process.Stderr.String(), "DATA RACE") {
		return fmt.Errorf("the race detector reports:\n%s", tg.process.Stderr.String())
	}
	if code := tg.process.Cmd.ProcessState.ExitCode(); tg.name != "nest" && code != 0 {
		return fmt.Errorf("%s ended with %v:\n%s", tg.name, tg.process.Cmd.ProcessState, tg.process.Stderr.Tail())
	}
	return nil
}

// stop ends a process with SIGTERM.
func stop(p *child.Process) error {
	if !p.Stop(15 * time.Second) {
		return fmt.Errorf("SIGTERM did not end %s", p.Cmd.Path)
	}
	return nil
}

// control lets a script stop and start the service: POST /stop and POST /start.
func (tg *target) control(t *testing.T) (url string) {
	return child.Control(t, map[string]func() error{"/stop": tg.stop, "/start": tg.start})
}

// startTarget starts a service for one test, with further environment variables.
func startTarget(t *testing.T, name string, env ...string) *target {
	t.Helper()
	tg := newTarget(t, name, env...)
	tg.run(t)
	return tg
}

// newTarget describes a service that is not started yet.
func newTarget(t *testing.T, name string, env ...string) *target {
	t.Helper()
	addr := freeaddr.Need(t)
	tg := &target{name: name, addr: addr, env: env}
	switch name {
	case "nest":
		needs.NodeJS(t)
		tg.env = append([]string{"REDIS_URL=redis://" + startRedis(t), "NO_COLOR=1"}, env...)
		tg.program, tg.args = "node", []string{"js/nest/main.mjs"}
	case "backend":
		tg.page = "/healthz" // there is no other
		fallthrough
	case "gateway":
		tg.program = gatewayBinary()
		tg.env = append([]string{
			"REDIS_URL=redis://" + startRedis(t), "SHUTDOWN_TIMEOUT=3s", "DRAIN_DELAY=0", "DRAIN_WINDOW=0",
		}, env...)
	default:
		t.Fatalf("no service is called %q", name)
	}
	return tg
}

// run starts the service and stops it when the test ends.
func (tg *target) run(t *testing.T) {
	t.Helper()
	if err := tg.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tg.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s\n%s", tg.name, tg.process.Stdout.Tail(), tg.process.Stderr.Tail())
		}
	})
}

// eachTarget runs a test against each service of -targets.
func eachTarget(t *testing.T, test func(t *testing.T, name string)) {
	for _, name := range []string{"nest", "gateway"} {
		if wants(name) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, name)
			})
		}
	}
}

// startRedis starts a Redis for one test. Every Nest service gets one of its own: services on one Redis are one cluster
// and would hear each other's messages.
func startRedis(t *testing.T) (addr string) {
	t.Helper()
	return fleet.StartRedis(t).Addr
}
