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
	docs := t.TempDir()
	if err := os.Mkdir(filepath.Join(docs, "pt-BR"), 0o700); err != nil {
		t.Fatal(err)
	}
	const old = "before\n" + beginMark + "old\n" + endMark + "after\n"
	for _, p := range documents {
		if err := os.WriteFile(filepath.Join(docs, p.Name), []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.write(docs); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"PERFORMANCE.md": {
			"Measured on 1970-01-01", "| emit | 9,001 | 50.0 µs | 20,000 requests/s |",
			"a room of 1,000 clients on 3 nodes, 20 a second", "| sent by the API | 12.00 µs (1.20×) |",
			"| at least 10,000/s | 9,001/s | **no** |", "| at most 1.10× | 1.20× | **no** |",
		},
		"pt-BR/PERFORMANCE.md": {
			"Medido em 1970-01-01", "| emit | 9.001 | 50,0 µs | 20.000 requisições/s |",
			"uma sala de 1.000 clientes em 3 nós, 20 por segundo", "| enviada pela API | 12,00 µs (1,20×) |",
			"| pelo menos 10.000/s | 9.001/s | **não** |", "| no máximo 1,10× | 1,20× | **não** |",
		},
	} {
		text, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(wants, "before\n", "after\n") {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		if strings.Contains(string(text), "old") || strings.Contains(string(text), "%!") {
			t.Errorf("%s has the old table, or a verb too many:\n%s", name, text)
		}
	}
}

// Both documents have a place for the table, and every text of it has its Portuguese.
func TestPages(t *testing.T) {
	for _, p := range documents {
		text, err := os.ReadFile(filepath.Join("../../docs", p.Name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), beginMark) || !strings.Contains(string(text), endMark) {
			t.Errorf("%s has no marks round the table", p.Name)
		}
	}
	r := &results{date: time.Unix(0, 0)}
	r.delivery("inside", time.Microsecond)
	r.delivery("api", time.Microsecond)
	for _, what := range calls() {
		r.request(what, 1, time.Second)
	}
	portuguese := r.table(portuguese)
	for _, english := range []string{"request", " with ", " of ", " the ", "sent", "at least", "goal", " yes "} {
		if strings.Contains(portuguese, english) {
			t.Errorf("the table in Portuguese has %q:\n%s", english, portuguese)
		}
	}
}
