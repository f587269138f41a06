package adapter_test

import (
	"os"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	if arg := os.Getenv(childNode); arg != "" {
		runChild(arg)
	}
	fleet.Require("redis-server", "node")
	os.Exit(fleet.Run(m))
}
