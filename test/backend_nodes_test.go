package test

// A NestJS backend (examples/backend-nest) behind three gateways on one Redis, with the real client over all
// transports.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
)

// The whole chat, with requests of one client reaching all nodes.
func TestABackendBehindThreeNodes(t *testing.T) {
	needsGateway(t)
	backend := nestBackend.Start(t)
	_, addrs := startFleet(t, "backend", 3, backend.Gateway()...)
	url := "http://" + startHTTPBalancer(t, addrs)
	for _, transport := range []string{"default", "polling", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			child.RunScript(t, "js/clients/chat.test.mjs",
				"CLIENT=4.8.3", "TRANSPORT="+transport, "NODES=3", "URL="+url)
		})
	}
}

// The backend is killed in the middle, and started again: no connection is lost, clients that ask are told, and then
// all goes on.
func TestABackendThatDiesBehindThreeNodes(t *testing.T) {
	needsGateway(t)
	backend := nestBackend.Start(t)
	nodes, addrs := startFleet(t, "backend", 3, append(backend.Gateway(), "LOG_LEVEL=info")...)
	urls := "http://" + strings.Join(addrs, ",http://")
	control := child.Control(t, map[string]func() error{
		"/kill":  func() error { backend.Kill(); return nil },
		"/start": backend.Start,
	})
	child.RunScript(t, "js/clients/backend-away.test.mjs",
		"CLIENT=4.8.3", "TRANSPORT=default", "URL="+nodes[0].url(), "URLS="+urls, "CONTROL="+control)
	for _, node := range nodes {
		response, err := http.Get(node.url() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("a node that has lost and found its backend answers %s", response.Status)
		}
		if said := node.process.Stderr.String() + node.process.Stdout.String(); strings.Count(said, "\n") > 100 {
			t.Errorf("a node has logged %d lines", strings.Count(said, "\n"))
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
