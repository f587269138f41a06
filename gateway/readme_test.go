package gateway

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The quick start that people copy from the README compiles, and vets, against the library as it is.
func TestREADMEQuickStartCompiles(t *testing.T) {
	const begin, end = "<!-- quick start: begin, checked by gateway/readme_test.go -->\n```go\n", "```\n<!-- quick start: end -->"
	for _, name := range []string{"README.md", "README.pt-BR.md"} {
		content, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(content), begin)
		program, _, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Errorf("%s: the marks round the quick start are not there", name)
			continue
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if out, err := exec.CommandContext(t.Context(), "gofmt", "-l", file).CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("%s: not formatted (%v)", name, err)
		}
	}
}
