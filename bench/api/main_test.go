//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMisuseEndsWithCode2(t *testing.T) {
	for _, args := range []string{"-rounds 0", "extra", "-nonsense"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitMisuse || stderr.Len() == 0 {
			t.Errorf("%s: code %d, %s", args, code, stderr.String())
		}
	}
}

// Each call is accepted by a real node.
func TestCalls(t *testing.T) {
	p, err := ours(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cores, err := load.Cores()
	if err != nil {
		t.Fatal(err)
	}
	n, err := start(t.Context(), p, "", cores)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	for _, what := range calls() {
		c, err := dial(n.api)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(3) {
			if err := c.do(what, i); err != nil {
				t.Errorf("%s: %v", what.name, err)
			}
		}
		c.conn.Close()
	}
}

func TestTable(t *testing.T) {
	r := &results{date: time.Unix(0, 0)}
	for i := range 3 {
		r.request(calls()[0], float64(9000+i), 50*time.Microsecond)
		r.delivery("inside", 10*time.Microsecond)
		r.delivery("api", 12*time.Microsecond)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.write(page); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n", "after\n", "| emit | 9001 | 50.0 µs | 20000 requests/s |", "| sent by the API | 12.00 µs (1.20×) |",
		"| 9001/s | **no** |", "| at most 1.10× | 1.20× | **no** |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Error("the old table is left")
	}
}
