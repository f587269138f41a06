// Package needs names what a test takes beside Go: programs, npm packages, what make builds. Where one is missing, the
// test says so and is skipped. With TEST_REQUIRE_ALL, which `make test` and so CI set, it fails instead: there nothing
// goes untested without a word.
package needs

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// RequireAll is the environment variable with which nothing may be missing. Any value will do but the empty one.
const RequireAll = "TEST_REQUIRE_ALL"

// Program needs all of these programs, each a name to be found in PATH or a path.
func Program(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Missing(t, name, "make test")
		}
	}
}

// NodeJS needs Node.js and the npm packages of test/js: the real clients, and the services on Node.js.
func NodeJS(t testing.TB) {
	t.Helper()
	Program(t, "node")
	Packages(t, "test/js")
}

// Packages needs the npm packages of a folder, which is relative to the project's root.
func Packages(t testing.TB, folder string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	installed := filepath.Join(filepath.Dir(here), "../..", folder, "node_modules/.package-lock.json")
	if _, err := os.Stat(installed); err != nil {
		Missing(t, "the npm packages of "+folder, "make test")
	}
}

// Missing says that something is not here and what would make it, and ends the test.
func Missing(t testing.TB, what, remedy string) {
	t.Helper()
	if os.Getenv(RequireAll) != "" {
		t.Fatalf("missing: %s (%s is set; `%s` installs what is needed)", what, RequireAll, remedy)
	}
	t.Skipf("missing: %s (`%s` installs what is needed)", what, remedy)
}

// Race is the flag that builds a program with the race detector, or none where that cannot be linked for want of a C
// compiler. With TEST_REQUIRE_ALL it is always the flag.
func Race() []string {
	if _, err := exec.LookPath("gcc"); err != nil && os.Getenv(RequireAll) == "" {
		return nil
	}
	return []string{"-race"}
}
