//go:build linux

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
	"github.com/brunossouza/websocket-escalonavel/bench/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMisuseEndsWithCode2AndSaysWhatThereIs(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-only fanout-w17", "fanout-w16"},
		{"-peers nobody", "nest"},
		{"-only [", "syntax error"},
		{"-rounds -1", "not negative"},
		{"extra", "no arguments"},
		{"-nonsense", "-quick"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(test.args), &stdout, &stderr)
		if code != exitMisuse || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: code %d, %s", test.args, code, stderr.String())
		}
	}
}

func names[T any](all []T, name func(T) string) string {
	var list []string
	for _, v := range all {
		list = append(list, name(v))
	}
	return strings.Join(list, " ")
}

func TestPatternsChooseWorkloadsAndPeers(t *testing.T) {
	b, err := newBenchmark(options{only: "fanout-w1*,churn", peers: "nest,ours"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	workloads := names(b.workloads, func(w *workload.Workload) string { return w.Name })
	peers := names(b.peers, func(p *peer.Peer) string { return p.Name })
	if workloads != "fanout-w1 fanout-w16 churn" || peers != "ours nest" {
		t.Errorf("%q by %q", workloads, peers)
	}
}

func TestThePlansFitTheirTime(t *testing.T) {
	for _, test := range []struct {
		quick bool
		limit time.Duration
	}{{true, 2 * time.Minute}, {false, 30 * time.Minute}} {
		b, err := newBenchmark(options{quick: test.quick}, new(bytes.Buffer))
		if err != nil {
			t.Fatal(err)
		}
		if e := b.estimate(); e <= 0 || e >= test.limit {
			t.Errorf("quick %v: %v", test.quick, e)
		} else {
			t.Logf("quick %v: %v", test.quick, e)
		}
	}
}

func TestOnlyOurOwnFaultsFailTheRun(t *testing.T) {
	w := &workload.Workload{Name: "latency-800"}
	values, overloaded := map[string]float64{}, map[string]float64{"overloaded": 1}
	for _, test := range []struct {
		name   string
		result report.Result
		failed bool
	}{
		{"all is well", report.Result{Peer: ours, Values: values, Owed: 5}, false},
		{"a loss", report.Result{Peer: ours, Values: values, Owed: 5, Missing: 1}, true},
		{"an error", report.Result{Peer: ours, Values: values, Error: "died"}, true},
		{"a rate too high", report.Result{Peer: ours, Values: overloaded, Error: "cannot keep up"}, false},
		{"a loss at such a rate", report.Result{Peer: ours, Values: overloaded, Missing: 1}, true},
		{"somebody else's", report.Result{Peer: "nest", Values: values, Missing: 7, Error: "died"}, false},
	} {
		b := &benchmark{excused: make(map[[2]string]bool)}
		b.judge(w, &test.result)
		if got := len(b.failed) > 0; got != test.failed {
			t.Errorf("%s: failed %v", test.name, b.failed)
		}
	}
}

func TestWhoCannotKeepUpIsSparedMore(t *testing.T) {
	b, err := newBenchmark(options{only: "latency-*", peers: "ours,nest"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	b.settings.Redis = "redis://somewhere"
	third := b.workloads[2]
	b.judge(third, &report.Result{Workload: third.Name, Peer: "nest", Values: map[string]float64{"overloaded": 1}})
	var nest []string
	for _, w := range b.workloads {
		for _, p := range b.peers {
			takes := b.takesPart(w, p)
			if p.Name == ours && !takes {
				t.Errorf("ours is spared %s", w.Name)
			}
			if p.Name == "nest" && takes {
				nest = append(nest, w.Name)
			}
		}
	}
	if want := []string{"latency-10", "latency-50", "latency-100"}; !slices.Equal(nest, want) {
		t.Errorf("nest takes part in %v", nest)
	}
}

func TestALineSaysWhatMatters(t *testing.T) {
	text := line(&report.Result{
		Workload: "fanout-w16", Peer: "ours", Round: 2, Owed: 10, Missing: 3, LoadLimited: true, Error: "two\nlines",
		Values: map[string]float64{
			"deliveries_per_second": 1234567, "cpu_per_delivery": 2.5e-6, "user_each": 0.7e-6, "system_each": 1.8e-6,
			"server_cpu": 0.99,
		},
		Latency: map[string]float64{"p50": 0.001, "p99": 0.0123},
	}, false)
	for _, want := range []string{
		"fanout-w16", "ours", "1234567 deliveries/s", "2.50µs", "(user 0.70  system 1.80)", "server 99%", "p99 12.3ms",
		"LOST 3 of 10", "limit", "ERROR two lines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if strings.Contains(text, "\n") {
		t.Errorf("more than a line: %s", text)
	}
}
