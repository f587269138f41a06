//go:build linux

package main

// The results as tables, and where they are written.

import (
	"fmt"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// The marks around the tables in a document.
const (
	beginMark = "<!-- cluster: begin, made by bench/cluster -->\n"
	endMark   = "<!-- cluster: end -->\n"
)

var documents = []report.Document{
	{Name: "PERFORMANCE.md", Language: report.English},
	{Name: "pt-BR/PERFORMANCE.md", Language: portuguese},
}

// none stands where nothing was measured.
const none = "–"

// A writer writes Markdown in a language.
type writer struct {
	report.Language
	strings.Builder
}

func (w *writer) row(cells ...string) { w.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

// head begins a table.
func (w *writer) head(titles ...string) {
	w.WriteString("\n")
	for i, title := range titles {
		titles[i] = w.Word(title)
	}
	w.row(titles...)
	w.WriteString(strings.Repeat("| --- ", len(titles)) + "|\n")
}

func milliseconds(l report.Language, d time.Duration) string {
	places := 0
	if d < 10*time.Millisecond {
		places = 1
	}
	return l.Fixed(d.Seconds()*1e3, places) + " ms"
}

func (w *writer) ms(d time.Duration) string { return milliseconds(w.Language, d) }

// each is CPU for each of so many.
func (w *writer) each(cpu time.Duration, count int64) string {
	return w.Fixed(cpu.Seconds()*1e6/float64(max(count, 1)), 2) + " µs"
}

// cores is CPU as busy cores.
func (w *writer) cores(cpu, took time.Duration) string {
	return w.Fixed(cpu.Seconds()/took.Seconds(), 2)
}

// lacks is how many deliveries are missing, in bold if any is.
func (w *writer) lacks(d deliveries) string {
	text := w.Fixed(float64(d.missing()), 0)
	if d.missing() != 0 {
		text = "**" + text + "**"
	}
	text += " " + w.Word("of") + " " + w.Fixed(float64(d.owed), 0)
	if d.faults > 0 {
		text += ", **" + w.Fixed(float64(d.faults), 0) + "** " + w.Word("twice or out of order")
	}
	return text
}

// table returns the section of a document.
func (r *results) table(l report.Language) string {
	w := &writer{Language: l}
	m := r.machine
	fmt.Fprintf(w, l.Word(introduction)+"\n", r.date.UTC().Format("2006-01-02"), m.CPU, m.Cores, m.Kernel, m.Go, m.Node,
		l.Fixed(r.others, 2))
	r.crowds(w)
	r.stormed(w)
	r.bystanders(w)
	r.stepped(w)
	r.rescues(w)
	if goals := r.goals(l); len(goals) > 0 {
		w.head("goal", "bound", "measured", "met")
		for _, g := range goals {
			var measured []string
			for _, of := range g.measured {
				measured = append(measured, of.kind+" "+of.value)
			}
			w.row(l.Word(g.goal), l.Word(g.bound), strings.Join(measured, ", "), l.Yes(g.met))
		}
	}
	for _, k := range r.kinds {
		if k.failed != nil {
			fmt.Fprintf(w, "\n"+l.Word("%s could not be measured to the end.")+"\n", l.Word(k.title))
		}
	}
	return w.String()
}

func (r *results) crowds(w *writer) {
	if r.alone == nil {
		return
	}
	w.head("nodes", "clients", "connections/s", "memory of each", "the last has a broadcast after", "CPU of a delivery",
		"missing", "messages/s in rooms", "p50", "p99", "CPU of a delivery", "missing")
	row := func(title string, c *crowd) {
		cells := []string{
			w.Word(title), w.Fixed(float64(c.clients), 0), w.Fixed(float64(c.clients)/c.connecting.Seconds(), 0),
			w.Fixed(float64(c.memory)/1024, 1) + " KB", w.ms(c.last()), w.each(c.broadcast.nodes, c.broadcasts.owed),
			w.lacks(c.broadcasts), none, none, none, none, none,
		}
		if rooms := c.rooms; rooms.took > 0 {
			cells = append(cells[:7], w.Fixed(rooms.rate, 0), w.ms(rooms.p50), w.ms(rooms.p99),
				w.each(rooms.spent.nodes, rooms.owed), w.lacks(rooms.deliveries))
		}
		w.row(cells...)
	}
	row("one node of ours, in memory", r.alone)
	for _, k := range r.kinds {
		if k.crowd != nil {
			row(k.title, k.crowd)
		}
	}
	if r.alone.clients < r.options.clients {
		fmt.Fprintf(w, "\n"+w.Word(scaled)+"\n", w.Fixed(float64(r.options.clients), 0), w.ms(r.aloneTime()))
	}
}

func (r *results) stormed(w *writer) {
	begun := false
	for _, k := range r.kinds {
		for _, s := range k.storms {
			if !begun {
				w.head("nodes", "joins of new rooms/s", "p50", "p99", "p99 of leaving",
					"cores of nodes, broker, load", "the load itself was late by (p99)",
					"rooms heard from elsewhere after")
				begun = true
			}
			acked := ""
			if s.join.acked < s.join.sent {
				acked = fmt.Sprintf(" (**%d** "+w.Word("without an answer")+")", s.join.sent-s.join.acked)
			}
			reached := w.ms(s.behind)
			if s.reached < s.sampled {
				reached = fmt.Sprintf("**%d** %s %d", s.reached, w.Word("of"), s.sampled)
			}
			w.row(w.Word(k.title), w.Fixed(s.rate, 0), w.ms(s.join.p50), w.ms(s.join.p99)+acked, w.ms(s.leave.p99),
				w.cores(s.join.spent.nodes, s.join.took)+", "+w.cores(s.join.spent.broker, s.join.took)+", "+
					w.cores(s.join.spent.load, s.join.took), w.ms(s.join.late), reached)
		}
	}
}

func (r *results) bystanders(w *writer) {
	begun := false
	for _, k := range r.kinds {
		b := k.bystander
		if b == nil {
			continue
		}
		if !begun {
			w.head("bystander", "messages/s of others", "of a core", "without them", "missing elsewhere")
			begun = true
		}
		w.row(w.Word(k.title), w.Fixed(b.rate, 0), w.Fixed(100*b.busy, 1)+"%", w.Fixed(100*b.idle, 1)+"%",
			w.lacks(b.deliveries))
	}
}

func (r *results) stepped(w *writer) {
	begun := false
	for _, k := range r.kinds {
		if len(k.steps) == 0 {
			continue
		}
		if !begun {
			title := fmt.Sprintf(w.Word(stepTitle), w.Fixed(stepRate, 0), perRoom)
			titles := []string{title}
			for _, n := range r.options.steps {
				titles = append(titles, fmt.Sprint(n))
			}
			w.head(append(titles, "missing")...)
			begun = true
		}
		cells := []string{w.Word(k.title)}
		var d deliveries
		for i := range r.options.steps {
			if i >= len(k.steps) {
				cells = append(cells, none)
				continue
			}
			s := k.steps[i]
			cells = append(cells, w.each(s.spent.nodes, s.owed)+" + "+w.each(s.spent.broker, s.owed))
			d.add(s.deliveries)
		}
		w.row(append(cells, w.lacks(d))...)
	}
}

func (r *results) rescues(w *writer) {
	begun := false
	for _, k := range r.kinds {
		c := k.rescue
		if c == nil {
			continue
		}
		if !begun {
			w.head("a node is killed (SIGKILL)", "its clients", "sessions resumed", "the last is back after",
				"and has what it missed after", "missing, of all clients")
			begun = true
		}
		caughtUp := none
		if c.resumed > 0 {
			caughtUp = w.ms(c.caughtUp)
		}
		w.row(w.Word(k.title), w.Fixed(float64(c.clients), 0), w.Fixed(float64(c.resumed), 0), w.ms(c.back), caughtUp,
			w.lacks(c.deliveries))
	}
}

// write puts the tables in their place in all documents of a folder.
func (r *results) write(folder string) error {
	return report.WriteDocuments(folder, documents, beginMark, endMark, r.table)
}
