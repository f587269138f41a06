package report

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// example returns a run with three peers and three rounds in which ours reaches every goal and loses nothing.
func example() *Run {
	r := &Run{
		Date: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		Machine: Machine{
			CPU: "Example CPU", Cores: 2, Memory: 8 << 30, Kernel: "6.1.0", Go: "Go 1.26.0", Node: "20.0.0",
		},
		Commit: "abc123",
		Peers: map[string]string{
			ours: "this project", "nest": "NestJS 11", "floor": "one write(2) per recipient and nothing else",
		},
	}
	values := map[string]map[string][3]float64{ // workload, metric: ours, nest, floor
		"fanout-w1":  {"deliveries_per_second": {500e3, 100e3, 200e3}},
		"fanout-w16": {"deliveries_per_second": {2e6, 100e3, 200e3}, "cpu_per_delivery": {0.5e-6, 10e-6, 5e-6}},
		"fanout-w64": {"deliveries_per_second": {4e6, 100e3, 200e3}},
		"fanout-20": {
			"rate": {20, 20, 20}, "deliveries_per_second": {20e3, 20e3, 20e3}, "cpu_per_delivery": {6e-6, 20e-6, 7e-6},
			"p99": {4e-3, 15e-3, 5e-3},
		},
		"rooms-100x10":   {"deliveries_per_second": {900e3, 100e3, 0}},
		"rooms-w16":      {"deliveries_per_second": {900e3, 100e3, 0}},
		"echo-ack":       {"echoes_per_second": {300e3, 30e3, 0}},
		"polling-fanout": {"deliveries_per_second": {50e3, 10e3, 0}},
		"polling-echo":   {"echoes_per_second": {50e3, 10e3, 0}},
		"storm":          {"cpu_per_connection": {50e-6, 500e-6, 0}},
		"storm-proxy":    {"cpu_per_connection": {60e-6, 600e-6, 0}},
		"storm-jwt":      {"jwt_ratio": {1.3, 0, 0}, "jwt_again_ratio": {1.1, 0, 0}},
		"idle-memory": {
			"rss_per_connection": {2600, 25000, 6000},
			"rss_0":              {20e6, 80e6, 8e6}, "rss_5000": {55e6, 205e6, 38e6}, "rss_15000": {125e6, 455e6, 98e6},
		},
		"churn":       {"churn_ratio": {0.95, 0.7, 0}},
		"slow-reader": {"p99_with": {5e-3, 16e-3, 0}, "p99_without": {4.9e-3, 15e-3, 0}, "slow_closed": {1, 0, 0}},
		"startup":     {"seconds_to_first_connect": {0.02, 0.8, 0.005}},
		"two-cores":   {"scaling": {1.6, 0, 1.5}, "scaling_alone": {1.9, 0, 1.8}},
		"latency-10": {
			"rate": {10, 10, 10}, "deliveries_per_second": {10e3, 10e3, 10e3}, "p99": {2e-3, 10e-3, 3e-3},
		},
		"latency-100": {
			"rate": {100, 100, 100}, "deliveries_per_second": {100e3, 80e3, 100e3}, "p99": {3e-3, 2, 6e-3},
		},
		"latency-400": {"rate": {400, 400, 400}, "deliveries_per_second": {400e3, 80e3, 200e3}, "p99": {5e-3, 3, 2}},
	}
	order := []string{
		"fanout-w1", "fanout-w16", "fanout-w64", "fanout-20", "rooms-100x10", "rooms-w16", "echo-ack", "polling-fanout",
		"polling-echo", "storm", "storm-proxy", "storm-jwt", "idle-memory", "churn", "slow-reader", "startup",
		"two-cores", "latency-10", "latency-100", "latency-400",
	}
	for _, workload := range order {
		r.Workloads = append(r.Workloads, Workload{Name: workload, Measures: "What " + workload + " measures."})
		for round := range 3 {
			for i, peer := range []string{ours, "nest", "floor"} {
				result := Result{Workload: workload, Peer: peer, Round: round + 1, Owed: 1000}
				result.Values = make(map[string]float64)
				for metric, v := range values[workload] {
					switch {
					case v[i] == 0 && metric != "slow_closed":
					case metric == "p99":
						result.Latency = map[string]float64{"p99": v[i] * (1 + 0.1*float64(round))}
					case metric == "rate" || metric == "rss_per_connection" || strings.HasPrefix(metric, "slow"):
						result.Values[metric] = v[i]
					default:
						result.Values[metric] = v[i] * (1 + 0.1*float64(round))
					}
				}
				if peer == "nest" && workload == "latency-400" {
					result.Values["overloaded"], result.Error = 1, "cannot keep up; it wrote: something\nlong"
				}
				if len(result.Values) > 0 || len(result.Latency) > 0 {
					r.Results = append(r.Results, result)
				}
			}
		}
	}
	for round := range 3 {
		r.Results = append(r.Results, Result{Workload: "fanout-20", Peer: oursInMemory, Round: round + 1, Owed: 1000,
			Values: map[string]float64{"rate": 20, "cpu_per_delivery": 6e-6 * (1 + 0.1*float64(round))}})
	}
	return r
}

func TestSummaries(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   Summary
	}{
		{nil, Summary{}},
		{[]float64{3}, Summary{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, Summary{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 9}, Summary{3, 1, 9, 4}},
	} {
		if got := summarize(test.values); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.values, got, test.want)
		}
	}
}

// A ratio pairs the results of a round, so a machine that is half as fast in one round changes nothing.
func TestRatioIsTakenWithinARound(t *testing.T) {
	r := &Run{}
	for round, speed := range []float64{1, 0.5, 1} {
		for peer, v := range map[string]float64{ours: 100, "nest": 10} {
			values := map[string]float64{"m": v * speed}
			r.Results = append(r.Results, Result{Workload: "w", Peer: peer, Round: round, Values: values})
		}
	}
	r.Results = append(r.Results,
		Result{Workload: "w", Peer: ours, Round: 7, Values: map[string]float64{"m": 1}}, // without a partner
		Result{Workload: "w", Peer: "nest", Round: 8, Values: map[string]float64{"m": 1}, Error: "broken"},
		Result{Workload: "w", Peer: ours, Round: 8, Values: map[string]float64{"m": 1}})
	if got, want := r.ratio("w", ours, "nest", "m"), (Summary{10, 10, 10, 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The example reaches all goals. Each change makes it miss exactly those that are named.
func TestGoals(t *testing.T) {
	for _, v := range example().Goals() {
		if !v.Met || !v.Measured {
			t.Errorf("not met: %+v", v)
		}
	}
	for _, v := range (&Run{}).Goals() {
		if v.Met || v.Measured {
			t.Errorf("met by nothing: %+v", v)
		}
	}
	change := func(workload, metric string, v float64) func(*Result) {
		return func(r *Result) {
			if r.Workload == workload && r.Peer == ours {
				r.Values[metric] = v
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Result)
		missed []string
	}{
		{"as slow as Nest", change("fanout-w16", "deliveries_per_second", 150e3), []string{
			"fan-out to 1,000, 16 in flight: deliveries against the best peer",
			"fan-out to 1,000, 16 in flight: deliveries against the floor",
		}},
		{"too much memory", change("idle-memory", "rss_per_connection", 2765), []string{
			"15,000 idle: memory per connection",
		}},
		{"disturbed by a slow reader", change("slow-reader", "p99_with", 7e-3), []string{
			"p99 of 1,000 clients with a slow reader among them, against without"}},
		{"a slow reader kept once", func(r *Result) {
			if r.Workload == "slow-reader" && r.Peer == ours && r.Round == 2 {
				r.Values["slow_closed"] = 0
			}
		}, []string{"the slow reader is closed at its limit"}},
		{"one message lost", func(r *Result) {
			if r.Workload == "echo-ack" && r.Peer == ours && r.Round == 3 {
				r.Missing = 1
			}
		}, []string{"no message lost and no error, in all workloads"}},
		{"another's loss", func(r *Result) { r.Missing += int64(len(r.Peer) - len(ours)) }, []string{}},
		{"overload at the end of the plot", func(r *Result) {
			if r.Workload == "latency-400" {
				r.Values["overloaded"], r.Error = 1, "cannot keep up"
			}
		}, []string{}},
	} {
		r := example()
		for i := range r.Results {
			if r.Results[i].Peer == ours || test.name == "another's loss" {
				test.change(&r.Results[i])
			}
		}
		missed := []string{}
		for _, v := range r.Goals() {
			if !v.Met {
				missed = append(missed, v.Goal)
			}
		}
		if !slices.Equal(missed, test.missed) {
			t.Errorf("%s: missed %q, want %q", test.name, missed, test.missed)
		}
	}
}

// The best peer is a Socket.IO server of others that has delivered everything. Ours is compared without Redis where the
// peer has none.
func TestTheBestPeer(t *testing.T) {
	add := func(r *Run, peer string, round int, deliveries float64, missing int64, err string) {
		r.Results = append(r.Results, Result{
			Workload: "fanout-w16", Peer: peer, Round: round, Missing: missing, Error: err,
			Values: map[string]float64{"deliveries_per_second": deliveries, "cpu_per_delivery": 1 / deliveries},
		})
	}
	r := &Run{}
	for round, speed := range []float64{1, 0.5, 1} {
		for peer, v := range map[string]float64{
			ours: 2800, oursInMemory: 3000, "ours-backend": 900, "floor": 500, "centrifuge": 800, // no rivals
			"nest": 100, "nest12": 110, "uws": 200, "bun": 150,
		} {
			add(r, peer, round, v*speed, 0, "")
		}
		add(r, "loses", round, 600, int64(round/2), "")
		add(r, "fails", round, 700, 0, []string{"", "died", ""}[round])
	}
	for metric := range map[string]bool{"deliveries_per_second": true, "cpu_per_delivery": true} {
		if got := r.best("fanout-w16", metric); got != "uws" {
			t.Errorf("by %s the best is %q", metric, got)
		}
	}
	v := r.judge(goals[0])
	if v.Against != "uws" || !v.InMemory || v.Got != (Summary{15, 15, 15, 3}) || !v.Met {
		t.Errorf("%+v", v)
	}
	if table := r.Table(); !strings.Contains(table, "| uws, both without Redis ") {
		t.Errorf("the table does not name the best peer:\n%s", table)
	}
	// Where the best one has a Redis, so has ours.
	r.Results = slices.DeleteFunc(r.Results, func(result Result) bool {
		return result.Peer == "uws" || result.Peer == "bun"
	})
	if v := r.judge(goals[0]); v.Against != "nest12" || v.InMemory || math.Abs(v.Got.Median-2800.0/110) > 1e-9 {
		t.Errorf("%+v", v)
	}
	r.Results = slices.DeleteFunc(r.Results, func(result Result) bool { return strings.HasPrefix(result.Peer, "nest") })
	if v := r.judge(goals[0]); v.Against != "" || v.Measured || v.Met {
		t.Errorf("with nobody to compare with: %+v", v)
	}
}

// Every goal, column and plot names a declared metric and has a Portuguese text.
func TestDeclarations(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range metrics {
		if seen[m.Name] || m.Title == "" || m.Unit == "" || m.Better == 0 {
			t.Errorf("%+v is declared twice or not whole", m)
		}
		seen[m.Name] = true
	}
	words := []string{"server", "lost", "goal", "against", "bound", "measured", "met", "at least", "at most",
		"this project", "%s, both without Redis",
		"no message lost and no error, in all workloads", "one write(2) per recipient and nothing else"}
	for _, g := range goals {
		words = append(words, g.text)
		if m, _ := metricNamed(g.metric); g.peer == best && m.Better == Neither {
			t.Errorf("%s: no peer is the best by %s", g.text, g.metric)
		}
		if !seen[g.metric] || g.to != "" && !seen[g.to] || (g.atLeast == 0) == (g.atMost == 0) {
			t.Errorf("%+v has metrics that are not declared, or not one bound", g)
		}
	}
	for _, c := range columns {
		words = append(words, c.title)
		if !seen[c.metric] {
			t.Errorf("%s: %s is not declared", c.title, c.metric)
		}
	}
	for _, p := range plots {
		words = append(words, p.title)
		for _, b := range p.bars {
			if !seen[b.metric] {
				t.Errorf("%s: %s is not declared", p.file, b.metric)
			}
		}
	}
	for _, w := range words {
		if Portuguese.words[w] == "" {
			t.Errorf("%q has no Portuguese", w)
		}
	}
	for from, to := range Portuguese.words {
		if strings.Count(from, "%") != strings.Count(to, "%") {
			t.Errorf("%q and %q differ in their verbs", from, to)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		v          float64
		unit       Unit
		english    string
		portuguese string
	}{
		{2_345_678, PerSecond, "2,345,678/s", "2.345.678/s"},
		{999.6, PerSecond, "1,000/s", "1.000/s"},
		{12.34, PerSecond, "12.3/s", "12,3/s"},
		{0.0000086, Seconds, "8.60 µs", "8,60 µs"},
		{0.0123, Seconds, "12.3 ms", "12,3 ms"},
		{2.5, Seconds, "2.50 s", "2,50 s"},
		{7000, Bytes, "6.84 KB", "6,84 KB"},
		{300 << 20, Bytes, "300 MB", "300 MB"},
		{0.4, Times, "0.400×", "0,400×"},
		{0, PerSecond, "0/s", "0/s"},
		{-0.5, Times, "-0.500×", "-0,500×"},
		{-1234, Times, "-1,234×", "-1.234×"},
		{1, YesNo, "yes", "sim"},
		{0, YesNo, "no", "não"},
		{math.Inf(1), Times, "–×", "–×"},
	} {
		if got := English.number(test.v, test.unit); got != test.english {
			t.Errorf("%v %s: %q, want %q", test.v, test.unit, got, test.english)
		}
		if got := Portuguese.number(test.v, test.unit); got != test.portuguese {
			t.Errorf("%v %s: %q, want %q", test.v, test.unit, got, test.portuguese)
		}
	}
	if got := English.spread(Summary{8.6e-6, 8e-6, 900e-6, 3}, Seconds); got != "8.60 µs (8.00–900)" {
		t.Errorf("a spread is %q, which should have one unit", got)
	}
}

func TestTable(t *testing.T) {
	r := example()
	r.Results[1].Missing, r.Results[1].LoadLimited = 25, true // nest in fanout-w1
	r.Absent = []Absence{
		{Peer: "bun", Reason: "is not here: no such program"},
		{Workload: "two-cores", Peer: "nest", Reason: "uses one core"},
		{Workload: "two-cores", Peer: "zishang520-v3", Reason: "closes its clients"},
		{Workload: "two-cores", Peer: "uws", Reason: "uses one core"},
	}
	table := r.Table()
	for _, want := range []string{
		"Commit abc123, Example CPU, 2 cores, 8.00 GB of memory, Linux 6.1.0, Go 1.26.0, Node 20.0.0.",
		"lost 25 of 3,000; the load was the limit",
		"2,200,000/s (2,000,000–2,400,000)",
		"ours: deliveries",       // compared by throughput
		"ours: CPU per delivery", // fanout-20: the load sets the pace
		"cannot keep up",         // without what the server wrote
		"20.0× (20.0–20.0)",
		"\nLeft out: bun (is not here: no such program).\n\n## fanout-w1\n",
		"\nLeft out: nest, uws (uses one core); zishang520-v3 (closes its clients).\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if strings.Contains(table, "something") {
		t.Error("the table has what a server wrote")
	}
	for i := range r.Results {
		r.Results[i].Missing++
	}
	if !strings.Contains(r.Table(), "| **no**") {
		t.Error("a goal that is missed does not stand out")
	}
}

// The table says if the machine was busy with something else, which makes its figures worthless.
func TestDisturbance(t *testing.T) {
	for _, test := range []struct {
		values map[string]float64
		want   bool
	}{
		{map[string]float64{"deliveries_per_second": 1, "server_cpu": 0.3, "load_cpu": 0.3}, true},
		{map[string]float64{"echoes_per_second": 1, "server_cpu": 0.3, "load_cpu": 0.3}, true},
		{map[string]float64{"deliveries_per_second": 1, "server_cpu": 0.5, "load_cpu": 0.5}, false},
		{map[string]float64{"deliveries_per_second": 1, "rate": 20, "server_cpu": 0.1, "load_cpu": 0.1}, false},
		{map[string]float64{"rss_per_connection": 1, "server_cpu": 0.1, "load_cpu": 0.1}, false},
	} {
		r := Result{Values: test.values}
		if got := strings.Contains(remarks([]Result{r}), "not quiet"); got != test.want {
			t.Errorf("%v: %v, want %v", test.values, got, test.want)
		}
	}
}

// A run that is written, read and written again stays the same, and its pictures are well-formed.
func TestWriteAndLoad(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	if _, err := Load(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a run: %v", err)
	}
	if err := example().Write(first); err != nil {
		t.Fatal(err)
	}
	r, err := Load(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(second); err != nil {
		t.Fatal(err)
	}
	compareFolders(t, first, second)
	for _, p := range plots {
		svg, err := os.Open(filepath.Join(first, p.file))
		if err != nil {
			t.Fatal(err)
		}
		defer svg.Close()
		elements := make(map[string]int)
		for d := xml.NewDecoder(svg); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", p.file, err)
			}
			if start, ok := token.(xml.StartElement); ok {
				elements[start.Name.Local]++
			}
		}
		if want := 3; p.lines != nil && elements["polyline"] != want || p.bars != nil && elements["rect"] != 9 {
			t.Errorf("%s has the elements %v", p.file, elements)
		}
	}
}

func TestThisMachine(t *testing.T) {
	needs.Program(t, "node")
	m := ThisMachine()
	known := m.CPU != "" && m.Kernel != "" && m.Node != "" && strings.HasPrefix(m.Go, "Go 1.")
	if !known || m.Cores < 1 || m.Memory < 1<<20 {
		t.Errorf("%+v", m)
	}
}
