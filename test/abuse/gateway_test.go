package abuse

// The gateway as it is shipped, in a process of its own: what an attack costs is read from the kernel.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A node is a gateway that is attacked.
type node struct {
	addr    string
	process *child.Process
}

// binary builds the gateway once, without the race detector, whose memory is not what is to be measured.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "abuse-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gateway")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/gateway").CombinedOutput()
	if err != nil {
		err = errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return path, err
})

// removeBinary is for TestMain.
func removeBinary() {
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
}

// startNode starts a gateway that stands alone, as in production, with further settings ("NAME=value").
func startNode(t *testing.T, settings ...string) *node {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := freeaddr.Find()
	if err != nil {
		t.Fatal(err)
	}
	port := regexp.MustCompile(`\d+$`).FindString(addr)
	env := append(child.Path(), "NODE_ENV=production", "ADAPTER=memory", "HOST=127.0.0.1", "PORT="+port,
		"GOMEMLIMIT=900MiB", "DRAIN_DELAY=0", "DRAIN_WINDOW=0", "SHUTDOWN_TIMEOUT=2s")
	n := &node{addr: addr}
	if n.process, err = child.Start(append(env, settings...), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.process.Stop(10 * time.Second)
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", n.process.Stdout.Tail())
		}
	})
	listening := await.Until(patience, func() bool {
		response, err := wire.Do(addr, wire.Request{Method: "GET", Target: "/readyz"}, time.Second)
		return err == nil && response.Code == 200
	})
	if !listening {
		t.Fatal("the gateway does not listen")
	}
	return n
}

var residentPattern = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident is the memory that the gateway has, in MB.
func (n *node) resident(t *testing.T) int {
	t.Helper()
	return number(t, fmt.Sprintf("/proc/%d/status", n.process.Cmd.Process.Pid), residentPattern) >> 10
}

var socketPattern = regexp.MustCompile(`TCP: .* mem (\d+)`)

// kernelMemory is what all TCP sockets of this machine hold, in MB.
func kernelMemory(t *testing.T) int {
	t.Helper()
	return number(t, "/proc/net/sockstat", socketPattern) * os.Getpagesize() >> 20
}

// metric is a value that the gateway tells Prometheus, as it stands in the answer.
func (n *node) metric(t *testing.T, name string) string {
	t.Helper()
	response, err := wire.Do(n.addr, wire.Request{Method: "GET", Target: "/metrics"}, patience)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(response.Body), "\n"+name+" ")
	if !found {
		t.Fatalf("there is no metric %s", name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// number finds a number in a file of the kernel's.
func number(t *testing.T, path string, pattern *regexp.Regexp) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err) // this is no Linux
	}
	m := pattern.FindSubmatch(b)
	if m == nil {
		t.Fatalf("%s has no %s", path, pattern)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A peak is the most that something was while it was watched.
type peak struct {
	stop chan struct{}
	done chan int
}

// watch reads a figure until top is asked for.
func watch(t *testing.T, read func(*testing.T) int) *peak {
	p := &peak{stop: make(chan struct{}), done: make(chan int)}
	go func() {
		most := 0
		for {
			most = max(most, read(t))
			select {
			case <-p.stop:
				p.done <- most
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return p
}

func (p *peak) top() int {
	close(p.stop)
	return <-p.done
}
