package migration

// Checks that what the tests need is there, and builds the gateway once.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// chromium is the browser that shows the chat page.
const chromium = "/usr/bin/chromium"

// gatewayBinary is the gateway, built with the race detector on.
var gatewayBinary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	fleet.Require("redis-server", "node", chromium)
	fleet.RequireNPM("../js")
	dir, err := os.MkdirTemp("", "migration-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	gatewayBinary = filepath.Join(dir, "gateway")
	if err := child.Build(gatewayBinary, "../../cmd/gateway", "-race"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return fleet.Run(m)
}
