// Package monitoring tests what an operator sees. A real Prometheus scrapes real gateways, and the rules and panels of
// deploy/ must find something in it. promtool says when the alerts fire and when they do not.
//
// It needs redis-server, prometheus and promtool. `make test` installs them.
package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// workDir holds the gateway under test; TestMain removes it.
var workDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	fleet.Require("redis-server", "prometheus", "promtool")
	var err error
	if workDir, err = os.MkdirTemp("", "monitoring-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(workDir)
	if err := child.Build(gatewayBinary(), "../../cmd/gateway", "-trimpath"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return fleet.Run(m)
}

func gatewayBinary() string { return filepath.Join(workDir, "gateway") }
