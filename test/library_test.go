package test

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// TestClientsLibrary tests what the chat does not use, with two versions of one small program: on the socketio package
// (fixture/library) and on Node.js.
func TestClientsLibrary(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name)
		eachClient(t, "js/clients/library.test.mjs", "URL="+tg.url())
	})
}

// TestOlderClients has the same done by the first clients that speak the protocol.
func TestOlderClients(t *testing.T) {
	t.Parallel()
	tg := startFixture(t, "gateway")
	for _, version := range []string{"4.0.2", "3.1.3"} {
		for _, transport := range []string{"default", "websocket"} {
			t.Run(version+"/"+transport, func(t *testing.T) {
				needs.NodeJS(t)
				child.RunScript(t, "js/clients/library.test.mjs",
					"CLIENT="+version, "TRANSPORT="+transport, "URL="+tg.url())
			})
		}
	}
}

// TestClientsRecovery breaks connections to a server that recovers sessions. Clients support that since 4.6.
func TestClientsRecovery(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name, "RECOVERY=1")
		for _, transport := range clientTransports {
			t.Run(transport, func(t *testing.T) {
				child.RunScript(t, "js/clients/recovery.test.mjs",
					"CLIENT=4.8.3", "TRANSPORT="+transport, "URL="+tg.url())
			})
		}
	})
}

// startFixture starts that program: in Go for the target "gateway", on Node.js for "nest".
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
