package openfiles

import "testing"

func TestForConnections(t *testing.T) {
	all, known := limit()
	files, _ := ForConnections()
	if known && (files >= all || all >= 2*minToKeep && all-files < minToKeep) {
		t.Errorf("%d of %d files are for connections", files, all)
	}
	if kept, _ := Reserve(); kept != all-files {
		t.Errorf("%d of %d files are kept from %d connections", kept, all, files)
	}
}
