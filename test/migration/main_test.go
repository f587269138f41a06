package migration

// Builds the gateway once, for all tests.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// chromium is the browser that drives the page.
const chromium = "/usr/bin/chromium"

// gatewayBinary is the gateway, built with the race detector on where that can be had.
var gatewayBinary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	fleet.Require("redis-server", "node", chromium)
	dir, err := os.MkdirTemp("", "migration-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	gatewayBinary = filepath.Join(dir, "gateway")
	build := append(append([]string{"build"}, needs.Race()...), "-o", gatewayBinary, "../../cmd/gateway")
	if out, err := exec.Command("go", build...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	// go-redis's pool tries to dial once a second while its server is away, and learns only then that it is closed.
	err = goleak.Find()
	for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		return 1
	}
	return code
}
