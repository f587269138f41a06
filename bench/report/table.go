package report

// The run as a table for people: every workload with all its peers, then the goals.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table returns the run as Markdown that also reads well as plain text. Numbers are medians over the rounds, with the
// range if there were several. "ours" is this project's number divided by the peer's, round by round.
func (r *Run) Table() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "# Benchmark of %s\n\n", r.Date.UTC().Format("2006-01-02"))
	fmt.Fprintf(&b, "Commit %s, %s, %d cores, %s of memory, Linux %s, %s, Node %s.\n\n", r.Commit, m.CPU, m.Cores,
		English.number(float64(m.Memory), Bytes), m.Kernel, m.Go, m.Node)
	if r.Quick {
		b.WriteString("A quick run: one short round, good for an impression and no more.\n\n")
	}
	peers := [][]string{{"peer", "what it is"}}
	for _, name := range r.peerNames() {
		peers = append(peers, []string{name, r.Peers[name]})
	}
	b.WriteString(grid(peers) + r.leftOut(""))
	for _, w := range r.Workloads {
		if len(r.of(w.Name, "")) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s%s", w.Name, w.Measures, grid(r.rows(w.Name)), r.leftOut(w.Name))
		}
	}
	fmt.Fprintf(&b, "\n## Goals\n\n%s", grid(r.goalRows(English)))
	return b.String()
}

// leftOut returns a paragraph with the peers that were meant to take part in a workload, or in all if it is "", and did
// not; peers with one reason stand together. It is "" if there are none.
func (r *Run) leftOut(workload string) string {
	var reasons []string
	who := make(map[string][]string)
	for _, a := range r.Absent {
		if a.Workload != workload {
			continue
		}
		if who[a.Reason] == nil {
			reasons = append(reasons, a.Reason)
		}
		who[a.Reason] = append(who[a.Reason], a.Peer)
	}
	var parts []string
	for _, reason := range reasons {
		parts = append(parts, strings.Join(who[reason], ", ")+" ("+oneLine(reason)+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "\nLeft out: " + strings.Join(parts, "; ") + ".\n"
}

// peerNames returns ours, then the others in the order of the results, then those without results.
func (r *Run) peerNames() []string {
	names := peersOf(r.Results)
	for _, name := range slices.Sorted(maps.Keys(r.Peers)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if i := slices.Index(names, ours); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, ours)
	}
	return names
}

// rows returns a workload's table, with its heading first.
func (r *Run) rows(workload string) [][]string {
	all := r.of(workload, "")
	present := slices.DeleteFunc(slices.Clone(metrics), func(m Metric) bool {
		return !slices.ContainsFunc(all, func(result Result) bool {
			_, ok := result.value(m.Name)
			return ok
		})
	})
	main, comparable := compared(all)
	var rows [][]string
	head := []string{"peer"}
	for _, m := range present {
		head = append(head, m.Title)
	}
	if comparable {
		head = append(head, "ours: "+main.Title)
	}
	rows = append(rows, append(head, "remarks"))
	for _, name := range r.peerNames() {
		results := r.of(workload, name)
		if len(results) == 0 {
			continue
		}
		row := []string{name}
		for _, m := range present {
			row = append(row, English.spread(r.summary(workload, name, m.Name), m.Unit))
		}
		if comparable {
			ratio := ""
			if name != ours {
				ratio = English.spread(r.ratio(workload, ours, name, main.Name), Times)
			}
			row = append(row, ratio)
		}
		rows = append(rows, append(row, remarks(results)))
	}
	return rows
}

// goalRows returns the table of the goals.
func (r *Run) goalRows(l Language) [][]string {
	rows := [][]string{{l.Word("goal"), l.Word("against"), l.Word("bound"), l.Word("measured"), l.Word("met")}}
	for _, v := range r.Goals() {
		bound, at := l.Word("at least"), v.AtLeast
		if v.AtMost > 0 {
			bound, at = l.Word("at most"), v.AtMost
		}
		bound += " " + l.number(at, v.Unit)
		if v.Unit == YesNo {
			bound = l.yes
		}
		met := l.Yes(v.Met)
		if !v.Measured {
			met = "–"
		}
		against := v.Against
		if v.InMemory {
			against = fmt.Sprintf(l.Word("%s, both without Redis"), against)
		}
		rows = append(rows, []string{l.Word(v.Goal), against, bound, l.spread(v.Got, v.Unit), met})
	}
	return rows
}

// grid returns a Markdown table with aligned columns. The first row is its heading.
func grid(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)), 3)
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", widths[i], cell)
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range widths {
				b.WriteString("| " + strings.Repeat("-", w) + " ")
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
