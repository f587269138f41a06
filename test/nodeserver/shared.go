package nodeserver

import (
	"fmt"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// Shared are servers that the tests of a package share, as starting one takes most of a second. The zero value is ready
// for use.
type Shared struct {
	mu    sync.Mutex
	urls  map[string]string // by script and environment
	stops []func()
}

// URL is that of the server which is a script with that environment. It is started where it does not run yet.
func (s *Shared) URL(t testing.TB, script string, env ...string) string {
	t.Helper()
	needs.NodeJS(t)
	key := fmt.Sprint(script, env)
	s.mu.Lock()
	defer s.mu.Unlock()
	if url := s.urls[key]; url != "" {
		return url
	}
	addr := freeaddr.Need(t)
	s.stops = append(s.stops, StartAt(t, addr, script, env...))
	if s.urls == nil {
		s.urls = make(map[string]string)
	}
	s.urls[key] = "http://" + addr
	return s.urls[key]
}

// Around ends the servers behind the tests of m. It is for TestMain.
func (s *Shared) Around(m *testing.M) *Runner { return &Runner{s, m} }

// A Runner runs tests.
type Runner struct {
	shared *Shared
	m      *testing.M
}

// Run is testing.M's.
func (r *Runner) Run() int {
	defer func() {
		for _, stop := range r.shared.stops {
			stop()
		}
	}()
	return r.m.Run()
}
