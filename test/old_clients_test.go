package test

// Clients of Socket.IO 2, which allowEIO3 lets in.

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
)

// oldTransports are the ways in which such a client may connect. JSONP takes a browser: TestOldPage.
var oldTransports = []string{"polling", "base64", "websocket", "websocket64", "default"}

// TestOldClients runs one script against Node's server, and ours with and without net/http.
func TestOldClients(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		env := []string{"ALLOW_EIO3=1", "HEARTBEAT=1500"}
		if name == "gateway" {
			t.Run("net/http", func(t *testing.T) { oldClients(t, startFixture(t, name, env...), "2.5.0") })
			env = append(env, "FAST=1")
		}
		oldClients(t, startFixture(t, name, env...), "2.5.0", "2.0.4")
	})
}

func oldClients(t *testing.T, tg *target, versions ...string) {
	for _, version := range versions {
		for _, transport := range oldTransports {
			t.Run(version+"/"+transport, func(t *testing.T) {
				child.RunScript(t, "js/clients/old.test.mjs",
					"CLIENT="+version, "TRANSPORT="+transport, "URL="+tg.url())
			})
		}
	}
}
