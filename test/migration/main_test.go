package migration

// Builds the gateway once, for all tests.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// chromium is the browser that shows the chat page.
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
	if err := child.Build(gatewayBinary, "../../cmd/gateway", needs.Race()...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return fleet.Run(m)
}
