package forward

import (
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	n := New(Options{})
	defer n.Close(t.Context())
	seen := make(map[string]bool)
	for range 1000 {
		id := n.NewID()
		if tagOf(id) != n.tag || len(id)-len(n.tag) < 22 || seen[id] {
			t.Fatalf("got %q", id)
		}
		seen[id] = true
	}
	for _, id := range []string{
		"", "MxAwWxK0HKock1pPAAAA", strings.Repeat("a", 29), strings.Repeat("a", 31), strings.Repeat("a", 29) + "/",
		strings.Repeat("é", 15),
	} {
		if tag := tagOf(id); tag != "" {
			t.Errorf("%q has the tag %q", id, tag)
		}
	}
}
