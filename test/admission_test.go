package test

// The built gateway when all its connections are taken.

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/abuse"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// plainBinary is the gateway without the race detector, whose memory would be most of it.
var plainBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workDir, "gateway-plain")
	out, err := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/gateway").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return path, err
})

// newPlain describes a gateway without the race detector that stands alone.
func newPlain(t *testing.T, env ...string) *target {
	t.Helper()
	path, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	tg := newTarget(t, "gateway", append([]string{"ADAPTER=memory", "NODE_ENV=production"}, env...)...)
	tg.program = path
	return tg
}

// Clients that say nothing take all the connections that they can get. Still who is there already goes on, and the
// health check passes, so that nobody ends a gateway that is well. Without MAX_CONNECTIONS the health check failed, and
// clients waited for 25 s. What good clients notice is in package abuse.
func TestAllConnectionsTaken(t *testing.T) {
	needsGateway(t)
	for _, connections := range []string{"auto", "250"} {
		t.Run(connections, func(t *testing.T) {
			t.Parallel()
			testAllConnectionsTaken(t, connections)
		})
	}
}

func testAllConnectionsTaken(t *testing.T, connections string) {
	const files = 400
	tg := newPlain(t, "MAX_CONNECTIONS="+connections)
	tg.program, tg.args = "sh", []string{"-c", fmt.Sprintf("ulimit -n %d && exec %s", files, tg.program)}
	tg.run(t)
	var idle []net.Conn
	leave := func() {
		for _, c := range idle {
			c.Close()
		}
		idle = nil
	}
	defer leave()
	healthy := func() {
		t.Helper()
		host, port, _ := net.SplitHostPort(tg.addr)
		code, stdout, stderr := runGateway(t, []string{"HOST=" + host, "PORT=" + port}, "healthcheck")
		if code != 0 {
			t.Errorf("the health check says %d, %q, %q", code, stdout, stderr)
		}
	}
	there, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	take := func() {
		for _, source := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			idle = append(idle, abuse.Idle(tg.addr, source, files)...)
		}
	}
	for range 3 {
		take()
		healthy()
		time.Sleep(time.Second)
	}
	healthy()
	// With auto it also depends on which numbers of files are free, and those change for a while. Who says nothing is
	// let go after 10 s, so on a busy machine there may be room again.
	full := false
	for tries := 0; tries < 5 && !full && connections != "auto"; tries++ {
		take()
		ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
		if full = err != nil; !full {
			ws.Close()
		}
	}
	if !full && connections != "auto" {
		t.Error("there was room for another client: the test proves nothing")
	}
	s := newScriptSocket("", there)
	if err := there.SendText("40"); err != nil {
		t.Error(err)
	}
	if got := s.collect(2); len(got) != 2 {
		t.Errorf("who was there got %q", got)
	}
	leave()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ws, err := wire.DialWebSocket(tg.addr, wire.NewSocket)
		if err == nil {
			ws.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody gets in after the attack: %v", err)
		}
	}
}
