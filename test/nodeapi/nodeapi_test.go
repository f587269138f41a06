// Package nodeapi tests what Node.js's server has beside what most programs use, with one set of tests on both: on a
// program for Node.js and on the same for this library.
package nodeapi

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNodeAPI(t *testing.T) {
	needs.NodeJS(t)
	binary := filepath.Join(t.TempDir(), "api")
	if err := child.Build(binary, "../fixture/api", needs.Race()...); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string][]string{"node": {"node", "../js/library/api.mjs"}, "go": {binary}} {
		t.Run(name, func(t *testing.T) {
			addr := freeaddr.Need(t)
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			p, err := child.Start(append(child.Path(), "HOST="+host, "PORT="+port), command[0], command[1:]...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if !p.Stop(15 * time.Second) {
					t.Error("SIGTERM does not end it")
				}
				if t.Failed() {
					t.Log(p.Stderr.Tail())
				}
			}()
			err = p.Await(time.Minute, func() bool {
				response, err := wire.Get(addr, "/", time.Second)
				return err == nil && response.Code == 200
			})
			if err != nil {
				t.Fatal(err)
			}
			child.RunScript(t, "../js/clients/api.test.mjs", "URL=http://"+addr)
		})
	}
}
