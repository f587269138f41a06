package test

// The real socket.io-client drives the chat and the library, over each transport: the newest 4.x and the oldest that a
// frontend may load. The same tests run against the Nest service, so they ask for nothing that it does not do.

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
)

var clientVersions = []string{"4.8.3", "4.5.4"}

// clientTransports are the ways a client may connect; frontend is what the old chat page asks for.
var clientTransports = []string{"polling", "websocket", "default", "frontend"}

// eachClient runs a file of JavaScript tests with every client over every transport.
func eachClient(t *testing.T, file string, env ...string) {
	for _, version := range clientVersions {
		for _, transport := range clientTransports {
			t.Run(version+"/"+transport, func(t *testing.T) {
				child.RunScript(t, file, append([]string{"CLIENT=" + version, "TRANSPORT=" + transport}, env...)...)
			})
		}
	}
}

func TestClientsChat(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startTarget(t, name)
		eachClient(t, "js/clients/chat.test.mjs", "URL="+tg.url())
	})
}

func TestClientsSurviveARestart(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startTarget(t, name)
		eachClient(t, "js/clients/restart.test.mjs", "URL="+tg.url(), "CONTROL="+tg.control(t))
	})
}
