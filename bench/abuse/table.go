//go:build linux

package main

// The results as a table, and where it is written.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
	"github.com/brunossouza/websocket-escalonavel/test/abuse"
)

// goal is how many times its undisturbed p99 the good clients' p99 may be during an attack on ours.
const goal = 3.0

// results are all measurements of a run.
type results struct {
	date    time.Time
	machine report.Machine
	rows    []abuse.Row
	all     map[[2]string][]*measurement // by row and server
}

func (r *results) add(row, server string, m *measurement) {
	if r.all == nil {
		r.all = make(map[[2]string][]*measurement)
	}
	r.all[[2]string{row, server}] = append(r.all[[2]string{row, server}], m)
}

// The marks around the table in a document.
const (
	beginMark = "<!-- abuse: begin, made by bench/abuse -->\n"
	endMark   = "<!-- abuse: end -->\n"
)

// table returns the section of a document, in Markdown.
func (r *results) table() string {
	var b strings.Builder
	m := r.machine
	fmt.Fprintf(&b, "Measured on %s by `make bench-abuse`: %s, %d cores, Linux %s, %s, Node %s.\n\n",
		r.date.UTC().Format("2006-01-02"), m.CPU, m.Cores, m.Kernel, m.Go, m.Node)
	own := time.Duration(0)
	for _, row := range r.rows {
		own = max(own, r.of(row.Name, ours).own)
	}
	fmt.Fprintf(&b, "The clients themselves were at most %s late (p99). More than %.0f times is in bold; with (?) "+
		"the attacker did not get through its attack.\n\n", milliseconds(own), goal)
	head := strings.Fields("row attack ours attacked ratio Node.js attacked ratio lost memory")
	fmt.Fprintf(&b, "| %s |\n%s|\n", strings.Join(head, " | "), strings.Repeat("| --- ", len(head)))
	for _, row := range r.rows {
		o, n := r.of(row.Name, ours), r.of(row.Name, node)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s / %s | %s / %s |\n",
			row.Number, row.Name, o.p99s(), o.times(goal), n.p99s(), n.times(0), o.losses(), n.losses(), o.memory(),
			n.memory())
	}
	return b.String()
}

// A summary is the medians of some measurements.
type summary struct {
	quiet, under, own time.Duration // p99
	ratio             float64
	lost              int
	missing, peak     int64
	ended             bool
	trouble           string // of an attacker: what it did was not the attack
}

func (r *results) of(row, server string) (s summary) {
	all := r.all[[2]string{row, server}]
	if len(all) == 0 {
		return s
	}
	s.quiet = median(all, func(m *measurement) time.Duration { return m.quiet.p99 })
	s.under = median(all, func(m *measurement) time.Duration { return m.under.p99 })
	s.own = median(all, func(m *measurement) time.Duration { return m.own })
	s.ratio = median(all, (*measurement).ratio)
	for _, m := range all {
		s.lost, s.missing = max(s.lost, m.lost), max(s.missing, m.missing)
		s.peak, s.ended = max(s.peak, m.peak), s.ended || m.ended
		s.trouble += m.trouble
	}
	return s
}

func median[T int | int64 | float64 | time.Duration](all []*measurement, of func(*measurement) T) T {
	var values []T
	for _, m := range all {
		values = append(values, of(m))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func (s summary) p99s() string { return milliseconds(s.quiet) + " | " + milliseconds(s.under) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }

// times is the ratio, in bold where it is past the bound. It has a mark where the attacker did not get through its
// attack.
func (s summary) times(most float64) string {
	text := fmt.Sprintf("%.1f", s.ratio)
	if most > 0 && s.ratio > most {
		text = "**" + text + "**"
	}
	if s.trouble != "" {
		text += " (?)"
	}
	return text
}

func (s summary) losses() string {
	text := fmt.Sprint(s.lost)
	if s.ended {
		text = "the server"
	}
	if s.missing > 0 {
		text += fmt.Sprintf(" (%d messages)", s.missing)
	}
	return text
}

func (s summary) memory() string {
	if s.ended {
		return "–"
	}
	return fmt.Sprintf("%d MB", s.peak/1e6)
}

// write puts the table into a document, between the marks.
func (r *results) write(page string) error {
	return report.WriteBetween(page, beginMark, endMark, r.table())
}

// failure is what went wrong with ours: a good client was lost, or a message, or there was no attack. A ratio past the
// goal is shown and no failure, as it depends on the machine.
func (r *results) failure() error {
	var errs []error
	for _, row := range r.rows {
		if s := r.of(row.Name, ours); s.lost > 0 || s.missing > 0 || s.ended {
			errs = append(errs, fmt.Errorf("%s: %s good clients of ours lost", row.Name, s.losses()))
		} else if s.trouble != "" {
			errs = append(errs, fmt.Errorf("%s: there was no attack on ours%s", row.Name, s.trouble))
		}
	}
	return errors.Join(errs...)
}
