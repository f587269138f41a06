package report

// What the documents show of a run, in two languages: the README's two figures and the page on performance.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The marks around what is made from a run.
const (
	beginMark = "<!-- performance: begin, made by bench/report -->\n"
	endMark   = "<!-- performance: end -->\n"
)

// A page is a document that shows figures.
type page struct {
	name     string // relative to the project's root
	language Language
	root     string // the path from the page's folder to the root
	section  func(r *Run, l Language, root string) string
}

var pages = []page{
	{"README.md", English, "", (*Run).claims},
	{"README.pt-BR.md", Portuguese, "", (*Run).claims},
	{"docs/PERFORMANCE.md", English, "../", (*Run).performance},
	{"docs/pt-BR/PERFORMANCE.md", Portuguese, "../../", (*Run).performance},
}

// ErrNoMark means that a page has no place for its figures.
var ErrNoMark = errors.New("report: the marks round the figures are missing")

// Between returns text with a section between two marks, in place of what stands there. The error is ErrNoMark.
func Between(text, begin, end, section string) (string, error) {
	head, rest, found := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", ErrNoMark
	}
	return head + begin + section + end + tail, nil
}

// WriteBetween does that to a file. The error names it, and matches ErrNoMark where that is what is wrong.
func WriteBetween(path, begin, end, section string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := Between(string(text), begin, end, section)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(page), 0o644)
}

// A Document shows the tables of a command, in a language.
type Document struct {
	Name     string // relative to the folder of the documents, with slashes
	Language Language
}

// WriteDocuments does what WriteBetween does to all documents of a folder, with the section in the language of each.
func WriteDocuments(folder string, documents []Document, begin, end string, section func(Language) string) error {
	for _, d := range documents {
		path := filepath.Join(folder, filepath.FromSlash(d.Name))
		if err := WriteBetween(path, begin, end, section(d.Language)); err != nil {
			return err
		}
	}
	return nil
}

// UpdateDocs writes the run of root/bench/results into the pages of root and returns the names of those that changed.
func UpdateDocs(root string) (changed []string, err error) {
	for _, p := range pages {
		before, after, err := p.render(root)
		if err != nil {
			return changed, err
		}
		if before == after {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, p.name), []byte(after), 0o644); err != nil {
			return changed, err
		}
		changed = append(changed, p.name)
	}
	return changed, nil
}

// render returns a page as it is and as it should be.
func (p page) render(root string) (before, after string, err error) {
	content, err := os.ReadFile(filepath.Join(root, p.name))
	if err != nil {
		return "", "", err
	}
	before = string(content)
	section := p.language.Word("Not measured yet: `make bench` does it, and writes the figures here.") + "\n"
	r, err := Load(filepath.Join(root, "bench", "results"))
	switch {
	case err == nil:
		section = p.section(r, p.language, p.root)
	case !errors.Is(err, fs.ErrNotExist):
		return "", "", err
	}
	if after, err = Between(before, beginMark, endMark, section); err != nil {
		return "", "", fmt.Errorf("%s: %w", p.name, err)
	}
	return before, after, nil
}

// claims returns the README's two items with figures of the run.
func (r *Run) claims(l Language, _ string) string {
	const workload, metric = "fanout-w16", "deliveries_per_second"
	memory := func(peer string) string {
		return l.number(r.summary("idle-memory", peer, "rss_per_connection").Median, Bytes)
	}
	deliveries := r.summary(workload, ours, metric).Median
	ratio := r.ratio(workload, ours, "nest", metric).Median
	text := l.Word("- **Fast.** %s deliveries per second on one core, to 1,000 clients in one room: " +
		"%s what NestJS does.\n- **Small.** %s of memory for each idle connection, where NestJS takes %s.\n")
	return fmt.Sprintf(text, l.digits(deliveries), l.number(ratio, Times), memory(ours), memory("nest"))
}

// columns of the table of servers.
var columns = []struct{ title, workload, metric string }{
	{"deliveries/s, 16 in flight", "fanout-w16", "deliveries_per_second"},
	{"CPU per delivery at 20 messages/s", "fanout-20", "cpu_per_delivery"},
	{"of it in the kernel", "fanout-20", "system_each"},
	{"p99 at 20 messages/s", "fanout-20", "p99"},
	{"memory per idle connection", "idle-memory", "rss_per_connection"},
	{"start to first connection", "startup", "seconds_to_first_connect"},
}

// performance returns the section on performance. root is the path from its page to the project's root.
func (r *Run) performance(l Language, root string) string {
	var b strings.Builder
	m := r.Machine
	text := l.Word("Measured on %s by `make bench` at commit %s: %s, %d cores, Linux %s, %s, Node %s. The server has " +
		"one core and the load another; 1,000 clients in one room. Medians over the rounds, their range in " +
		"parentheses. [All workloads](%sbench/results/latest.md), [what each server does](%[8]sbench/service.md).")
	fmt.Fprintf(&b, text+"\n\n",
		r.Date.UTC().Format("2006-01-02"), r.Commit, m.CPU, m.Cores, m.Kernel, m.Go, m.Node, root)
	head := []string{l.Word("server")}
	for _, c := range columns {
		head = append(head, l.Word(c.title))
	}
	rows := [][]string{append(head, l.Word("lost"))}
	for _, name := range r.peerNames() {
		row := []string{l.Word(r.Peers[name])}
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
	b.WriteString(l.Word("What it is to reach, as ratios to the others in the same run:") + "\n\n")
	b.WriteString(plainGrid(r.goalRows(l)))
	for _, p := range plots {
		if r.plot(p) != "" {
			fmt.Fprintf(&b, "\n![%s](%sbench/results/%s)\n", l.Word(p.title), root, p.file)
		}
	}
	return b.String()
}

// lost returns the share of messages that a peer did not deliver, over all workloads.
func (r *Run) lost(peer string, l Language) string {
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

// plainGrid returns a Markdown table without padding, so that a new figure changes one line only.
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
