// Package docs checks the documents: links lead somewhere, and what is written twice is so in both places.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the project's folder.
const root = "../.."

// longestREADME is how many lines a README may have; the rest belongs into docs/.
const longestREADME = 150

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pages are the documents, by their path below root.
func pages(t *testing.T) []string {
	t.Helper()
	var pages []string
	for _, folder := range []string{"", "docs/", "docs/pt-BR/", "deploy/", "bench/", ".github/"} {
		pattern := folder + "*.md"
		names, err := fs.Glob(os.DirFS(root), pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		pages = append(pages, names...)
	}
	return pages
}

var (
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```$")
	code      = regexp.MustCompile("`[^`\n]*`")
	conflict  = regexp.MustCompile(`(?m)^(<{7}|={7}|>{7})( |$)`)
	noAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are what a page's headings can be linked by.
func anchors(text string) []string {
	var list []string
	for _, h := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		anchor := noAnchor.ReplaceAllString(strings.ToLower(h[1]), "")
		list = append(list, strings.ReplaceAll(anchor, " ", "-"))
	}
	return list
}

// check says what is wrong with a link of a page, if anything is.
func check(t *testing.T, page, target string) error {
	t.Helper()
	if strings.Contains(target, "://") {
		return nil
	}
	file, anchor, anchored := strings.Cut(target, "#")
	if file == "" {
		file = page
	} else {
		file = path.Join(path.Dir(page), file)
	}
	if strings.HasPrefix(file, "..") {
		return fmt.Errorf("it leads out of the project")
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
		return err
	}
	if anchored && !slices.Contains(anchors(read(t, file)), anchor) {
		return fmt.Errorf("%s has no such heading", file)
	}
	return nil
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		text := code.ReplaceAllString(codeBlock.ReplaceAllString(read(t, page), ""), "")
		links := link.FindAllStringSubmatch(text, -1)
		for _, l := range links {
			if err := check(t, page, l[1]); err != nil {
				t.Errorf("%s: %s: %v", page, l[1], err)
			}
		}
		if len(links) == 0 && strings.HasPrefix(page, "docs/") {
			t.Errorf("%s has no links", page)
		}
	}
}

// A page that git could not merge once had both versions in it.
func TestNoConflictIsLeft(t *testing.T) {
	for _, page := range pages(t) {
		if at := conflict.FindString(read(t, page)); at != "" {
			t.Errorf("%s has both versions of a conflict: %q", page, at)
		}
	}
}

// From either README every page in its language can be found, and OPERATIONS.md, which is in English only. Neither
// README is long.
func TestREADMEs(t *testing.T) {
	for readme, folder := range map[string]string{"README.md": "docs", "README.pt-BR.md": "docs/pt-BR"} {
		text := read(t, readme)
		if n := strings.Count(text, "\n"); n > longestREADME {
			t.Errorf("%s has %d lines, want at most %d", readme, n, longestREADME)
		}
		names, err := fs.Glob(os.DirFS(root), folder+"/*.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range append(names, "docs/OPERATIONS.md") {
			if !strings.Contains(text, "("+page+")") {
				t.Errorf("%s does not lead to %s", readme, page)
			}
		}
	}
}

// Every page in Portuguese has its English one under the same name, with as many rows of tables, and they lead to each
// other.
func TestPortuguesePages(t *testing.T) {
	names, err := fs.Glob(os.DirFS(root), "docs/pt-BR/*.md")
	if err != nil || len(names) < 6 {
		t.Fatal(names, err)
	}
	rows := regexp.MustCompile(`(?m)^\|`)
	for _, name := range names {
		base := path.Base(name)
		portuguese, english := read(t, name), read(t, "docs/"+base)
		if !strings.Contains(portuguese, "(../"+base+")") || !strings.Contains(english, "(pt-BR/"+base+")") {
			t.Errorf("the two pages %s do not lead to each other", base)
		}
		p, e := len(rows.FindAllString(portuguese, -1)), len(rows.FindAllString(english, -1))
		if p != e && base != "CLUSTER.md" { // what passing requests on costs is in the English one only
			t.Errorf("%s has %d rows of tables in Portuguese and %d in English", base, p, e)
		}
	}
}
