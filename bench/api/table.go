//go:build linux

package main

// The results as a table, and where it is written.

import (
	"fmt"
	"os"
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

// table returns the section of a document, in Markdown.
func (r *results) table() string {
	var b strings.Builder
	m := r.machine
	fmt.Fprintf(&b, "Measured on %s by `make bench-api`: %s, %d cores, Linux %s, %s; medians of %d rounds, the "+
		"servers on one core. The rate is what the caller got. On a busy machine both are worse: it takes a quiet "+
		"one.\n\n",
		r.date.UTC().Format("2006-01-02"), m.CPU, m.Cores, m.Kernel, m.Go, len(r.deliveries["api"]))
	b.WriteString("| request | requests/s | CPU each | a core is enough for |\n| --- | --- | --- | --- |\n")
	for _, q := range r.requests {
		cost := median(q.costs)
		text := fmt.Sprintf("%.0f requests/s", 1e9/cost)
		if q.call.events > 1 {
			text += fmt.Sprintf(", %.0f events/s", 1e9/cost*float64(q.call.events))
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.1f µs | %s |\n", q.call.name, median(q.rate), cost/1e3, text)
	}
	inside, api := median(r.deliveries["inside"]), median(r.deliveries["api"])
	fmt.Fprintf(&b, "\n| a message to a room of %d clients on %d nodes, %.0f a second | CPU per delivery, all nodes "+
		"|\n| --- | --- |\n| sent by a client's event | %.2f µs |\n| sent by the API | %.2f µs (%.2f×) |\n\n",
		clients, nodes, rate, inside/1e3, api/1e3, api/inside)
	b.WriteString("| goal | bound | measured | met |\n| --- | --- | --- | --- |\n")
	if len(r.requests) > 0 {
		got := median(r.requests[0].rate)
		fmt.Fprintf(&b, "| emissions by the API on one core | at least %d/s | %.0f/s | %s |\n", goalRate, got,
			yes(got >= goalRate))
	}
	fmt.Fprintf(&b, "| a delivery of the API's against one sent inside | at most %.2f× | %.2f× | %s |\n", goalRatio,
		api/inside, yes(api/inside <= goalRatio))
	return b.String()
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}

// write puts the table in its place in a document.
func (r *results) write(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), beginMark)
	_, after, closed := strings.Cut(rest, endMark)
	if !found || !closed {
		return fmt.Errorf("%s: %w", path, report.ErrNoMark)
	}
	return os.WriteFile(path, []byte(before+beginMark+r.table()+endMark+after), 0o644)
}
