package forward

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// Connections to owners take no descriptor of the reserve: who needs one is told to come later, and what is there for
// other things still opens files.
func TestTheReserveOfDescriptors(t *testing.T) {
	registry := new(memoryRegistry)
	owner := joinAll(t, 1, registry.shared)[0]
	sid := owner.open(t)
	const most = 200
	m := join(t, registry.shared(), func(o *Options) { o.MaxFile = most })
	m.await(t, 1)
	if got := m.request(t, "POST", target("polling", sid), "4x"); got.Code != http.StatusOK {
		t.Fatalf("got %d %q while there are descriptors", got.Code, got.Body)
	}

	var taken []*os.File // as by clients
	defer func() {
		for _, f := range taken {
			f.Close()
		}
	}()
	take := func() {
		m.transport.CloseIdleConnections()
		for len(taken) == 0 || taken[len(taken)-1].Fd() < most {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, f)
		}
		taken[len(taken)-1].Close()
		taken = taken[:len(taken)-1]
	}
	upgrade := []wire.Header{
		{Name: "Connection", Value: "Upgrade"}, {Name: "Upgrade", Value: "websocket"},
		{Name: "Sec-WebSocket-Version", Value: "13"}, {Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="},
	}
	// Connections that have been closed give their descriptors back a little later.
	until(t, "a POST finds none", func() bool {
		take()
		return m.request(t, "POST", target("polling", sid), "4x").Code == http.StatusServiceUnavailable
	})
	until(t, "an upgrade finds none", func() bool {
		m.endLinks() // of an attempt before, which has found one: over its link, no other needs any
		take()
		return m.request(t, "GET", target("websocket", sid), "", upgrade...).Code == http.StatusServiceUnavailable
	})
	if s := m.Stats(); s.NoFiles < 2 || s.Nodes != 1 {
		t.Errorf("%+v", s)
	}

	for _, f := range taken {
		f.Close()
	}
	taken = nil
	if got := m.request(t, "POST", target("polling", sid), "4x"); got.Code != http.StatusOK {
		t.Errorf("got %d %q when there are descriptors again", got.Code, got.Body)
	}
}

// endLinks ends the node's links, and waits for their end.
func (m *member) endLinks() {
	m.Node.mu.Lock()
	links := slices.Collect(maps.Values(m.links))
	m.Node.mu.Unlock()
	for _, l := range links {
		if <-l.ready; l.session != nil {
			l.session.Close()
			<-l.session.Done()
		}
	}
}
