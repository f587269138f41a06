package migration

// The entrance's health check, like a balancer's: new connections go to the nodes whose /readyz answers 200.

import (
	"slices"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// checkEvery is how often a node is asked whether it is ready.
const checkEvery = 100 * time.Millisecond

// watch leads new connections to those of the nodes that are ready, until the test ends. add adds a node.
func (e *entrance) watch(t *testing.T, nodes ...string) (add func(addr string)) {
	t.Helper()
	added, end, done := make(chan string), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var ready []string
			for _, addr := range nodes {
				response, err := wire.Get(addr, "/readyz", time.Second)
				if err == nil && response.Code == 200 {
					ready = append(ready, addr)
				}
			}
			e.mu.Lock()
			e.nodes = ready
			e.mu.Unlock()
			select {
			case <-end:
				return
			case addr := <-added:
				nodes = append(nodes, addr)
			case <-time.After(checkEvery):
			}
		}
	}()
	t.Cleanup(func() { close(end); <-done })
	return func(addr string) { added <- addr }
}

// leads reports whether new connections go to a node.
func (e *entrance) leads(addr string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.nodes, addr)
}
