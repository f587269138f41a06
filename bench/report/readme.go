package report

// The README's performance section: made from a run, in two languages, and put between marks.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Marks round the section.
const (
	beginMark = "<!-- performance: begin, made by bench/report -->\n"
	endMark   = "<!-- performance: end -->\n"
)

// readmes are the files that have a section, with their languages.
var readmes = map[string]language{"README.md": english, "README.pt-BR.md": portuguese}

// ErrNoMark means that a README has no place for the section.
var ErrNoMark = errors.New("report: the marks round the performance section are missing")

// UpdateREADMEs puts the run that lies in root/bench/results into the README files of root, and says which have changed.
func UpdateREADMEs(root string) (changed []string, err error) {
	for name := range readmes {
		file := filepath.Join(root, name)
		before, after, err := renderREADME(root, name)
		if err != nil {
			return changed, err
		}
		if before == after {
			continue
		}
		if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
			return changed, err
		}
		changed = append(changed, name)
	}
	return changed, nil
}

// renderREADME returns a README as it is and as it should be.
func renderREADME(root, name string) (before, after string, err error) {
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return "", "", err
	}
	before = string(content)
	head, rest, found := strings.Cut(before, beginMark)
	_, tail, closed := strings.Cut(rest, endMark)
	if !found || !closed {
		return "", "", fmt.Errorf("%s: %w", name, ErrNoMark)
	}
	r, err := Load(filepath.Join(root, "bench", "results"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	return before, head + beginMark + r.section(readmes[name]) + endMark + tail, nil
}

// columns of the servers' table.
var columns = []struct{ title, workload, metric string }{
	{"deliveries/s, 16 in flight", "fanout-w16", "deliveries_per_second"},
	{"CPU per delivery at 20 messages/s", "fanout-20", "cpu_per_delivery"},
	{"p99 at 20 messages/s", "fanout-20", "p99"},
	{"memory per idle connection", "idle-memory", "rss_per_connection"},
	{"start to first connection", "startup", "seconds_to_first_connect"},
}

// section is the README's performance section; without a run it says that there is none.
func (r *Run) section(l language) string {
	if r == nil {
		return l.word("Not measured yet: `make bench` does it, and writes the figures here.") + "\n"
	}
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, l.word("Measured on %s by `make bench` at commit %s: %s, %d cores, Linux %s, %s, Node %s. The server has one core and the load "+
		"another; 1,000 clients in one room. Medians over the rounds, their range in parentheses. [All workloads](bench/results/latest.md), "+
		"[what each server does](bench/service.md).")+"\n\n", r.Date.UTC().Format("2006-01-02"), r.Commit, m.CPU, m.Cores, m.Kernel, m.Go, m.Node)
	head := []string{l.word("server")}
	for _, c := range columns {
		head = append(head, l.word(c.title))
	}
	rows := [][]string{append(head, l.word("lost"))}
	for _, name := range r.peerNames() {
		row := []string{l.word(r.Peers[name])}
		measured := 0
		for _, c := range columns {
			metric, _ := metricNamed(c.metric)
			s := r.summary(c.workload, name, c.metric)
			measured += s.Rounds
			row = append(row, l.spread(s, metric.Unit))
		}
		if measured > 0 {
			rows = append(rows, append(row, r.lost(name, l)))
		}
	}
	b.WriteString(plainGrid(rows) + "\n")
	b.WriteString(l.word("What it is to reach, as ratios to the others in the same run:") + "\n\n" + plainGrid(r.goalRows(l)))
	for _, p := range plots {
		if r.plot(p) != "" {
			fmt.Fprintf(&b, "\n![%s](bench/results/%s)\n", l.word(p.title), p.file)
		}
	}
	return b.String()
}

// lost is the share of the messages that a peer did not deliver, in all workloads.
func (r *Run) lost(peer string, l language) string {
	var owed, missing int64
	for _, result := range r.Results {
		if result.Peer == peer {
			owed += result.Owed
			missing += result.Missing
		}
	}
	if missing == 0 || owed == 0 {
		return l.digits(0)
	}
	return l.digits(100*float64(missing)/float64(owed)) + "%"
}

// plainGrid is a Markdown table without padding, so that a changed figure changes one line.
func plainGrid(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
	return b.String()
}
