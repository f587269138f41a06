package adapter_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	if arg := os.Getenv(childNode); arg != "" {
		runChild(arg)
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
