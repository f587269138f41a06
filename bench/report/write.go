package report

// Writes a run to files and reads it back.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Files of a run in its folder.
const (
	jsonFile  = "latest.json"
	tableFile = "latest.md"
)

// Write writes the run to a folder, which it makes if needed: latest.json, latest.md, and the plots.
func (r *Run) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	content, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write the run: %w", err)
	}
	files := map[string]string{jsonFile: string(content) + "\n", tableFile: r.Table()}
	for _, p := range plots {
		if svg := r.plot(p); svg != "" {
			files[p.file] = svg
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Load reads the run that Write has written. If there is none, the error matches fs.ErrNotExist.
func Load(dir string) (*Run, error) {
	content, err := os.ReadFile(filepath.Join(dir, jsonFile))
	if err != nil {
		return nil, err
	}
	r := new(Run)
	if err := json.Unmarshal(content, r); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, jsonFile), err)
	}
	if len(r.Results) == 0 {
		return nil, errors.New(filepath.Join(dir, jsonFile) + " has no results")
	}
	return r, nil
}
