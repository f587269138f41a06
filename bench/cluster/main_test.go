//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-worker" || os.Args[1] == "-nats") { // this program anew
		main()
	}
	goleak.VerifyTestMain(m)
}

func TestMisuseEndsWithCode2(t *testing.T) {
	for _, args := range []string{
		"-kinds nobody", "-rows nothing", "-rows costs,crowd", "-joins 1", "-joins many", "-clients 10", "-talk 1",
		"extra", "-nonsense",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitMisuse || stderr.Len() == 0 {
			t.Errorf("%s: code %d, %s", args, code, stderr.String())
		}
	}
}

// wholeMachine has the programs of some kinds of node, and all cores for each side.
func wholeMachine(t *testing.T, names string) (*machine, []kind) {
	t.Helper()
	chosen, err := choose(names)
	if err != nil {
		t.Fatal(err)
	}
	cores, err := load.Cores()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{nodes: cores, load: cores}
	if m.programs, err = build(t.Context(), chosen); err != nil {
		t.Fatal(err)
	}
	return m, chosen
}

// All rows at a small size, with real nodes on a real broker: every delivery that is owed arrives, and nobody but the
// clients of a killed node of Node.js loses a session.
func TestMeasure(t *testing.T) {
	m, chosen := wholeMachine(t, "streams,nats,node-streams")
	o := options{
		clients: 150, broadcasts: 2, rates: []float64{200}, talk: 1000, steps: []int{2}, span: 500 * time.Millisecond,
		rows: rowNames,
	}
	r := &results{date: time.Now(), options: o}
	var shown bytes.Buffer
	if err := m.alone(t.Context(), o, r, &shown); err != nil {
		t.Fatal(err)
	}
	for _, k := range chosen {
		of := &ofKind{kind: k}
		r.kinds = append(r.kinds, of)
		if err := m.measure(t.Context(), o, of, &shown); err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		c := of.crowd
		if d := c.broadcasts; d.owed != 300 || d.received != 300 || d.faults != 0 || c.last() <= 0 {
			t.Errorf("%s: %v", k.name, c)
		}
		if c.rooms.owed == 0 || c.rooms.missing() != 0 || c.rooms.p99 < c.rooms.p50 || c.rooms.p50 <= 0 {
			t.Errorf("%s: %v", k.name, c.rooms)
		}
		if s := of.storms[0]; s.join.sent != 100 || s.join.acked != 100 || s.leave.acked != 100 || s.reached != 100 {
			t.Errorf("%s: %v", k.name, s)
		}
		if b := of.bystander; b.owed == 0 || b.missing() != 0 || b.rate < 100 {
			t.Errorf("%s: %v", k.name, b)
		}
		if s := of.steps[0]; s.nodes != 2 || s.owed == 0 || s.missing() != 0 {
			t.Errorf("%s: %v", k.name, s)
		}
		switch {
		case !k.recovers():
		case of.rescue.clients != 30 || k.ours() && (of.rescue.resumed != 30 || of.rescue.missing() != 0):
			t.Errorf("%s: %v", k.name, of.rescue)
		}
	}
	if err := r.failure(); err != nil {
		t.Error(err)
	}
	t.Log(shown.String())
}

// full is a run in which everything was measured.
func full() *results {
	ms := time.Millisecond
	rooms := chatter{deliveries: deliveries{1000, 1000, 0}, rate: 10, took: time.Second, p50: ms, p99: 2 * ms}
	crowdOf := func(clients int, last time.Duration) *crowd {
		return &crowd{
			clients: clients, connecting: time.Second, memory: 2048, lasts: []time.Duration{last},
			broadcasts: deliveries{5000, 5000, 0}, rooms: rooms,
		}
	}
	r := &results{date: time.Unix(0, 0), others: 0.25, alone: crowdOf(500, 10*ms)}
	r.options = options{clients: 1000, steps: []int{1, 5}}
	for _, k := range kinds {
		h := hail{sent: 10, acked: 10, p50: ms, p99: 90 * ms, took: time.Second}
		of := &ofKind{
			kind: k, crowd: crowdOf(1000, 30*ms),
			storms:    []storm{{rate: 20_000, join: h, leave: h, sampled: 1, reached: 1}},
			bystander: &bystander{rate: 24_000, idle: 0.001, busy: 0.02, deliveries: deliveries{9, 9, 0}},
			steps:     []step{{1, rooms}, {5, rooms}},
		}
		if k.recovers() {
			of.rescue = &rescue{deliveries{20_000, 20_000, 0}, 200, 200, ms, ms}
		}
		r.kinds = append(r.kinds, of)
	}
	return r
}

func TestTable(t *testing.T) {
	r := full()
	if err := r.failure(); err != nil {
		t.Error(err)
	}
	docs := t.TempDir()
	if err := os.Mkdir(filepath.Join(docs, "pt-BR"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, p := range documents {
		const old = "before\n" + beginMark + "old\n" + endMark + "after\n"
		if err := os.WriteFile(filepath.Join(docs, p.Name), []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.write(docs); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"PERFORMANCE.md": {
			"Measured on 1970-01-01", "used 0.25 cores",
			"for 1,000 clients: for as many deliveries it would take 20 ms",
			"| ours, NATS | 1,000 | 1,000 | 2.0 KB | 30 ms |", "| at most 2× | pubsub 1.50×, sharded 1.50×,",
			"| ours, sharded Pub/Sub | 20,000 | 1.0 ms | 90 ms |", "| ours, NATS | 24,000 | 2.0% | 0.1% | 0 of 9 |",
			"| at most 100 ms | pubsub 90 ms, sharded 90 ms, streams 90 ms, nats 90 ms | yes |",
			"| ours, streams | 200 | 200 | 1.0 ms | 1.0 ms | 0 of 20,000 |",
		},
		"pt-BR/PERFORMANCE.md": {
			"Medido em 1970-01-01", "usaram 0,25 núcleos", "| nosso, NATS | 24.000 | 2,0% | 0,1% | 0 de 9 |",
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

// What is missing, late, slow or not reached is said, and fails where it is ours.
func TestMissed(t *testing.T) {
	for name, spoil := range map[string]func(k *ofKind){
		"a broadcast":    func(k *ofKind) { k.crowd.broadcasts.received-- },
		"in a room":      func(k *ofKind) { k.crowd.rooms.received-- },
		"a room's order": func(k *ofKind) { k.steps[1].faults++ },
		"an answer":      func(k *ofKind) { k.storms[0].join.acked-- },
		"a new room":     func(k *ofKind) { k.storms[0].reached-- },
		"recovery":       func(k *ofKind) { k.rescue.received-- },
	} {
		r := full()
		spoil(r.kinds[2])
		if table := r.table(report.English); r.failure() == nil || !strings.Contains(table, "**") {
			t.Errorf("%s: %v\n%s", name, r.failure(), table)
		}
		r = full()
		spoil(r.kinds[len(r.kinds)-1]) // Node.js
		if err := r.failure(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for goal, spoil := range map[int]func(k *ofKind){
		0: func(k *ofKind) { k.crowd.broadcasts.received-- },
		1: func(k *ofKind) { k.crowd.lasts[0] *= 2 },
		2: func(k *ofKind) { k.bystander.busy = 0.031 },
		3: func(k *ofKind) { k.storms[0].join.p99 = 101 * time.Millisecond },
	} {
		r := full()
		spoil(r.kinds[1])
		for i, g := range r.goals(report.English) {
			if g.met == (i == goal) {
				t.Errorf("%s: met %v, spoiled %d", g.goal, g.met, goal)
			}
		}
	}
	r := full()
	r.kinds[1].bystander.rate = 20_000 // a bystander of less proves nothing
	r.kinds[6].failed = errors.New("it ended")
	table := r.table(report.English)
	if r.goals(report.English)[2].met || !strings.Contains(table, "sharded 2.0% (20,000/s)") ||
		!strings.Contains(table, "Node.js, redis-streams-adapter could not be measured to the end.") {
		t.Errorf("%s", table)
	}
}

// Both documents have a place for the tables, and every text of them has its Portuguese.
func TestPages(t *testing.T) {
	for _, p := range documents {
		text, err := os.ReadFile(filepath.Join("../../docs", p.Name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), beginMark) || !strings.Contains(string(text), endMark) {
			t.Errorf("%s has no marks round the tables", p.Name)
		}
	}
	r := full()
	r.kinds[0].failed = errors.New("it ended")
	r.kinds[0].storms[0].join.acked--
	r.kinds[0].crowd.rooms.faults++
	table := r.table(portuguese)
	for _, english := range []string{" the ", " of ", "ours", "nodes", "at most", "goal", " yes ", "missing"} {
		if strings.Contains(table, english) {
			t.Errorf("the tables in Portuguese have %q:\n%s", english, table)
		}
	}
}

func TestOffset(t *testing.T) {
	for packet, want := range map[string]string{
		`42["said",{"text":"a"},"1700000000000-0"]`: "1700000000000-0",
		`42["said",{"text":"a"}]`:                   "",
		`42["said"]`:                                "",
		`42[]`:                                      "",
	} {
		if got := lastString([]byte(packet)); got != want {
			t.Errorf("%s: %q", packet, got)
		}
	}
}

// A member that hears a number again, or misses one, is found out.
func TestMember(t *testing.T) {
	loop, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	highest := int64(-1)
	m := &member{loop: loop, highest: &highest}
	say := func(n string) {
		m.packet([]byte(`42["said",{"room":"","text":"~000000000` + n + `000000000000000"},"` + n + `-0"]`))
	}
	m.packet([]byte(`40{"sid":"a","pid":"p"}`))
	say("0")
	say("1")
	highest = 3 // others have heard more
	m.packet([]byte(`40{"sid":"a","pid":"p"}`))
	say("1")
	say("2")
	if !m.resumed || m.repeated != 1 || m.received != 3 || m.caughtAt != 0 || m.offset != "2-0" {
		t.Errorf("%+v", m)
	}
	say("3")
	if m.caughtAt == 0 {
		t.Errorf("%+v", m)
	}
	m.packet([]byte(`40{"sid":"b","pid":"q"}`))
	if m.resumed || m.pid != "q" {
		t.Errorf("%+v", m)
	}
}
