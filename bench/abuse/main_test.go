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
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/test/abuse"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-attack" { // measure starts this program anew
		main()
	}
	goleak.VerifyTestMain(m)
}

func TestMisuseEndsWithCode2(t *testing.T) {
	for _, args := range []string{"-only nobody", "-only [", "-rounds 0", "extra", "-nonsense"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitMisuse || stderr.Len() == 0 {
			t.Errorf("%s: code %d, %s", args, code, stderr.String())
		}
	}
}

// A whole measurement of ours, with a real attack.
func TestMeasure(t *testing.T) {
	rows, err := choose("page of another origin")
	if err != nil {
		t.Fatal(err)
	}
	p := peer.All()[1]
	if p.Name != ours {
		t.Fatal(p.Name)
	}
	if err := peer.Prepare(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	cores, err := load.Cores()
	if err != nil {
		t.Fatal(err)
	}
	m, err := measure(t.Context(), p, rows[0], cores[len(cores)-1:])
	if err != nil {
		t.Fatal(err)
	}
	t.Log(m)
	if m.lost > 0 || m.missing > 0 || m.ended || m.peak == 0 || m.quiet.p99 <= 0 || m.under.p99 < m.under.p50 {
		t.Errorf("%+v", m)
	}
	if m.did["answered 403"] == 0 && m.trouble == "" {
		t.Errorf("the attack did %v", m.did)
	}
}

// What not everybody has heard counts, unless it is lost clients that have not.
func TestConversation(t *testing.T) {
	const second = int64(time.Second)
	to := load.NewRecorder()
	to.Until = second
	c := &conversation{said: []utterance{{at: 0, to: to}, {at: second / 2, to: to}}}
	for i := range goodClients {
		c.heard(i, 0, second/10)
		if i != 3 {
			c.heard(i, 1, second)
		}
	}
	c.heard(0, 5, second) // of no message that there is
	if n := c.missing(); n != 1 || to.Count() != 1 || timesOf(to).max.Round(time.Millisecond) != 100*time.Millisecond {
		t.Errorf("missing %d, recorded %d, %v", n, to.Count(), timesOf(to))
	}
	c.lost = 1 << 3
	if n := c.missing(); n != 0 {
		t.Errorf("missing %d", n)
	}
}

func TestTable(t *testing.T) {
	ms := time.Millisecond
	r := &results{date: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), rows: []abuse.Row{{Number: "1", Name: "a"}}}
	r.add("a", ours, &measurement{quiet: times{p99: ms}, under: times{p99: 2 * ms}, peak: 30e6})
	r.add("a", node, &measurement{quiet: times{p99: ms}, under: times{p99: 9 * ms}, lost: 50, missing: 2, ended: true})
	want := "| 1 | a | 1.00 ms | 2.00 ms | 2.0 | 1.00 ms | 9.00 ms | 9.0 | 0 / the server (2 messages) | 30 MB / – |\n"
	if got := r.table(); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := r.failure(); err != nil {
		t.Error(err)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.write(page); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(page)
	if got := string(content); err != nil || got != "before\n"+beginMark+r.table()+endMark+"after\n" {
		t.Errorf("%v: %s", err, got)
	}
	r.add("a", ours, &measurement{quiet: times{p99: ms}, under: times{p99: 5 * ms}, lost: 1})
	if got := r.table(); !strings.Contains(got, "| **5.0** |") || r.failure() == nil {
		t.Errorf("%v: %s", r.failure(), got)
	}
}
