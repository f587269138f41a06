package presence_test

import (
	"os"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	if os.Getenv(childServer) != "" {
		runChild()
	}
	fleet.Require("redis-server")
	os.Exit(fleet.Run(m))
}
