// Package nodeserver starts servers on Node.js that tests talk to.
package nodeserver

import (
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// patience is how long a server may take to answer. It is no measure of speed.
const patience = 30 * time.Second

// Start runs a script of test/js, which gets HOST and PORT and env as its environment, until the test ends. It returns
// the server's URL once it answers there.
func Start(t testing.TB, script string, env ...string) (url string) {
	t.Helper()
	needs.NodeJS(t)
	addr := freeaddr.Need(t)
	url = "http://" + addr
	stop := StartAt(t, addr, script, env...)
	t.Cleanup(stop)
	return url
}

// StartAt is Start at a free address of the caller's; stop ends the server.
func StartAt(t testing.TB, addr, script string, env ...string) (stop func()) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	_, here, _, _ := runtime.Caller(0)
	file := filepath.Join(filepath.Dir(here), "../js", script)
	env = append(append(child.Path(), "HOST="+host, "PORT="+port), env...)
	p, err := child.Start(env, "node", file)
	if err != nil {
		t.Fatal(err)
	}
	answers := func() bool {
		answer, err := http.Get("http://" + addr)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return true
	}
	if err := p.Await(patience, answers); err != nil {
		p.Kill()
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return p.Kill
}
