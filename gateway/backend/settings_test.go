package backend

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

var update = flag.Bool("update", false, "rewrite the settings tables of docs/BACKEND.md and its Portuguese twin")

// docsPages are the contract, in both languages.
var docsPages = []string{"../../docs/BACKEND.md", "../../docs/pt-BR/BACKEND.md"}

func TestSettingsMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	two := write("two", "0123456789abcdef\nfedcba9876543210\n")
	for _, test := range []struct{ name, value string }{
		{"BACKEND_URL", ""}, {"BACKEND_URL", "localhost:3000"}, {"BACKEND_URL", "ftp://x/"}, {"BACKEND_URL", "http://"},
		{"BACKEND_URL", "http://user:secret@x/"}, {"BACKEND_URL", "http://x/#a"}, {"BACKEND_URL", "http:x"},
		{"BACKEND_URL", "http://unix:"}, {"BACKEND_URL", "http://unix:socket"}, {"BACKEND_URL", "https://unix:/socket"},
		{"BACKEND_URL", "http://unix:/socket:path"}, {"BACKEND_URL", "http://unix:/" + strings.Repeat("s", 107)},
		{"BACKEND_URL", "http://unix:/socket:/#a"}, {"BACKEND_URL", "unix:///socket"},
		{"BACKEND_SECRET", "short"}, {"BACKEND_SECRET", "0123456789abcdef,"}, {"BACKEND_SECRET_FILE", "/no/such/file"},
		{"BACKEND_SECRET", "0123456789abcdef,0123456789abcdef,0123456789abcdef"},
		{"BACKEND_SECRET_FILE", write("empty", "\n")}, {"BACKEND_CA_FILE", two}, {"BACKEND_CA_FILE", "/no/such/file"},
		{"BACKEND_NAMESPACES", "a"}, {"BACKEND_NAMESPACES", "/a,"}, {"BACKEND_NAMESPACES", "/a?b"},
		{"BACKEND_TIMEOUT", "0"}, {"BACKEND_RETRIES", "-1"}, {"BACKEND_CONCURRENCY", "0"}, {"BACKEND_WAITING", "-1"},
		{"BACKEND_MAX_ANSWER", "1MB"}, {"BACKEND_PROTOCOL", "h2"}, {"BACKEND_IDLE_TIMEOUT", "soon"},
	} {
		env := gatewaytest.Settings("BACKEND_URL", "http://x/", test.name, test.value)
		_, err := gateway.LoadConfig(env, new(Service))
		var setting *gateway.SettingError
		if !errors.As(err, &setting) || setting.Name != test.name || strings.Contains(err.Error(), "0123456789abcdef") {
			t.Errorf("%s=%q: got %v", test.name, test.value, err)
		}
	}
	s := new(Service)
	env := gatewaytest.Settings("BACKEND_URL", "https://x", "BACKEND_SECRET_FILE", two)
	if _, err := gateway.LoadConfig(env, s); err != nil || len(s.settings.secrets) != 2 {
		t.Errorf("got %q, %v", s.settings.secrets, err)
	}
	both := gatewaytest.Settings("BACKEND_URL", "https://x", "BACKEND_SECRET_FILE", two, "BACKEND_SECRET", secret)
	if _, err := gateway.LoadConfig(both, new(Service)); err == nil {
		t.Error("there are two kinds of secrets")
	}
}

// What is dialed, and what requests are told that they are for.
func TestBackendURL(t *testing.T) {
	for value, want := range map[string][4]string{
		"http://x":                           {"tcp", "x:80", "x", "/"},
		"https://[::1]/a?b":                  {"tcp", "[::1]:443", "[::1]", "/a?b"},
		"http://unix/a":                      {"tcp", "unix:80", "unix", "/a"},
		"http://unix:8080/a":                 {"tcp", "unix:8080", "unix:8080", "/a"},
		"http://unix:/run/a%20b.sock":        {"unix", "/run/a%20b.sock", "localhost", "/"},
		"http://unix:/run/a.sock:/a%20b:c?d": {"unix", "/run/a.sock", "localhost", "/a%20b:c?d"},
	} {
		var c settings
		if !c.setURL(value) {
			t.Errorf("%s is refused", value)
		} else if got := [4]string{c.network, c.address, c.url.Host, c.url.RequestURI()}; got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

// The table of BACKEND.md is made from Settings; `go test ./gateway/backend -run Docs -update` rewrites it.
func TestDocsHaveTheSettings(t *testing.T) {
	const begin, end = "<!-- settings: begin, made by gateway/backend/settings_test.go -->\n", "<!-- settings: end -->"
	all, gateways := gateway.MarkdownSettings(new(Service)), gateway.MarkdownSettings()
	head := strings.Join(strings.SplitAfterN(gateways, "\n", 3)[:2], "")
	want := head + strings.TrimPrefix(all, gateways)
	for _, path := range docsPages {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, found := strings.Cut(string(content), begin)
		table, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s: the marks round the table are not there", path)
		}
		if table == want {
			continue
		}
		if !*update {
			t.Errorf("%s: the table is not that of Settings; run go test ./gateway/backend -run Docs -update", path)
			continue
		}
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
