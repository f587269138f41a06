package main

// The tables of docs/SCALING.md, in two languages.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// The marks around what is made from a run.
const (
	beginMark = "<!-- scaling: begin, made by bench/model -->\n"
	endMark   = "<!-- scaling: end -->\n"
)

var documents = []report.Document{
	{Name: "SCALING.md", Language: report.English},
	{Name: "pt-BR/SCALING.md", Language: portuguese},
}

// runs are what was measured: what the model is fitted to, what it is checked with, and fetchSockets.
type runs struct{ costs, check, fetch *report.Costs }

// writeDocs puts the tables in their place in all documents of a folder.
func writeDocs(folder string, r *runs, models []*model) error {
	return report.WriteDocuments(folder, documents, beginMark, endMark, func(l report.Language) string {
		return r.tables(models, l)
	})
}

// A writer writes Markdown in a language.
type writer struct {
	report.Language
	strings.Builder
}

func (w *writer) row(cells ...string) { w.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

// head begins a table, with words of what it is about before it.
func (w *writer) head(words string, titles ...string) {
	w.WriteString("\n" + w.Word(words) + "\n\n")
	for i, title := range titles {
		titles[i] = w.Word(title)
	}
	w.row(titles...)
	w.WriteString(strings.Repeat("| --- ", len(titles)) + "|\n")
}

// figure is a number as it is of use: two digits or so.
func (w *writer) figure(v float64) string {
	switch {
	case math.IsInf(v, 0):
		return "–"
	case v >= 100:
		unit := math.Pow(10, math.Floor(math.Log10(v))-1)
		return w.Fixed(math.Round(v/unit)*unit, 0)
	case v >= 10:
		return w.Fixed(v, 0)
	case v >= 0.1 || v == 0:
		return w.Fixed(v, 1)
	}
	return w.Fixed(v, 3)
}

// beyond is a number, unless it is so far from what was measured that no more is known than that it is larger.
func (w *writer) beyond(v, measured float64) string {
	if v > 10*measured {
		return "> " + w.figure(10*measured)
	}
	return w.figure(v)
}

func (w *writer) percent(part float64) string { return w.Fixed(100*part, 0) + "%" }

func (w *writer) names(models []*model, before ...string) []string {
	for _, m := range models {
		before = append(before, m.name)
	}
	return before
}

// tables returns the section of a document.
func (r *runs) tables(models []*model, l report.Language) string {
	w := &writer{Language: l}
	m := r.costs.Machine
	fmt.Fprintf(w, l.Word(introduction)+"\n", r.costs.Date.UTC().Format("2006-01-02"), m.CPU, m.Cores, m.Kernel, m.Go,
		l.Fixed(r.costs.Others, 2), r.check.Date.UTC().Format("2006-01-02"), l.Fixed(r.check.Others, 2))
	w.steps(models)
	w.errors(models, r.check)
	w.full(models)
	w.endings(models)
	w.fetches(r.fetch)
	w.examples(models)
	return w.String()
}

// steps are what each step costs with each adapter.
func (w *writer) steps(models []*model) {
	w.head(costsTitle, w.names(models, "what", "where")...)
	for i, where := range []string{"nodes, µs", "broker, µs", "into the broker, bytes", "out of the broker, bytes"} {
		scale, _ := quantities[i].unit()
		for j, s := range quantities[i].steps {
			cells, any := []string{w.Word(s.name), w.Word(where)}, false
			for _, m := range models {
				f := &m.fits[i]
				cells = append(cells, w.figure(scale*f.each[j])+" ± "+w.figure(scale*f.sigma[j]))
				any = any || scale*f.each[j] >= 0.05
			}
			if any {
				w.row(cells...)
			}
		}
	}
	memory := func(what string, of func(m *model) float64) {
		cells := []string{w.Word(what), w.Word("nodes, KB")}
		for _, m := range models {
			cells = append(cells, w.figure(of(m)/1024))
		}
		w.row(cells...)
	}
	memory("memory of a connection", func(m *model) float64 { return m.connection })
	memory("memory of a node without any", func(m *model) float64 { return m.base })
}

// errors are by how much the model is wrong, in its own run and in the other.
func (w *writer) errors(models []*model, check *report.Costs) {
	w.head(errorsTitle, "adapter", "nodes' CPU, own run", "the other run", "most wrong there", "broker's CPU, own run",
		"the other run", "most wrong there", "bytes out of the broker, the other run")
	for _, m := range models {
		list := m.check(check)
		if len(list) == 0 {
			continue
		}
		w.row(m.name, w.percent(m.fits[0].error), w.percent(wrong(list, 0)), w.worst(list, 0),
			w.percent(m.fits[1].error), w.percent(wrong(list, 1)), w.worst(list, 1), w.percent(wrong(list, 3)))
	}
}

// worst is the row about which the model is most wrong, and by how much.
func (w *writer) worst(list []checked, quantity int) string {
	one := slices.MaxFunc(list, func(a, b checked) int {
		return int(math.Copysign(1, math.Abs(a.relative[quantity])-math.Abs(b.relative[quantity])))
	})
	text := fmt.Sprintf(w.Word("%s, %d nodes"), w.Word(one.What), one.Nodes)
	if one.Room > 0 {
		text += fmt.Sprintf(w.Word(", rooms of %d"), one.Room)
	}
	sign := "+"
	if one.relative[quantity] < 0 {
		sign = ""
	}
	return text + ": " + sign + w.percent(one.relative[quantity])
}

// room is the size of rooms that the tables are about.
const room = 15

// full is how much the broker carries, by the number of nodes.
func (w *writer) full(models []*model) {
	counts := []int{2, 5, 10, 20, 50, 100}
	titles := []string{"adapter"}
	for _, n := range counts {
		titles = append(titles, fmt.Sprintf(w.Word("%d nodes"), n))
	}
	w.head(fmt.Sprintf(w.Word(fullTitle), room), titles...)
	for _, m := range models {
		cells := []string{m.name}
		for _, n := range counts {
			cells = append(cells, w.beyond(m.fullAt(n, room, 1), m.rate))
		}
		w.row(cells...)
	}
}

// What the endings are about.
const (
	manyNodes = 50
	manyUsers = 1_000_000
	// browser is about what a socket with a browser's headers takes in an answer, in bytes.
	browser = 1000
)

// endings are what ends at which number.
func (w *writer) endings(models []*model) {
	w.head(fmt.Sprintf(w.Word(endingsTitle), manyNodes, w.Fixed(manyUsers, 0)), w.names(models, "what")...)
	row := func(what string, of func(m *model) string) {
		cells := []string{w.Word(what)}
		for _, m := range models {
			cells = append(cells, of(m))
		}
		w.row(cells...)
	}
	idle := scenario{users: manyUsers}
	row("memory of a node", func(m *model) string {
		return w.figure(m.usage(idle, manyNodes).memory/1e6) + " MB"
	})
	row("heartbeats of clients: of a core of each node", func(m *model) string {
		return w.percent(m.usage(idle, manyNodes).cpu)
	})
	row("all come at once: cores of all nodes for a minute", func(m *model) string {
		return w.figure(manyUsers * m.nodeCPU().step(connectStep) / 60)
	})
	row("what nodes tell each other, nobody being there: of a core of the broker", func(m *model) string {
		return w.Fixed(100*m.usage(scenario{text: float64(m.text)}, manyNodes).brokerCPU, 1) + "%"
	})
	row("nodes that fill a core of the broker by that", func(m *model) string {
		return w.beyond(m.idleNodes(1), manyNodes)
	})
	row("messages/s that fill a core of the broker", func(m *model) string {
		return w.beyond(m.fullAt(manyNodes, room, 1), m.rate)
	})
	row("bytes/s out of the broker at that", func(m *model) string {
		rate := m.fullAt(manyNodes, room, 1)
		u := m.usage(scenario{users: room, rooms: []talk{{room, rate}}, text: float64(m.text)}, manyNodes)
		return w.figure(u.out/1e6) + " MB"
	})
	row("messages/s of others' rooms that fill a core of a node", func(m *model) string {
		if m.overheard(2, 1) == 0 {
			return "–"
		}
		return w.beyond(m.overhearing(), m.rate)
	})
	row("messages/s past which a node that stood still for a second has lost some", func(m *model) string {
		if m.name != "streams" {
			return "–"
		}
		return w.Fixed(streamLength, 0)
	})
	row("subscriptions to rooms", func(m *model) string {
		if !m.follows {
			return "–"
		}
		return w.figure(manyUsers / room * holders(manyNodes, room))
	})
	row("bytes of a socket in an answer to fetchSockets, as measured", func(m *model) string {
		return w.figure(m.socket)
	})
	row("seconds of a core of all nodes together for one fetchSockets of all", func(m *model) string {
		return w.figure(m.fetchCPU(manyNodes, manyUsers))
	})
	row("bytes out of the broker for one fetchSockets of all, at 1,000 each", func(m *model) string {
		return w.figure(manyUsers*float64(manyNodes-1)/manyNodes*browser/1e9) + " GB"
	})
}

// fetches are what became of fetchSockets for all sockets of five nodes.
func (w *writer) fetches(c *report.Costs) {
	w.head(fetchTitle, "adapter", "clients", "answered after", "bytes into the broker", "bytes out")
	for _, row := range c.Rows {
		if row.What != "fetch" {
			continue
		}
		after := "**" + w.Word("no whole answer") + "**"
		if row.Fetches > 0 && row.Missing == 0 {
			after = w.Fixed(row.Latency, 1) + " s"
		}
		w.row(row.Kind, w.Fixed(float64(row.Clients), 0), after, w.figure(float64(row.BrokerIn)/1e6)+" MB",
			w.figure(float64(row.BrokerOut)/1e6)+" MB")
	}
}

// examples are what the simulator answers.
func (w *writer) examples(models []*model) {
	o, _ := parse(nil, nil) // the defaults
	w.head(fmt.Sprintf(w.Word(examplesTitle), w.Fixed(o.cores, 0), w.Fixed(o.machines.memory/1e9, 0),
		w.percent(o.busy)),
		"users", "messages/s", "rooms of", "adapter", "nodes", "cores of each", "memory of each", "broker", "its cores",
		"out", "ends first", "used of it")
	for _, e := range []struct{ users, messages, room, joins float64 }{
		{20_000, 500, 15, 20}, {200_000, 3000, 15, 100}, {200_000, 3000, 500, 10}, {1_000_000, 20_000, 15, 500},
	} {
		o.scenario = scenario{users: e.users, rooms: []talk{{e.room, e.messages}}, joins: e.joins, text: o.text}
		best := ""
		var answers []*answer
		for _, m := range models {
			answers = append(answers, m.answer(o.scenario, o.machines, 0))
		}
		if b := choose(answers); b != nil {
			best = b.name
		}
		for _, a := range answers {
			name := a.name
			if name == best {
				name = "**" + name + "**"
			}
			cells := []string{w.Fixed(e.users, 0), w.Fixed(e.messages, 0), w.Fixed(e.room, 0), name}
			if a.use.nodes >= o.most {
				w.row(append(cells, "–", "–", "–", "–", "–", "–", w.Word(a.first.what), "–")...)
				continue
			}
			u := a.use
			w.row(append(cells, w.Fixed(float64(u.nodes), 0), w.Fixed(u.cpu, 2), w.figure(u.memory/1e6)+" MB",
				fmt.Sprint(a.parts), w.Fixed(u.brokerCPU, 2), w.Fixed(u.out/1e6, 1)+" MB/s", w.Word(a.first.what),
				w.percent(a.first.part))...)
		}
	}
}
