// Package module uses the libraries as another module does: a program outside of this tree imports them.
package module

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
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
		Options: engineio.Options{Path: "/chat/"},
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
		for _, foreign := range []string{"prometheus", "yaml", "goleak", "/gateway", "/public", "/test/"} {
			if strings.Contains(pkg, foreign) {
				t.Errorf("%s reaches the program's build", pkg)
			}
		}
	}
	if len(packages) < 50 {
		t.Errorf("go list names %d packages", len(packages))
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
			strings.Contains(pkg, "/engineio/internal/") || pkg == "outside.example/program"
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
