// Package fleet starts what tests of the cluster adapters need: a Redis that can be killed, frozen and brought back, a
// proxy that loses bytes, plain Socket.IO clients, and servers in Go and on Node.js.
package fleet

// What the TestMain of a package with such tests does.

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// Require ends the test program where everything is to be tested (needs.RequireAll) and one of the programs is not
// installed. Elsewhere the tests that need it skip themselves.
func Require(programs ...string) {
	if os.Getenv(needs.RequireAll) == "" {
		return
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			fmt.Fprintf(os.Stderr, "%s is not installed; `make test` installs what these tests need\n", p)
			os.Exit(1)
		}
	}
}

// Run runs a package's tests, looks for goroutines that they left behind, and returns the exit code.
func Run(m *testing.M) (code int) {
	code = m.Run()
	// go-redis's pool dials once a second while its server is away, and learns only then that it is closed.
	var err error
	if !await.Until(5*time.Second, func() bool { err = goleak.Find(); return err == nil }) {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		code = 1
	}
	return code
}
