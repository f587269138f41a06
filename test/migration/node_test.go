package migration

// The nodes of a fleet: Nest services and gateways, each a process on a free loopback port.

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience bounds a test's wait for what must come.
const patience = 20 * time.Second

// startProcess runs a program with exactly this environment. The test's end kills it if it still runs.
func startProcess(t *testing.T, env []string, program string, args ...string) *child.Process {
	t.Helper()
	p, err := child.Start(env, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// A node is one process of the chat service.
type node struct {
	kind string // nest or gateway
	addr string // host:port
	*child.Process
}

func (n *node) url() string { return "http://" + n.addr }

// startNest starts a Nest service and waits until it answers, which it does once it is connected to Redis.
func startNest(t *testing.T, redisURL string) *node {
	t.Helper()
	n := beginNest(t, redisURL)
	n.await(t, "/", 200)
	return n
}

// beginNest is startNest without waiting.
func beginNest(t *testing.T, redisURL string) *node {
	t.Helper()
	needs.NodeJS(t)
	env := append(child.Path(), "NO_COLOR=1", "REDIS_URL="+redisURL)
	return beginNode(t, "nest", freeaddr.Need(t), env, "node", "../js/nest/main.mjs")
}

// startGateway starts a gateway and waits until it is ready.
func startGateway(t *testing.T, redisURL string, env ...string) *node {
	t.Helper()
	n := beginGateway(t, redisURL, env...)
	n.await(t, "/readyz", 200)
	return n
}

// beginGateway is startGateway without waiting.
func beginGateway(t *testing.T, redisURL string, env ...string) *node {
	t.Helper()
	env = append([]string{"DRAIN_DELAY=0", "DRAIN_WINDOW=0", "REDIS_URL=" + redisURL}, env...)
	return beginNode(t, "gateway", freeaddr.Need(t), env, gatewayBinary)
}

// beginNode starts a node. The test's end stops it and checks what it wrote.
func beginNode(t *testing.T, kind, addr string, env []string, program string, args ...string) *node {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	env = append([]string{"HOST=" + host, "PORT=" + port}, env...)
	n := &node{kind, addr, startProcess(t, env, program, args...)}
	n.stopWith(t)
	return n
}

// stopWith stops the node when the test ends.
func (n *node) stopWith(t *testing.T) {
	t.Cleanup(func() {
		n.stop(t)
		if t.Failed() {
			t.Logf("%s on %s printed:\n%s\n%s", n.kind, n.addr, n.Stdout.Tail(), n.Stderr.Tail())
		}
	})
}

// stop ends the node with SIGTERM, unless it was stopped before. A gateway must then exit with 0 and have no data race
// to report. A Nest service dies of the signal; it must not have gone deaf before.
func (n *node) stop(t *testing.T) {
	t.Helper()
	select {
	case <-n.Ended:
		return
	default:
	}
	n.Cmd.Process.Signal(syscall.SIGTERM)
	if !n.Wait(patience) {
		t.Errorf("SIGTERM does not end the %s on %s", n.kind, n.addr)
		n.Kill()
		return
	}
	said := n.Stdout.String() + n.Stderr.String()
	switch n.kind {
	case "gateway":
		if code := n.Cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the gateway on %s ended with %v:\n%s", n.addr, n.Cmd.ProcessState, n.Stderr.Tail())
		}
		if strings.Contains(said, "DATA RACE") {
			t.Errorf("the race detector reports:\n%s", n.Stderr.String())
		}
	case "nest":
		// What its subscriber says of every message after a malformed one has made it deaf.
		for _, complaint := range []string{"is not iterable", "reading 'value'"} {
			if strings.Contains(said, complaint) {
				t.Errorf("the Nest service on %s is deaf:\n%s", n.addr, n.Stderr.Tail())
			}
		}
	}
}

// lossLine begins a line in which a gateway says that a message may be lost, and suppressed one that stands for many.
var (
	lossLine   = regexp.MustCompile(`msg="message for other servers may be lost"`)
	suppressed = regexp.MustCompile(`message="message for other servers may be lost" suppressed=(\d+)`)
)

// lost returns how many messages a gateway has reported as perhaps lost. It says so of the last when it ends.
func (n *node) lost() int {
	log := n.Stdout.String()
	total := len(lossLine.FindAllString(log, -1))
	for _, match := range suppressed.FindAllStringSubmatch(log, -1) {
		more, _ := strconv.Atoi(match[1])
		total += more
	}
	return total
}

// await waits until a GET of target is answered with a status, and returns the answer and how long that took.
func (n *node) await(t *testing.T, target string, status int) (*wire.Response, time.Duration) {
	t.Helper()
	start := time.Now()
	var response *wire.Response
	if err := n.Await(3*patience, func() bool {
		var err error
		response, err = wire.Get(n.addr, target, time.Second)
		return err == nil && response.Code == status
	}); err != nil {
		t.Fatalf("the %s on %s does not answer %s with %d: %v", n.kind, n.addr, target, status, err)
	}
	return response, time.Since(start)
}
