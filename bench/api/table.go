//go:build linux

package main

// The results as a table, and where it is written.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// What it is to reach.
const (
	goalRate  = 10_000 // requests a second on one core
	goalRatio = 1.1    // of a delivery's cost to that of one sent inside
)

// results are all measurements of a run.
type results struct {
	date       time.Time
	machine    report.Machine
	requests   []*requested
	deliveries map[string][]float64 // their costs in nanoseconds, by who has sent them
}

// requested are the measurements of one call.
type requested struct {
	call        *call
	rate, costs []float64
}

func (r *results) request(what *call, rate float64, cost time.Duration) {
	at := slices.IndexFunc(r.requests, func(q *requested) bool { return q.call.name == what.name })
	if at < 0 {
		at = len(r.requests)
		r.requests = append(r.requests, &requested{call: what})
	}
	q := r.requests[at]
	q.rate, q.costs = append(q.rate, rate), append(q.costs, float64(cost))
}

func (r *results) delivery(way string, cost time.Duration) {
	if r.deliveries == nil {
		r.deliveries = make(map[string][]float64)
	}
	r.deliveries[way] = append(r.deliveries[way], float64(cost))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// The marks around the table in a document.
const (
	beginMark = "<!-- api: begin, made by bench/api -->\n"
	endMark   = "<!-- api: end -->\n"
)

var documents = []report.Document{
	{Name: "PERFORMANCE.md", Language: report.English},
	{Name: "pt-BR/PERFORMANCE.md", Language: portuguese},
}

// table returns the section of a document, in Markdown.
func (r *results) table(l report.Language) string {
	var b strings.Builder
	m := r.machine
	fmt.Fprintf(&b, l.Word(introduction)+"\n\n", r.date.UTC().Format("2006-01-02"), m.CPU, m.Cores, m.Kernel, m.Go,
		len(r.deliveries["api"]))
	row := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	head := func(titles ...string) {
		row(titles...)
		b.WriteString(strings.Repeat("| --- ", len(titles)) + "|\n")
	}
	micros := func(nanoseconds float64, places int) string { return l.Fixed(nanoseconds/1e3, places) + " µs" }
	head(l.Word("request"), l.Word("requests/s"), l.Word("CPU each"), l.Word("a core is enough for"))
	for _, q := range r.requests {
		cost := median(q.costs)
		enough := l.Fixed(1e9/cost, 0) + " " + l.Word("requests/s")
		if q.call.events > 1 {
			enough += ", " + l.Fixed(1e9/cost*float64(q.call.events), 0) + " " + l.Word("events/s")
		}
		row(l.Word(q.call.name), l.Fixed(median(q.rate), 0), micros(cost, 1), enough)
	}
	inside, api := median(r.deliveries["inside"]), median(r.deliveries["api"])
	times := l.Fixed(api/inside, 2) + "×"
	b.WriteString("\n")
	head(fmt.Sprintf(l.Word(deliveryTitle), l.Fixed(clients, 0), nodes, rate), l.Word("CPU per delivery, all nodes"))
	row(l.Word("sent by a client's event"), micros(inside, 2))
	row(l.Word("sent by the API"), micros(api, 2)+" ("+times+")")
	b.WriteString("\n")
	head(l.Word("goal"), l.Word("bound"), l.Word("measured"), l.Word("met"))
	if len(r.requests) > 0 {
		got := median(r.requests[0].rate)
		row(l.Word("emissions by the API on one core"), l.Word("at least")+" "+l.Fixed(goalRate, 0)+"/s",
			l.Fixed(got, 0)+"/s", l.Yes(got >= goalRate))
	}
	row(l.Word("a delivery of the API's against one sent inside"), l.Word("at most")+" "+l.Fixed(goalRatio, 2)+"×",
		times, l.Yes(api/inside <= goalRatio))
	return b.String()
}

// write puts the table in its place in all documents of a folder.
func (r *results) write(folder string) error {
	return report.WriteDocuments(folder, documents, beginMark, endMark, r.table)
}
