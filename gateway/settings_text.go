package gateway

// What people read about the settings, all of it made from their declarations.

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteSettings writes the part of a program's --help that tells of the settings: the gateway's and these services'.
func WriteSettings(w io.Writer, services ...Service) error {
	_, err := fmt.Fprint(w, `Settings are environment variables; an empty one counts as not set. `+
		`Durations are written as in Go (25s, 1m30s) or, as
in Node's Socket.IO, as a plain number of milliseconds (25000).

`)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range Settings(services...) {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Name, s.defaults(""), s.Meaning)
	}
	return table.Flush()
}

// MarkdownSettings is the table of the gateway's settings and of these services', as the documentation shows it.
func MarkdownSettings(services ...Service) string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning | accepted |\n| --- | --- | --- | --- |\n")
	for _, s := range Settings(services...) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, s.defaults("`"), s.Meaning, s.Valid)
	}
	return b.String()
}

// defaults is the default between quotes, or both of them where production has another.
func (s Setting) defaults(quote string) string {
	text := quote + s.Default + quote
	if s.ProductionDefault != "" {
		text += ", in production " + quote + s.ProductionDefault + quote
	}
	return text
}
