// Package cluster tests fleets of Go and Node servers on one Redis, from outside.
package cluster

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childRedis); url != "" {
		os.Exit(runChild(url)) // this process is a server that a test is going to end
	}
	fleet.Require("redis-server", "node")
	code := m.Run()
	// go-redis's pool tries to dial once a second while its server is away, and learns only then that it is closed.
	err := goleak.Find()
	for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		code = 1
	}
	os.Exit(code)
}
