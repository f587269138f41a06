package soak

// The gateways that are watched.

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience is how long a gateway or a client may take for what must happen. It is not a measure of anything.
const patience = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(fleet.Run(m)) }

// A program is a way to build the gateway.
type program struct {
	name string
	path string
	race bool // with the race detector
}

// build builds the gateway with the race detector, where that can be had, and as it is shipped. The detector remembers
// more the longer it runs, so what a gateway takes of the machine's memory is to be seen without it.
func build(t *testing.T) []program {
	t.Helper()
	dir := t.TempDir()
	programs := []program{
		{"with the race detector", filepath.Join(dir, "race"), true},
		{"as shipped", filepath.Join(dir, "shipped"), false},
	}
	flags := map[bool][]string{true: needs.Race()}
	if flags[true] == nil {
		t.Log("there is no C compiler, and so no race detector")
		programs[0].race = false
	}
	for _, p := range programs {
		if err := child.Build(p.path, "../../cmd/gateway", flags[p.race]...); err != nil {
			t.Fatal(err)
		}
	}
	return programs
}

// A node is a gateway.
type node struct {
	program
	addr    string
	process *child.Process
}

// startNode starts a gateway. What clients abandon ends within half a minute, so that there is soon as much of it as
// there will ever be.
func startNode(t *testing.T, p program, redis string, settings []string) *node {
	t.Helper()
	n := &node{program: p, addr: freeaddr.Need(t)}
	_, port, _ := net.SplitHostPort(n.addr)
	env := append(child.Path(),
		"HOST=127.0.0.1", "PORT="+port, "REDIS_URL="+redis, "LOG_LEVEL=warn", "PING_INTERVAL=10s", "PING_TIMEOUT=20s",
		"CONNECT_TIMEOUT=10s", "UPGRADE_TIMEOUT=5s", "DRAIN_DELAY=0", "DRAIN_WINDOW=1s")
	var err error
	if n.process, err = child.Start(append(env, settings...), p.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.process.Kill)
	if err := n.process.Await(patience, n.ready); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) ready() bool {
	response, err := wire.Get(n.addr, "/readyz", patience)
	return err == nil && response.Code == 200
}

// races are the race detector's reports, "" where there are none.
func (n *node) races() string {
	report := n.process.Stderr.String()
	if i := strings.Index(report, "WARNING: DATA RACE"); i >= 0 {
		return report[i:min(len(report), i+4000)]
	}
	return ""
}

// stop ends the gateway as an operator does, and says what was wrong with it.
func (n *node) stop() error {
	ended := n.process.Stop(patience)
	if report := n.races(); report != "" {
		return fmt.Errorf("%s: %s", n.name, report)
	}
	if state := n.process.Cmd.ProcessState; !ended || !state.Success() {
		return fmt.Errorf("%s ended with %v:\n%s\n%s", n.name, state, n.process.Stdout.Tail(), n.process.Stderr.Tail())
	}
	return nil
}

// sample reads what the gateway holds.
func (n *node) sample(at time.Duration) (sample, error) {
	response, err := wire.Get(n.addr, "/metrics", patience)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", n.name, err)
	}
	s := sample{at: at}
	for name, to := range map[string]*float64{
		"process_resident_memory_bytes": &s.resident, "go_memstats_heap_inuse_bytes": &s.heap,
		"go_goroutines": &s.goroutines, "process_open_fds": &s.descriptors, "gateway_sessions": &s.sessions,
	} {
		if *to, err = metric(response.Body, name); err != nil {
			return s, fmt.Errorf("%s: %w", n.name, err)
		}
	}
	return s, nil
}

// metric finds a value in what Prometheus gets; those of one name with several labels are added up.
func metric(text []byte, name string) (sum float64, err error) {
	found := false
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if base, _, _ := bytes.Cut(key, []byte("{")); string(base) != name {
			continue
		}
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return sum, nil
}
