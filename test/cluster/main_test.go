// Package cluster tests fleets of Go and Node.js servers on one Redis, from outside.
package cluster

import (
	"os"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childRedis); url != "" {
		os.Exit(runChild(url)) // this process is a server for a test
	}
	fleet.Require("redis-server", "node")
	os.Exit(fleet.Run(m))
}
