package emitter_test

import (
	"os"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	fleet.Require("redis-server", "node")
	os.Exit(fleet.Run(m))
}
