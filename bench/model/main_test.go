package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// known are costs that a made-up cluster has, by step; the first two are those of nodes and broker in seconds, the
// others bytes.
var known = [4]map[string]float64{
	{
		"a node, a second": 500e-6, "a heartbeat of a client": 14e-6, connectStep: 70e-6,
		"a node is woken": 150e-6, "a message of a client": 100e-6,
		"a message of another node, for rooms here": 40e-6, "one for other rooms": 2e-6, "a delivery": 10e-6,
		"a room that begins or ends": 20e-6, "a socket that is fetched": 5e-6, answerStep: 50e-6,
	},
	{
		"the broker, a second": 1e-3, "a node, a second": 200e-6, "for each other node, a second": 2e-6,
		wokenStep: 80e-6, writesStep: 6e-6, "a message": 5e-6, "a node that gets it": 1e-6,
		"a node's subscription to a room": 8e-6, socketStep: 1e-6,
	},
	{"a node, a second": 150, "a message": 200, "a node's subscription to a room": 30, socketStep: 400},
	{"a node, a second": 120, "for each other node, a second": 40, "a node that gets it": 220,
		socketStep: 400},
}

// madeUp is what such a cluster is measured with, each figure wrong by a normal error of this size, and in rooms so
// many times as many messages.
func madeUp(noise float64, times int64) *report.Costs {
	c := &report.Costs{Text: 64}
	random := rand.New(rand.NewPCG(1, 2))
	sizes := []report.Cost{
		{What: "idle", Nodes: 1}, {What: "idle", Nodes: 5}, {What: "idle", Nodes: 25}, {What: "idle", Nodes: 50},
		{What: "idle", Nodes: 1, Clients: 5000, Pings: 5000}, {What: "idle", Nodes: 5, Clients: 10_000, Pings: 10_000},
	}
	for _, n := range []int{1, 2, 5} {
		sizes = append(sizes, report.Cost{What: "connect", Nodes: n, Clients: 5000, Connects: 5000, Room: 15},
			report.Cost{What: "all", Nodes: n, Clients: 5000, Messages: 5, Deliveries: 25_000},
			report.Cost{What: "fetch", Nodes: n, Clients: 5000, Fetches: 8},
			report.Cost{What: "join", Nodes: n, Joins: int64(5000 * n)},
			report.Cost{What: "leave", Nodes: n, Leaves: 9000})
	}
	for _, n := range []int{1, 2, 5, 8, 25} {
		for _, room := range []int{3, 15, 50} {
			for _, messages := range []int64{1000 * times, 5000 * times, 20_000 * times} {
				sizes = append(sizes, report.Cost{What: "rooms", Nodes: n, Room: room, Messages: messages,
					Deliveries: messages * int64(room)})
			}
		}
		for _, messages := range []int64{10_000, 50_000} {
			sizes = append(sizes, report.Cost{What: "talk", Nodes: n, Messages: messages},
				report.Cost{What: "talk", Nodes: n, Messages: messages, Room: n, Deliveries: messages * int64(n)})
		}
	}
	for _, a := range adapters {
		for _, row := range sizes {
			row.Kind, row.Seconds, row.NodeMemory = a.name, 5, int64(row.Nodes)*20<<20
			row.Memory = 3000 * row.Connects
			w := workOf(a, row)
			var found [4]float64
			for i, q := range quantities {
				f := fitted{quantity: q, moment: q.moments[len(q.moments)/2]}
				for _, s := range q.steps {
					f.each = append(f.each, known[i][s.name])
				}
				found[i] = f.of(&w) * (1 + noise*random.NormFloat64())
			}
			row.NodeCPU, row.BrokerCPU = found[0], found[1]
			row.BrokerIn, row.BrokerOut = int64(found[2]), int64(found[3])
			c.Rows = append(c.Rows, row)
		}
	}
	return c
}

func mustFit(t *testing.T, c *report.Costs) []*model {
	t.Helper()
	models, err := fitAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(models) != len(adapters) {
		t.Fatalf("%d models", len(models))
	}
	return models
}

// What costs are known is found again, exactly from exact figures, and within its error from others.
func TestFit(t *testing.T) {
	for _, noise := range []float64{0, 0.03} {
		for _, m := range mustFit(t, madeUp(noise, 1)) {
			for i, f := range m.fits {
				if f.error > 1.1*noise+1e-3 {
					t.Errorf("%s, %s: error %.4f of %.2f", m.name, f.name, f.error, noise)
				}
				for j, s := range f.steps {
					want := known[i][s.name]
					if s.name == "a node's subscription to a room" && !m.follows ||
						s.name == "one for other rooms" && m.overheard(2, 1) == 0 {
						want = 0 // it has none of these
					}
					if within := 5*f.sigma[j] + 1e-3*want + noise*want + 1e-9; math.Abs(f.each[j]-want) > within {
						t.Errorf("noise %.2f: %s, %s: %s: %g, want %g ± %g", noise, m.name, f.name, s.name,
							f.each[j], want, within)
					}
				}
			}
			if math.Abs(m.connection-3000) > 1 || math.Abs(m.base-20<<20) > 1 {
				t.Errorf("%s: %g bytes of a connection, %g of a node", m.name, m.connection, m.base)
			}
		}
	}
}

// The model is right about sizes that it has not seen.
func TestCheck(t *testing.T) {
	unseen := madeUp(0, 3)
	for _, m := range mustFit(t, madeUp(0.02, 1)) {
		list := m.check(unseen)
		if len(list) != len(unseen.Rows)/len(adapters) {
			t.Errorf("%s: %d rows", m.name, len(list))
		}
		for i, q := range quantities {
			if e := wrong(list, i); e > 0.05 {
				t.Errorf("%s, %s: wrong by %.3f", m.name, q.name, e)
			}
		}
	}
	var out bytes.Buffer
	showCheck(mustFit(t, unseen), unseen, &out)
	showFits(mustFit(t, unseen), &out)
	for _, want := range []string{"pubsub: root mean square", "µs  a delivery", "bytes of a connection"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// How each adapter's messages grow with the number of nodes: what the code of the adapters does.
func TestGrowth(t *testing.T) {
	for _, c := range []struct {
		adapter           string
		n, k              float64
		copies, overheard float64
	}{
		{"pubsub", 50, 15, 50, 35},
		{"sharded", 50, 15, 15, 0},
		{"streams", 50, 15, 50, 35},
		{"nats", 50, 15, 14, 0},
		{"pubsub", 1, 1, 1, 0},
		{"nats", 1, 1, 0, 0},
	} {
		a, ok := adapterOf(c.adapter)
		if !ok || a.copies(c.n, c.k) != c.copies || a.overheard(c.n, c.k) != c.overheard {
			t.Errorf("%s with %v nodes: %v copies, %v overheard", c.adapter, c.n, a.copies(c.n, c.k),
				a.overheard(c.n, c.k))
		}
		w := work{nodes: c.n}
		w.say(a, 2, c.k, 30)
		if w.messages != 2 || w.copies != 2*c.copies || w.received != 2*(c.k-1) || w.deliveries != 30 {
			t.Errorf("%s: %+v", c.adapter, w)
		}
		w.fetch(3, 100)
		if w.sockets != 300 || math.Abs(w.answered-300*(c.n-1)/c.n) > 1e-9 {
			t.Errorf("%s: %+v", c.adapter, w)
		}
	}
	for _, c := range []struct{ n, room, want float64 }{
		{1, 15, 1}, {5, 1, 1}, {2, 2, 1.5}, {10, 1e6, 10}, {50, 15, 50 * (1 - math.Pow(0.98, 15))},
	} {
		if got := holders(c.n, c.room); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("a room of %v is on %v of %v nodes, want %v", c.room, got, c.n, c.want)
		}
	}
}

// More nodes never make a broker cheaper, and the number at which it is full is where it is.
func TestLimits(t *testing.T) {
	for _, m := range mustFit(t, madeUp(0, 1)) {
		before := math.Inf(1)
		for _, n := range []int{1, 2, 5, 10, 50, 100} {
			rate := m.fullAt(n, 15, 1)
			u := m.usage(scenario{users: 15, rooms: []talk{{15, rate}}, text: 64}, n)
			if math.Abs(u.brokerCPU-1) > 0.01 || rate > before {
				t.Errorf("%s, %d nodes: full at %.0f, where it uses %.3f; with less nodes at %.0f", m.name, n, rate,
					u.brokerCPU, before)
			}
			before = rate
		}
		// 5 µs for each socket, and 50 for one of another node.
		if s := m.fetchCPU(5, 1000); math.Abs(s-0.045) > 1e-4 {
			t.Errorf("%s: %v s for 1000 sockets of 5 nodes", m.name, s)
		}
	}
	if x := upTo(100, func(x float64) float64 { return x * x }); math.Abs(x-10) > 1 {
		t.Errorf("the root is %v", x)
	}
}

// The answer to a question, as it is printed.
func TestAnswer(t *testing.T) {
	folder := t.TempDir()
	costs := filepath.Join(folder, "costs.json")
	if err := report.WriteCosts(costs, madeUp(0, 1)); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string]string{
		"rooms":   "-users 200000 -messages 3000 -room 15 -joins 100",
		"million": "-users 1000000 -rooms 15:20000,500:100 -all 0.1 -connects 500 -connections 50000",
		"fixed":   "-users 100000 -nodes 3 -adapter sharded",
		"fetch":   "-users 200000 -fetches 0.1 -adapter pubsub",
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"-costs", costs}, strings.Fields(args)...), &stdout, &stderr)
		got := fmt.Sprintf("model %s\n\n%s%sexit code %d\n", args, &stdout, &stderr, code)
		golden := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	for _, args := range []string{
		"-users 0", "-room 0", "-rooms 15", "-rooms x:1", "-adapter memory", "-busy 2", "-nodes -1", "-text -1",
		"-cores 0", "nothing", "docs", "fit twice", "-nonsense",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(strings.Fields(args), &stdout, &stderr); code != exitMisuse || stderr.Len() == 0 {
			t.Errorf("%s: code %d, %s", args, code, stderr.String())
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-costs", filepath.Join(folder, "none")}, &stdout, &stderr); code != exitFailed {
		t.Errorf("without a run: code %d, %s", code, stderr.String())
	}
}

// The documents have a place for the tables, and every text of them has its Portuguese.
func TestDocs(t *testing.T) {
	c := madeUp(0.02, 1)
	models := mustFit(t, c)
	for _, p := range documents {
		text, err := os.ReadFile(filepath.Join("../../docs", filepath.FromSlash(p.Name)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := report.Between(string(text), beginMark, endMark, ""); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	docs := t.TempDir()
	if err := os.Mkdir(filepath.Join(docs, "pt-BR"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, p := range documents {
		old := []byte("before\n" + beginMark + "old\n" + endMark + "after\n")
		if err := os.WriteFile(filepath.Join(docs, p.Name), old, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeDocs(docs, &runs{c, c, c}, models); err != nil {
		t.Fatal(err)
	}
	for _, p := range documents {
		text, err := os.ReadFile(filepath.Join(docs, p.Name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "old\n") || strings.Contains(string(text), "%!") ||
			!strings.Contains(string(text), "| pubsub |") {
			t.Errorf("%s:\n%s", p.Name, text)
		}
		if p.Language.Word("nodes") == "nodes" {
			continue
		}
		for _, english := range []string{" the ", " of ", " node ", "nodes", "a second", "ends", "users", "fetched"} {
			if strings.Contains(string(text), english) {
				t.Errorf("%s has %q:\n%s", p.Name, english, text)
			}
		}
	}
}
