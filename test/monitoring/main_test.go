// Package monitoring tests what an operator sees: a real Prometheus reads real gateways, and what deploy/ has of rules and
// panels must find something in it. promtool says of the alerts when they fire and when not.
//
// It needs redis-server, prometheus and promtool; `make test` installs them.
package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// workDir holds the gateway that is tested; TestMain removes it.
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
	if out, err := exec.Command("go", "build", "-o", gatewayBinary(), "../../cmd/gateway").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		code = 1
	}
	return code
}

func gatewayBinary() string { return filepath.Join(workDir, "gateway") }
