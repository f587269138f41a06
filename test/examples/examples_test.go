// Package examples runs the programs of examples/ and talks to them with the real socket.io-client.
package examples

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// folder is where the examples are, frameworks that of those in a module of their own.
const (
	folder     = "../../examples"
	frameworks = folder + "/frameworks"
)

// binaries holds the examples that are tested here, built; TestMain removes it.
var binaries string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "examples-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	defer nestBackend.Remove()
	if err := child.Build(binaries+string(filepath.Separator), folder+"/...", needs.Race()...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return fleet.Run(m)
}

// start starts an example and waits until it listens. The test's end ends it. It returns its URL.
func start(t *testing.T, name string, flags ...string) string {
	t.Helper()
	_, url := process(t, name, flags...)
	return url
}

// process is start for a test that has to do with the process.
func process(t *testing.T, name string, flags ...string) (p *child.Process, url string) {
	t.Helper()
	addr := freeaddr.Need(t)
	p, err := child.Start(child.Path(), filepath.Join(binaries, name), append([]string{"-addr", addr}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.Stop(20 * time.Second) {
			t.Errorf("SIGTERM does not end %s", name)
		}
		if said := p.Stderr.String(); strings.Contains(said, "DATA RACE") {
			t.Errorf("the race detector reports of %s:\n%s", name, said)
		} else if t.Failed() {
			t.Logf("%s says:\n%s", name, said)
		}
	})
	if err := p.Await(30*time.Second, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}); err != nil {
		t.Fatal(err)
	}
	return p, "http://" + addr
}

// drive runs the example's script against it.
func drive(t *testing.T, name, url string, env ...string) {
	t.Helper()
	env = append(env, "CLIENT=4.8.3", "TRANSPORT=default", "URL="+url)
	child.RunScript(t, "../js/examples/"+name+".test.mjs", env...)
}

func TestExamples(t *testing.T) {
	for name, flags := range map[string][]string{
		"hello":    nil,
		"rooms":    nil,
		"acks":     {"-timeout", "1s"},
		"recovery": nil,
		"adapter":  nil,
		"presence": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs.NodeJS(t)
			drive(t, name, start(t, name, flags...))
		})
	}
}

// TestJWT has tokens that are signed here.
func TestJWT(t *testing.T) {
	needs.NodeJS(t)
	const secret = "a secret of the test"
	drive(t, "jwt", start(t, "jwt", "-secret", secret), "SECRET="+secret)
}

// TestSessions has a second server, whose sessions are short.
func TestSessions(t *testing.T) {
	needs.NodeJS(t)
	drive(t, "sessions", start(t, "sessions"), "SHORT="+start(t, "sessions", "-lifetime", "2s"))
}

// TestGraceful stops the server under its clients.
func TestGraceful(t *testing.T) {
	needs.NodeJS(t)
	p, url := process(t, "graceful", "-drain", "100ms")
	control := child.Control(t, map[string]func() error{
		"/terminate": func() error { return p.Cmd.Process.Signal(syscall.SIGTERM) },
	})
	drive(t, "graceful", url, "CONTROL="+control)
	if !p.Wait(20*time.Second) || p.Cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("it ended with %v", p.Cmd.ProcessState)
	}
	if said := p.Stderr.String(); strings.Count(said, ": server shutting down") != 3 {
		t.Errorf("three clients were let go; it says:\n%s", said)
	}
}

// TestTransport has a client that speaks lines, on a port of its own.
func TestTransport(t *testing.T) {
	needs.NodeJS(t)
	lines := freeaddr.Need(t)
	drive(t, "transport", start(t, "transport", "-lines", lines), "LINES_PORT="+lines[strings.LastIndex(lines, ":")+1:])
}

// TestFrameworks has the server among the routes of others' routers.
func TestFrameworks(t *testing.T) {
	needs.NodeJS(t)
	flags := append([]string{"-C", frameworks}, needs.Race()...)
	if err := child.Build(binaries+string(filepath.Separator), "./...", flags...); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gin", "echo", "chi"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drive(t, "frameworks", start(t, name))
		})
	}
}

// TestRedis has two servers on one Redis.
func TestRedis(t *testing.T) {
	needs.NodeJS(t)
	redis := fleet.StartRedis(t)
	one := start(t, "redis", "-redis", redis.URL(), "-drain", "100ms")
	other := start(t, "redis", "-redis", redis.URL(), "-drain", "100ms")
	drive(t, "redis", one, "OTHER="+other)
}

// TestWebTransport has a real Chromium, because Node.js has no WebTransport.
func TestWebTransport(t *testing.T) {
	needs.NodeJS(t)
	const chromium = "/usr/bin/chromium"
	needs.Program(t, chromium)
	child.RunScript(t, "../js/examples/webtransport.test.mjs",
		"URL="+start(t, "webtransport"), "CHROMIUM="+chromium)
}

// TestNodes has two servers that pass on each other's requests, and a balancer that knows nothing of sessions.
func TestNodes(t *testing.T) {
	needs.NodeJS(t)
	redis := fleet.StartRedis(t)
	flags := []string{"-redis", redis.URL(), "-drain", "100ms"}
	nodes := []string{start(t, "nodes", flags...), start(t, "nodes", flags...)}
	var turn atomic.Int64
	balancer := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", strings.TrimPrefix(nodes[turn.Add(1)%2], "http://")
		},
		FlushInterval: -1,
	})
	t.Cleanup(balancer.Close)
	drive(t, "nodes", balancer.URL, "ONE="+nodes[0], "OTHER="+nodes[1])
}

// TestEmitter has a server, and a backend that speaks to its clients through Redis, and says when it cannot.
func TestEmitter(t *testing.T) {
	needs.NodeJS(t)
	redis := fleet.StartRedis(t)
	server := start(t, "redis", "-redis", redis.URL(), "-drain", "100ms")
	backend := start(t, "emitter", "-redis", redis.URL())
	drive(t, "emitter", server, "BACKEND="+backend)
	redis.Kill()
	answer, err := http.Post(backend+"/events/said", "application/json", strings.NewReader("1"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without Redis the backend answers %d", answer.StatusCode)
	}
}

// Every example is tested, here or beside it, says in its first lines how to run it, and stands in the README files.
func TestAllExamples(t *testing.T) {
	for _, name := range subfolders(t, folder) {
		switch name { // backend_test.go drives these
		case "backend-go":
			isShown(t, "examples/"+name, "go run ./examples/"+name)
			continue
		case "backend-nest":
			isLinked(t, "examples/"+name+"/main.ts")
			continue
		case "backend-python":
			isLinked(t, "examples/"+name+"/main.py")
			continue
		}
		_, beside := os.Stat(filepath.Join(folder, name, "main_test.go"))
		if _, here := os.Stat("../js/examples/" + name + ".test.mjs"); here != nil && beside != nil {
			t.Errorf("no test drives %s: %v, %v", name, here, beside)
		}
		if name != "frameworks" {
			isShown(t, "examples/"+name, "go run ./examples/"+name)
		}
	}
	for _, name := range subfolders(t, frameworks) {
		isShown(t, "examples/frameworks/"+name, "cd examples/frameworks && go run ./"+name)
	}
}

func subfolders(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	if len(names) < 3 {
		t.Errorf("there are %d examples in %s", len(names), folder)
	}
	return names
}

// isShown checks that an example says how it is run, and that both README files lead to it.
func isShown(t *testing.T, example, how string) {
	t.Helper()
	root := filepath.Dir(folder)
	source, err := os.ReadFile(filepath.Join(root, example, "main.go"))
	if err != nil {
		t.Error(err)
		return
	}
	doc, _, _ := strings.Cut(string(source), "package main")
	if !strings.HasPrefix(doc, "// Command "+path.Base(example)+" ") || !strings.Contains(doc, how) {
		t.Errorf("the doc comment of %s does not say what it is and how to run it:\n%s", example, doc)
	}
	isLinked(t, example+"/main.go")
}

// isLinked checks that both README files lead to an example's file.
func isLinked(t *testing.T, file string) {
	t.Helper()
	for _, name := range []string{"README.md", "README.pt-BR.md"} {
		readme, err := os.ReadFile(filepath.Join(filepath.Dir(folder), name))
		if err != nil || !strings.Contains(string(readme), "("+file+")") {
			t.Errorf("%s does not lead to %s (%v)", name, file, err)
		}
	}
}
