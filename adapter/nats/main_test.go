package nats

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

func TestMain(m *testing.M) {
	natsserver.RunChild()
	// The tests wait for elections and time-outs more than they compute.
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
