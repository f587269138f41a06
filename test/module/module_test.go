// Package module uses the libraries as another module does: a program outside of this tree imports them.
package module

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everything uses each library.
const everything = `package main

import (
	"fmt"

	"MODULE/adapter"
	"MODULE/engineio"
	"MODULE/socketio"
)

func main() {
	redis, err := adapter.Open("redis://127.0.0.1:1", adapter.Options{})
	if err != nil {
		panic(err)
	}
	io := socketio.NewServer(socketio.Options{
		Path:    "/chat/",
		CORS:    &engineio.CORS{},
		Adapter: redis.PubSub(),
	})
	fmt.Println(io.Of("/").Name(), redis.Name())
}
`

// outside writes a program into a module of its own, which finds ours by replace as others find it by its version. It
// returns a way to run the go command there.
func outside(t *testing.T, program string) (run func(args ...string) string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	// With go.sum no network is needed: what the libraries import is in the module cache since they were first built.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, version := directive(t, string(ours), "module"), directive(t, string(ours), "go")
	for name, text := range map[string]string{
		"go.mod": "module outside.example/program\n\ngo " + version + "\n\n" +
			"require " + path + " v0.0.0\n\nreplace " + path + " => " + root + "\n",
		"go.sum":  string(sums),
		"main.go": strings.ReplaceAll(program, "MODULE", path),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			var stderr []byte
			if exit, ok := err.(*exec.ExitError); ok {
				stderr = exit.Stderr
			}
			t.Fatalf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
		}
		return string(out)
	}
}

// directive is what a go.mod says of its module or go version.
func directive(t *testing.T, gomod, name string) string {
	t.Helper()
	for line := range strings.Lines(gomod) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("go.mod has no line %q", name)
	return ""
}

func TestAProgramOutsideBuilds(t *testing.T) {
	run := outside(t, everything)
	run("vet", ".")
	if said := run("run", "."); said != "/ redis://127.0.0.1:1\n" {
		t.Errorf("the program prints %q", said)
	}
}

// What the gateway and the tests need is no part of a program that uses the libraries.
func TestAProgramOutsideGetsTheLibrariesAlone(t *testing.T) {
	packages := strings.Fields(outside(t, everything)("list", "-deps", "."))
	for _, pkg := range packages {
		for _, foreign := range []string{
			"prometheus", "opentelemetry", "yaml", "goleak", "jwt", "nats", "/gateway", "/public", "/test/",
		} {
			if strings.Contains(pkg, foreign) {
				t.Errorf("%s reaches the program's build", pkg)
			}
		}
	}
	if len(packages) < 50 {
		t.Errorf("go list names %d packages", len(packages))
	}
}

// joined is a program whose servers are joined over NATS.
const joined = `package main

import (
	"fmt"

	"MODULE/adapter/nats"
	"MODULE/socketio"
)

func main() {
	_, err := nats.Open("redis://127.0.0.1:1", nats.Options{})
	io := socketio.NewServer(socketio.Options{})
	fmt.Println(io.Of("/").Name(), err != nil)
}
`

// NATS and Redis are each their own: who takes one does not get the other, and nobody gets a NATS server.
func TestAProgramOnNATSHasNoRedis(t *testing.T) {
	run := outside(t, joined)
	if said := run("run", "."); said != "/ true\n" {
		t.Errorf("the program prints %q", said)
	}
	clients := 0
	for pkg := range strings.FieldsSeq(run("list", "-deps", ".")) {
		for _, foreign := range []string{
			"redis", "nats-server", "prometheus", "goleak", "/gateway", "/test/",
		} {
			if strings.Contains(pkg, foreign) {
				t.Errorf("%s reaches the program's build", pkg)
			}
		}
		if pkg == "github.com/nats-io/nats.go" {
			clients++
		}
	}
	if clients != 1 {
		t.Error("the program has no NATS client")
	}
}

// Who imports socketio alone gets its WebSocket library and little else of others'; the wire format of MessagePack
// brings one more.
func TestAServerAloneNeedsLittle(t *testing.T) {
	const program = `package main

import (
	"MODULE/socketio"
	PARSER
)

func main() { socketio.NewServer(socketio.Options{}) }
`
	gomod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	ours := directive(t, string(gomod), "module")
	for parser, allowed := range map[string][]string{
		"": {"github.com/gobwas/", "golang.org/x/time/"},
		`_ "MODULE/socketio/parser/msgpack"`: {
			"github.com/gobwas/", "golang.org/x/time/", "github.com/tinylib/msgp/", "github.com/philhofer/fwd",
		},
	} {
		found := map[string]bool{}
		run := outside(t, strings.Replace(program, "PARSER", parser, 1))
		const foreignOnly = "{{if not .Standard}}{{.ImportPath}}{{end}}"
		for _, pkg := range strings.Fields(run("list", "-deps", "-f", foreignOnly, ".")) {
			if strings.HasPrefix(pkg, ours) || strings.HasPrefix(pkg, "outside.example") {
				continue
			}
			foreign := true
			for _, prefix := range allowed {
				if strings.HasPrefix(pkg, prefix) {
					foreign, found[prefix] = false, true
				}
			}
			if foreign {
				t.Errorf("%s reaches the build of a server with %q", pkg, parser)
			}
		}
		if len(found) != len(allowed) {
			t.Errorf("with %q: only %v", parser, found)
		}
	}
}

// What only the tests need is no part of the gateway's program.
func TestTheGatewayHasNoTestLibraries(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/gateway")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		for _, foreign := range []string{
			"jsonschema", "goleak", "yaml.in", "nats-server", "/test/", "gatewaytest", "socketiotest",
		} {
			if strings.Contains(pkg, foreign) {
				t.Errorf("%s reaches the gateway's build", pkg)
			}
		}
	}
}

// speaks is a process without a server.
const speaks = `package main

import (
	"context"
	"fmt"

	"MODULE/adapter/emitter"
	"github.com/redis/go-redis/v9"
)

func main() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(emitter.New(client, emitter.Options{}).To("room").Emit(ctx, "hello"))
}
`

// A process that only speaks to the servers' clients has no server in its build.
func TestAnEmitterHasNoServer(t *testing.T) {
	run := outside(t, speaks)
	run("vet", ".")
	if said := run("run", "."); said != "emitter: not sent: context canceled\n" {
		t.Errorf("the program prints %q", said)
	}
	ours := 0
	for pkg := range strings.FieldsSeq(run("list", "-deps", ".")) {
		if strings.Contains(pkg, "gobwas") || strings.Contains(pkg, "prometheus") || pkg == "net/http" ||
			strings.HasSuffix(pkg, "/engineio") || strings.HasSuffix(pkg, "/socketio") {
			t.Errorf("%s reaches the program's build", pkg)
		}
		if strings.Contains(pkg, "websocket-escalonavel/") {
			ours++
		}
	}
	if ours < 3 {
		t.Errorf("the program has %d of our packages", ours)
	}
}

// A client is a small program: it gets neither the server nor what the server needs.
const clientOnly = `package main

import (
	"fmt"

	"MODULE/socketio/client"
)

func main() {
	s, err := client.New("http://127.0.0.1:1/chat", client.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Namespace())
}
`

func TestAClientOutsideGetsNoServer(t *testing.T) {
	run := outside(t, clientOnly)
	if said := run("run", "."); said != "/chat\n" {
		t.Errorf("the program prints %q", said)
	}
	for pkg := range strings.FieldsSeq(run("list", "-deps", ".")) {
		if !strings.Contains(strings.SplitN(pkg, "/", 2)[0], ".") {
			continue // of the standard library
		}
		known := strings.Contains(pkg, "gobwas/") || strings.HasSuffix(pkg, "/socketio/client") ||
			strings.HasSuffix(pkg, "/socketio/parser") || strings.HasSuffix(pkg, "/engineio/client") ||
			strings.Contains(pkg, "/engineio/internal/") || strings.HasSuffix(pkg, "/internal/turns") ||
			pkg == "outside.example/program"
		if !known {
			t.Errorf("%s reaches the client's build", pkg)
		}
	}
}

// The quick start that people copy out of the README is a program that builds, and is formatted.
func TestQuickStart(t *testing.T) {
	const begin, end = "<!-- quick start: begin, checked by test/module -->\n```go\n", "```\n<!-- quick start: end -->"
	for _, name := range []string{"README.md", "README.pt-BR.md"} {
		content, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(content), begin)
		program, _, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Errorf("%s: the marks round the quick start are not there", name)
			continue
		}
		run := outside(t, program)
		run("vet", ".")
		run("build", "-o", os.DevNull, ".")
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "gofmt", "-l", file).CombinedOutput()
		if err != nil || len(out) != 0 {
			t.Errorf("%s: not formatted (%v)", name, err)
		}
	}
}

// bundled serves the client that its go:generate line has brought.
const bundled = `package main

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http/httptest"

	"MODULE/socketio"
)

//go:generate go run MODULE/cmd/clientjs client
//go:embed client
var client embed.FS

func main() {
	bundles, err := fs.Sub(client, "client")
	if err != nil {
		panic(err)
	}
	io := socketio.NewServer(socketio.Options{Client: bundles})
	for _, name := range []string{
		"socket.io.min.js", "socket.io.js.map", "socket.io.esm.min.js", "socket.io.msgpack.min.js",
	} {
		w := httptest.NewRecorder()
		io.ServeHTTP(w, httptest.NewRequest("GET", "/socket.io/"+name, nil))
		fmt.Println(w.Code, w.Header().Get("ETag"), w.Body.Len() > 10_000)
	}
}
`

// TestClientBundlesInOneLine: a program outside gets the browser's client by the line that the documentation has.
func TestClientBundlesInOneLine(t *testing.T) {
	needs.Program(t, "npm")
	run := outside(t, bundled)
	run("generate")
	run("vet", ".")
	if said, want := run("run", "."), strings.Repeat("200 \"4.8.3\" true\n", 4); said != want {
		t.Errorf("the program prints %q, want %q", said, want)
	}
}
