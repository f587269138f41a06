package forward

// Requests that are as long as a node takes them, and grow by what forwarding adds.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// upgrading are the fields of a WebSocket handshake.
var upgrading = []wire.Header{
	{Name: "Connection", Value: "Upgrade"}, {Name: "Upgrade", Value: "websocket"},
	{Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="},
}

// An upgrade request of 20,180 bytes once made the owner's net/http answer 431 before any handler saw it, and so
// without the owner's tag. The node took that for a stranger's answer and dropped the owner: one client without a
// session had everybody else's requests wait for the registry, and refused while Redis was away.
func TestALongRequestDropsNoNode(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	requests := map[string]wire.Request{
		"upgrade": {Method: "GET", Target: target("websocket", sid), Headers: upgrading},
		"POST":    {Method: "POST", Target: target("polling", sid), Body: "4x"},
		"unusual": {Method: "POST", Target: target("polling", sid), Headers: []wire.Header{
			{Name: "Forwarded", Value: "for=x"}, {Name: "X-Forwarded-For", Value: "10.0.0.1"}, {Name: "A", Value: "b"},
			{Name: "Transfer-Encoding", Value: "chunked"}}, Body: "2\r\n4x\r\n0\r\n\r\n"},
	}
	for name, request := range requests {
		seen := make(map[int]bool)
		for size := 20_000; size <= 20_600; size += 5 {
			got := m[0].request(t, request.Method, request.Target, request.Body, padded(request, size)...)
			seen[got.Code] = true
			if m[0].Stats().Nodes != 1 {
				t.Fatalf("%s of %d bytes: the owner is dropped", name, size)
			}
			if got.Code != http.StatusRequestHeaderFieldsTooLarge && got.Code != http.StatusOK && name != "upgrade" {
				t.Fatalf("%s of %d bytes: %d %q", name, size, got.Code, got.Body)
			}
		}
		if !seen[http.StatusRequestHeaderFieldsTooLarge] {
			t.Errorf("%s: only %v", name, seen)
		}
	}
	if s := m[0].Stats(); s.TooLong == 0 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	if m[0].directory.find(t.Context(), m[1].tag) == nil {
		t.Error("the owner is not known any more")
	}
}

// A node may have another limit, and so does what a proxy between the nodes takes: what is answered without the owner's
// tag does not make the owner a stranger. It says who it is when it is asked.
func TestAnAnswerBeforeTheOwnersHandler(t *testing.T) {
	r := fleet.StartRedis(t)
	m := []*member{
		join(t, inRedis(t, r)), join(t, inRedis(t, r), func(o *Options) { o.MaxHeaderBytes = maxHeader / 4 }),
	}
	m[0].await(t, 1)
	sid := m[1].open(t)
	requests := map[string]wire.Request{
		"upgrade": {Method: "GET", Target: target("websocket", sid), Headers: upgrading},
		"poll":    {Method: "GET", Target: target("polling", sid)},
	}
	for name, request := range requests {
		for range 20 {
			got := m[0].request(t, request.Method, request.Target, "", padded(request, maxHeader)...)
			if got.Code != http.StatusBadRequest || m[0].Stats().Nodes != 1 {
				t.Fatalf("%s: %d %q, %+v", name, got.Code, got.Body, m[0].Stats())
			}
		}
	}
	until(t, "the owner has said who it is", func() bool {
		m[0].Node.mu.Lock()
		defer m[0].Node.mu.Unlock()
		return len(m[0].doubted) == 0
	})
	if s := m[0].Stats(); s.Nodes != 1 || s.Failed != 40 || m[1].Stats().Received != 0 {
		t.Errorf("%+v, %+v", s, m[1].Stats())
	}
	if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != http.StatusOK {
		t.Errorf("the next request: %d %q", got.Code, got.Body)
	}
}

// padded are the fields of a request that make it size bytes long without its body.
func padded(r wire.Request, size int) []wire.Header {
	r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], wire.Header{Name: "Cookie"})
	size -= len(r.Bytes()) - len(r.Body)
	r.Headers[len(r.Headers)-1].Value = strings.Repeat("x", size)
	return r.Headers
}
