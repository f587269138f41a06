package migration

import (
	"net"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// TestDropInEnvironment gives the gateway the variables that a Nest service gets: PORT, REDIS_URL and NODE_ENV, and
// besides only those that shorten its end. It joins the Nest service's fleet, and the old frontend's client cannot tell
// the two apart.
func TestDropInEnvironment(t *testing.T) {
	t.Parallel()
	r := fleet.StartRedis(t)
	nest := startNest(t, r.URL())
	_, port, err := net.SplitHostPort(freeaddr.Need(t))
	if err != nil {
		t.Fatal(err)
	}
	var gateway *node
	start := func() {
		// No HOST: like the Nest service, the gateway listens on all addresses by default.
		env := []string{
			"PORT=" + port, "REDIS_URL=" + r.URL(), "NODE_ENV=production", "DRAIN_DELAY=0", "DRAIN_WINDOW=0",
		}
		gateway = &node{"gateway", "127.0.0.1:" + port, startProcess(t, env, gatewayBinary)}
		gateway.stopWith(t)
		gateway.await(t, "/readyz", 200)
	}
	start()
	far, near := register(t, nest.url()), register(t, gateway.url())

	script := func(t *testing.T) {
		t.Helper()
		child.RunScript(t, "../js/migration/dropin.test.mjs", "NEST="+nest.url(), "GATEWAY="+gateway.url())
	}
	t.Run("first", script)
	var leaving sync.WaitGroup
	leaving.Go(func() {
		for range near.Messages { // until the gateway closes the connection
		}
		near.Close()
	})
	gateway.stop(t)
	leaving.Wait()
	start()
	t.Run("after a restart of the gateway", script)

	// After all this the Nest service's first client and the gateway's still hear each other.
	near = register(t, gateway.url())
	say(near, "at last, to Nest")
	hear(t, far, "at last, to Nest")
	near.Expect(said(t, "at last, to Nest"))
	say(far, "at last, from Nest")
	near.Expect(said(t, "at last, from Nest"))
	far.Expect(said(t, "at last, from Nest"))
}
