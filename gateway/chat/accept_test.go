package chat

import (
	"strings"
	"testing"
)

func TestPrefersHTML(t *testing.T) {
	tests := []struct {
		accept string
		want   bool
	}{
		// Chrome, Firefox, Safari
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8," +
			"application/signed-exchange;v=b3;q=0.7", true},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
		{"text/html", true},
		{"TEXT/HTML;charset=utf-8", true},
		{"application/json;q=0.5, text/html;q=0.6", true},
		{"", false},
		{"*/*", false}, // curl, fetch
		{"text/*", false},
		{"application/json, text/plain, */*", false}, // axios
		{"application/json, text/html", false},
		{"text/html;q=0.5, application/json", false},
		{"text/html;q=0", false},
		{"text/html;q=2", false},
		{"text/html;q=NaN", false},
		{"text/html;q=x", false},
		{";;;,,/", false},
	}
	for _, test := range tests {
		if got := prefersHTML(test.accept); got != test.want {
			t.Errorf("%q: got %v, want %v", test.accept, got, test.want)
		}
	}
}

// Whatever a client says that it accepts, the answer is one of the two.
func FuzzPrefersHTML(f *testing.F) {
	for _, accept := range []string{"text/html", "text/html;q=0.9,*/*", "a;q=NaN", ";,=\"", "text/html;q=1e400"} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if prefersHTML(accept) && !strings.Contains(strings.ToLower(accept), "text/html") {
			t.Fatalf("%q prefers HTML", accept)
		}
	})
}
