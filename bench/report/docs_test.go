package report

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The documents show what the committed run measured.
func TestDocsShowTheLatestRun(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, p := range pages {
		before, after, err := p.render(root)
		if err != nil {
			t.Fatal(err)
		}
		if before != after {
			t.Errorf("%s is not what bench/results has; in bench: go run ./report/update", p.name)
		}
	}
	// The files beside the run show it too.
	r, err := Load(filepath.Join(root, "bench", "results"))
	if errors.Is(err, fs.ErrNotExist) {
		return // the pages say that nothing was measured, as compared above
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Quick {
		t.Error("the committed run is a quick one")
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	compareFolders(t, dir, filepath.Join(root, "bench", "results"))
}

// compareFolders compares each file of want with the one of the same name.
func compareFolders(t *testing.T, want, got string) {
	t.Helper()
	files, err := os.ReadDir(want)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		a, err := os.ReadFile(filepath.Join(want, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(got, f.Name())); err != nil || string(a) != string(b) {
			t.Errorf("%s differs (%v)", f.Name(), err)
		}
	}
}

func TestUpdateDocs(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "docs", "pt-BR"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		os.WriteFile(filepath.Join(root, p.name), []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o644)
	}
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	update := func(changes int) {
		t.Helper()
		if changed, err := UpdateDocs(root); err != nil || len(changed) != changes {
			t.Fatalf("changed %v, %v; want %d", changed, err, changes)
		}
	}
	update(4)
	for name, want := range map[string]string{
		"README.md":                 "Not measured yet",
		"docs/PERFORMANCE.md":       "Not measured yet",
		"docs/pt-BR/PERFORMANCE.md": "Ainda não medido",
	} {
		if !strings.Contains(read(name), want) {
			t.Fatalf("%s: %s", name, read(name))
		}
	}
	if err := example().Write(filepath.Join(root, "bench", "results")); err != nil {
		t.Fatal(err)
	}
	update(4)
	for name, wants := range map[string][]string{
		"README.md": {
			"before\n" + beginMark + "- **Fast.** 2,200,000 deliveries", ": 20.0× what NestJS does.",
			"- **Small.** 2.54 KB of memory", "NestJS takes 24.4 KB.\n" + endMark + "after\n",
		},
		"README.pt-BR.md": {"- **Rápido.** 2.200.000 entregas", "20,0× o que o NestJS faz", "**Pequeno.** 2,54 KB"},
		"docs/PERFORMANCE.md": {
			"before\n" + beginMark + "Measured on 2026-11-24", "| this project | 2,200,000/s",
			"| nest | at least 13.0× | 20.0× (20.0–20.0) | yes |", "(../bench/results/latency.svg)",
			"(../bench/results/latest.md)", "(../bench/service.md)", "\n" + endMark + "after\n",
		},
		"docs/pt-BR/PERFORMANCE.md": {
			"Medido em 2026-11-24", "| este projeto | 2.200.000/s", "| pelo menos 13,0× | 20,0× (20,0–20,0) | sim |",
			"(../../bench/results/latency.svg)", "(../../bench/results/latest.md)", "(../../bench/service.md)",
		},
	} {
		for _, want := range wants {
			if !strings.Contains(read(name), want) {
				t.Errorf("%s lacks %q:\n%s", name, want, read(name))
			}
		}
		if strings.Contains(read(name), "%!") || strings.Contains(read(name), "old") {
			t.Errorf("%s: %s", name, read(name))
		}
	}
	update(0) // a second time changes nothing
	os.WriteFile(filepath.Join(root, "README.md"), []byte("no marks\n"), 0o644)
	if _, err := UpdateDocs(root); !errors.Is(err, ErrNoMark) {
		t.Errorf("without marks: %v", err)
	}
}
