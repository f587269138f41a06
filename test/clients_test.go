package test

// The chat and the library driven by the real socket.io-client: the newest 4.x and the oldest that a frontend may load,
// over each transport. The same tests run against the Nest service, which shows that they ask for nothing new.

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
)

var clientVersions = []string{"4.8.3", "4.5.4"}

// A client's transports; frontend is what the old chat page asks for.
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
