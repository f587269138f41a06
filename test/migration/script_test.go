package migration

// Runs tests that are written in JavaScript, because they use real clients and browsers, and reports each as a Go subtest.

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runScript runs a file of node:test tests, with variables in its environment.
func runScript(t *testing.T, file string, env ...string) {
	t.Helper()
	reporter, err := filepath.Abs("../js/reporter.mjs")
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, append(path(), env...), "node", "--test-reporter", "file://"+reporter, file)
	if !p.wait(2 * time.Minute) {
		p.kill()
		t.Fatalf("%s does not end\n%s\n%s", file, p.stdout.tail(), p.stderr.tail())
	}
	ran, failed := 0, false
	lines := bufio.NewScanner(strings.NewReader(p.stdout.String()))
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
	if code := p.cmd.ProcessState.ExitCode(); ran == 0 || (code != 0) != failed {
		t.Errorf("%s ran %d tests and ended with %d:\n%s\n%s", file, ran, code, p.stdout.tail(), p.stderr.tail())
	}
}

// controlServer lets a script do things here, by POST to their paths.
func controlServer(t *testing.T, actions map[string]func()) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action := actions[r.URL.Path]
		if action == nil || r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		action()
	}))
	t.Cleanup(server.Close)
	return server.URL
}
