package test

// Runs tests that are written in JavaScript, because they use the real clients, and reports each as a Go subtest.

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

// runNode runs a file of node:test tests with variables in its environment.
func runNode(t *testing.T, file string, env ...string) {
	t.Helper()
	reporter, err := filepath.Abs("js/reporter.mjs")
	if err != nil {
		t.Fatal(err)
	}
	c, err := startChild(env, "node", "--test-reporter", "file://"+reporter, file)
	if err != nil {
		t.Fatal(err)
	}
	code, err := c.wait(2 * time.Minute)
	if err != nil {
		c.kill()
		t.Fatalf("%s: %v\n%s\n%s", file, err, c.stdout.tail(), c.stderr.tail())
	}
	ran := 0
	lines := bufio.NewScanner(strings.NewReader(c.stdout.String()))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var result struct {
			Name    string
			Passed  bool
			Skipped bool
			Error   string
		}
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil || result.Name == "" {
			t.Logf("%s: %s", file, lines.Text())
			continue
		}
		ran++
		t.Run(result.Name, func(t *testing.T) {
			if !result.Passed || result.Skipped {
				t.Error(result.Error[:min(len(result.Error), 4000)])
			}
		})
	}
	if ran == 0 || (code != 0) != t.Failed() {
		t.Errorf("%s ran %d tests and ended with %d:\n%s\n%s", file, ran, code, c.stdout.tail(), c.stderr.tail())
	}
}

// controlServer lets a JavaScript test stop and start a service: POST /stop and POST /start.
func controlServer(t *testing.T, tg *target) string {
	t.Helper()
	actions := map[string]func() error{"/stop": tg.stop, "/start": tg.start}
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
