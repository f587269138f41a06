package gateway

// What people read about the configuration: --help and the README's table, both made from Settings.

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteHelp writes the program's --help text.
func WriteHelp(w io.Writer) error {
	fmt.Fprint(w, `gateway serves the chat: Socket.IO at /socket.io/, a chat page at /.

Usage:
  gateway             run until SIGTERM (an orderly stop) or SIGINT (a quick one); a second signal ends it at once
  gateway --help      print this text
  gateway --version   print version and commit

Settings are environment variables; an empty one counts as not set. Durations are written as in Go (25s, 1m30s) or, as
in Node's Socket.IO, as a plain number of milliseconds (25000).

`)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range Settings() {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Name, s.defaults(""), s.Meaning)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, `
Exit codes: 0 stopped as asked, 1 could not run (such as a port in use), 2 a setting or argument is not valid,
130 or 143 ended at once by a second SIGINT or SIGTERM.
`)
	return err
}

// MarkdownSettings is the table of settings as the README shows it.
func MarkdownSettings() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning | accepted |\n| --- | --- | --- | --- |\n")
	for _, s := range Settings() {
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
