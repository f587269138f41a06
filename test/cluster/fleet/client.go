package fleet

// Socket.IO clients.

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
)

// Patience is how long a test waits for what must come.
const Patience = testclient.Patience

// A Client is connected to one namespace over WebSocket.
type Client = testclient.Client

// Dial connects a client to a server (http://...) and a namespace; the test's end closes it.
func Dial(t testing.TB, server, namespace string) *Client {
	t.Helper()
	return testclient.Dial(t, server, namespace)
}

// Resume is Dial for a client that asks for its session back.
func Resume(t testing.TB, server, namespace, pid, offset string) *Client {
	t.Helper()
	return testclient.Resume(t, server, namespace, pid, offset)
}
