package test

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// TestClientsLibrary runs what the chat does not use, against a small program on the socketio package (fixture/library)
// and against the same program on Node.
func TestClientsLibrary(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name)
		eachClient(t, "js/clients/library.test.mjs", "URL="+tg.url())
	})
}

// TestClientsRecovery loses connections of a server that recovers them. Clients know of it since 4.6.
func TestClientsRecovery(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name, "RECOVERY=1")
		for _, transport := range clientTransports {
			t.Run(transport, func(t *testing.T) {
				child.RunScript(t, "js/clients/recovery.test.mjs", "CLIENT=4.8.3", "TRANSPORT="+transport, "URL="+tg.url())
			})
		}
	})
}

// startFixture starts the library's fixture, in Go for the gateway and on Node for Nest.
func startFixture(t *testing.T, name string, env ...string) *target {
	t.Helper()
	if name == "nest" {
		needs.NodeJS(t)
	}
	addr := freeaddr.Need(t)
	tg := &target{name: name, addr: addr, env: env, program: "node", args: []string{"js/library/server.mjs"}}
	if name == "gateway" {
		tg.program, tg.args = fixtureBinary(), nil
	}
	tg.run(t)
	return tg
}
