// Package backends starts the backends of examples/ as processes, for tests that put a gateway in front of them.
package backends

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// Secret is what the gateway and its backend have in common.
const Secret = "a secret of the tests"

// A Backend is a process that can be killed, and started again at the same address.
type Backend struct {
	URL string // for BACKEND_URL

	addr    string
	program string
	args    []string
	process *child.Process
}

// Gateway is the environment of a gateway in front of it.
func (b *Backend) Gateway() []string {
	// An answer may repeat the largest message that a client may send (MAX_PAYLOAD).
	return []string{
		"SERVICE=backend", "BACKEND_URL=" + b.URL, "BACKEND_SECRET=" + Secret,
	}
}

// Start starts it, and waits until it answers.
func (b *Backend) Start() (err error) {
	host, port, err := net.SplitHostPort(b.addr)
	if err != nil {
		return err
	}
	env := append(child.Path(), "HOST="+host, "PORT="+port, "BACKEND_SECRET="+Secret, "NO_COLOR=1")
	if b.process, err = child.Start(env, b.program, b.args...); err != nil {
		return err
	}
	return b.process.Await(time.Minute, func() bool {
		conn, err := net.Dial("tcp", b.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Kill ends it at once.
func (b *Backend) Kill() { b.process.Kill() }

// Said is what it has printed.
func (b *Backend) Said() string { return b.process.Stdout.String() + b.process.Stderr.String() }

func start(t testing.TB, program string, args ...string) *Backend {
	t.Helper()
	addr := freeaddr.Need(t)
	b := &Backend{URL: "http://" + addr + "/events", addr: addr, program: program, args: args}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Kill()
		if t.Failed() {
			t.Logf("the backend has printed:\n%s", b.Said())
		}
	})
	return b
}

// examples is the folder of the examples, tests that of these tests.
func examples() string { return filepath.Join(tests(), "../examples") }

func tests() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(here))
}

// Python starts examples/backend-python, where there is a Python.
func Python(t testing.TB) *Backend {
	t.Helper()
	needs.Program(t, "python3")
	return start(t, "python3", filepath.Join(examples(), "backend-python/main.py"))
}

// Go starts a built examples/backend-go.
func Go(t testing.TB, binary string) *Backend {
	t.Helper()
	return start(t, binary)
}

// A Nest is examples/backend-nest, compiled. The zero value is ready for use.
type Nest struct {
	once sync.Once
	err  error
	dir  string
}

// Start starts one. What it compiles once, into a folder of the temporary ones, Remove removes.
func (n *Nest) Start(t testing.TB) *Backend {
	t.Helper()
	needs.NodeJS(t)
	n.once.Do(func() { n.err = n.compile() })
	if n.err != nil {
		t.Fatal(n.err)
	}
	return start(t, "node", filepath.Join(n.dir, "dist/main.js"))
}

// compile has the TypeScript compiler of test/js check and translate a copy of the example, beside the packages of
// test/js.
func (n *Nest) compile() (err error) {
	if n.dir, err = os.MkdirTemp("", "backend-nest-"); err != nil {
		return err
	}
	source := filepath.Join(examples(), "backend-nest")
	for _, name := range []string{"main.ts", "signature.ts", "package.json", "tsconfig.json"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(n.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	packages := filepath.Join(tests(), "js/node_modules")
	if err := os.Symlink(packages, filepath.Join(n.dir, "node_modules")); err != nil {
		return err
	}
	said, err := exec.Command("node", filepath.Join(packages, "typescript/bin/tsc"), "-p", n.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("examples/backend-nest does not compile: %w\n%s", err, said)
	}
	return nil
}

// Remove removes what has been compiled.
func (n *Nest) Remove() {
	if n.dir != "" {
		os.RemoveAll(n.dir)
	}
}
