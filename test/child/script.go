package child

// Tests written in JavaScript.

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// scriptTimeout bounds one file of tests.
const scriptTimeout = 2 * time.Minute

// RunScript runs a file of node:test tests with env as its environment and reports each of them as a subtest.
func RunScript(t *testing.T, file string, env ...string) {
	t.Helper()
	needs.NodeJS(t)
	_, here, _, _ := runtime.Caller(0)
	reporter := filepath.Join(filepath.Dir(here), "../js/reporter.mjs")
	p, err := Start(append(Path(), env...), "node", "--test-reporter", "file://"+reporter, file)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if !p.Wait(scriptTimeout) {
		p.Kill()
		t.Fatalf("%s does not end\n%s\n%s", file, p.Stdout.Tail(), p.Stderr.Tail())
	}
	ran, failed := 0, false
	lines := bufio.NewScanner(strings.NewReader(p.Stdout.String()))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var result struct {
			Name    string
			Passed  bool
			Skipped bool
			Error   string
		}
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil || result.Name == "" {
			t.Logf("%s: %s", filepath.Base(file), lines.Text())
			continue
		}
		ran++
		failed = !t.Run(result.Name, func(t *testing.T) {
			if !result.Passed || result.Skipped {
				t.Error(result.Error[:min(len(result.Error), 4000)])
			}
		}) || failed
	}
	if code := p.Cmd.ProcessState.ExitCode(); ran == 0 || (code != 0) != failed {
		t.Errorf("%s ran %d tests and ended with %d:\n%s\n%s", file, ran, code, p.Stdout.Tail(), p.Stderr.Tail())
	}
}

// Control lets a script act on the test: a POST to a path calls the action of that name. It returns the base URL.
func Control(t *testing.T, actions map[string]func() error) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action := actions[r.URL.Path]
		if action == nil || r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		if err := action(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
