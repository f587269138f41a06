// Command compare counts the lines of code of the programs beside it and writes them into docs/COMPARISON.md. A line
// counts if there is code on it: none that is blank, a comment, or of the package and import clauses.
//
//	go run .          writes the table
//	go run . -check   fails where the table is not what would be written
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"strings"
)

const (
	page  = "../COMPARISON.md"
	begin = "<!-- lines: begin, made by docs/compare -->\n"
	end   = "<!-- lines: end -->"
)

// libraries are the folders with programs, and their column's title.
var libraries = []struct{ folder, title string }{
	{"ours", "this library"}, {"zishang520", "zishang520 v3.0.2"}, {"googollee", "googollee v1.7.0"},
}

// programs are their folders, and what they do.
var programs = []struct{ folder, does string }{
	{"01_echo", "echo"},
	{"02_ack", "acknowledgements both ways, with a time-out"},
	{"03_typed", "a typed payload, checked"},
	{"04_rooms", "rooms"},
	{"05_broadcast", "to all but the sender"},
	{"06_auth", "a namespace with a token"},
	{"07_binary", "binary inside an object"},
	{"08_disconnect", "who has gone, and why"},
	{"09_presence", "who is there"},
	{"10_poll", "a question to all, with a time-out"},
	{"11_redis", "several servers on Redis"},
	{"12_test", "a handler and its test"},
}

func main() {
	check := flag.Bool("check", false, "only say whether the page is up to date")
	flag.Parse()
	if err := run(*check); err != nil {
		log.Fatal("compare: ", err)
	}
}

func run(check bool) error {
	made, err := table()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks", page)
	}
	text := before + begin + made + end + after
	if text == string(old) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is not up to date: go run . in docs/compare", page)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

func table() (string, error) {
	var b strings.Builder
	b.WriteString("| lines of code |")
	for _, l := range libraries {
		fmt.Fprintf(&b, " %s |", l.title)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(libraries)) + "\n")
	sums := make([]int, len(libraries))
	for _, p := range programs {
		fmt.Fprintf(&b, "| [%s](compare/ours/%s) |", p.does, p.folder)
		for i, l := range libraries {
			n, err := lines(filepath.Join(l.folder, p.folder))
			if err != nil {
				return "", err
			}
			if n == 0 {
				b.WriteString(" cannot |")
				continue
			}
			fmt.Fprintf(&b, " %d |", n)
			if p.folder != "12_test" { // not all have it
				sums[i] += n
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("| the first eleven together |")
	for _, n := range sums {
		fmt.Fprintf(&b, " %d |", n)
	}
	return b.String() + "\n", nil
}

// lines are those of all Go files of a folder; 0 where there are none.
func lines(folder string) (n int, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, source, parser.ImportsOnly)
		if err != nil {
			return 0, err
		}
		n += code(source, set.Position(clausesEnd(parsed)).Line)
	}
	return n, nil
}

// clausesEnd is where the package clause and the imports end.
func clausesEnd(f *ast.File) token.Pos {
	last := f.Name.End()
	for _, d := range f.Decls {
		last = d.End()
	}
	return last
}

// code counts the lines behind a line that have a token. One token over several lines is as many.
func code(source []byte, behind int) (n int) {
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	for counted := behind; ; {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return n
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue
		}
		first := file.Line(pos)
		last := first + strings.Count(text, "\n")
		if last > counted {
			n += last - max(first-1, counted)
			counted = last
		}
	}
}
