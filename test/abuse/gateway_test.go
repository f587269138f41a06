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
	out, err := exec.Command("go", "build", "-trimpath", "-o", path, "../../cmd/gateway").CombinedOutput()
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

// startNode starts a gateway as in production, alone unless the settings ("NAME=value") say otherwise. With files it
// has no more descriptors than those.
func startNode(t *testing.T, files int, settings ...string) *node {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{addr: freeaddr.Need(t)}
	_, port, _ := strings.Cut(n.addr, ":")
	env := append(child.Path(), "NODE_ENV=production", "ADAPTER=memory", "HOST=127.0.0.1", "PORT="+port,
		"GOMEMLIMIT=900MiB", "DRAIN_DELAY=0", "DRAIN_WINDOW=0", "SHUTDOWN_TIMEOUT=2s")
	program := []string{path}
	if files > 0 {
		program = []string{"sh", "-c", fmt.Sprintf("ulimit -n %d && exec %s", files, path)}
	}
	if n.process, err = child.Start(append(env, settings...), program[0], program[1:]...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.process.Stop(10 * time.Second)
		if t.Failed() {
			t.Logf("the gateway's log:\n%s\n%s", n.process.Stdout.Tail(), n.process.Stderr.Tail())
		}
	})
	err = n.process.Await(patience, func() bool {
		response, err := wire.Get(n.addr, "/readyz", time.Second)
		return err == nil && response.Code == 200
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A usage is what a gateway takes: memory and kernel memory in MB, goroutines and descriptors.
type usage struct{ resident, kernel, goroutines, files int }

func (u usage) String() string {
	return fmt.Sprintf("resident %d MB, kernel %d MB, goroutines %d, files %d",
		u.resident, u.kernel, u.goroutines, u.files)
}

// max has the greater of each.
func (u usage) max(v usage) usage {
	return usage{max(u.resident, v.resident), max(u.kernel, v.kernel), max(u.goroutines, v.goroutines),
		max(u.files, v.files)}
}

var (
	residentPattern = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
	socketPattern   = regexp.MustCompile(`TCP: .* mem (\d+)`)
)

// usage asks the kernel, and the gateway for its goroutines. Those are 0 if it does not answer.
func (n *node) usage() (usage, error) {
	proc := fmt.Sprintf("/proc/%d/", n.process.Cmd.Process.Pid)
	resident, err := number(proc+"status", residentPattern)
	if err != nil {
		return usage{}, err
	}
	pages, err := number("/proc/net/sockstat", socketPattern)
	if err != nil {
		return usage{}, err
	}
	files, err := os.ReadDir(proc + "fd")
	u := usage{resident: resident >> 10, kernel: pages * os.Getpagesize() >> 20, files: len(files)}
	if value, metricErr := n.metric("go_goroutines"); metricErr == nil {
		u.goroutines = int(value)
	}
	return u, err
}

// metric is a value that the gateway tells Prometheus.
func (n *node) metric(name string) (float64, error) {
	response, err := wire.Get(n.addr, "/metrics", patience)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(response.Body), "\n"+name+" ")
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(value, 64)
}

// number finds a number in a file of the kernel's.
func number(path string, pattern *regexp.Regexp) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	m := pattern.FindSubmatch(b)
	if m == nil {
		return 0, fmt.Errorf("%s has no %s", path, pattern)
	}
	return strconv.Atoi(string(m[1]))
}

// A peak is the most that a gateway took while it was watched.
type peak struct {
	stop chan struct{}
	done chan usage
}

// watch looks again and again until top is asked for.
func (n *node) watch() *peak {
	const every = 100 * time.Millisecond
	p := &peak{stop: make(chan struct{}), done: make(chan usage)}
	go func() {
		var most usage
		for {
			if u, err := n.usage(); err == nil {
				most = most.max(u)
			}
			select {
			case <-p.stop:
				p.done <- most
				return
			case <-time.After(every):
			}
		}
	}()
	return p
}

func (p *peak) top() usage {
	close(p.stop)
	return <-p.done
}
