package socketio

// The bound on what connection state recovery keeps.

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// TestRecoveryIsBounded: the oldest go, of whichever namespace, and a client that has missed one of them begins anew.
func TestRecoveryIsBounded(t *testing.T) {
	const most = 100_000
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{MaxBytes: most}})
	srv.OfPattern(regexp.MustCompile(`^/n`))
	c := srv.connect()
	c.settle()
	if err := srv.Emit("first"); err != nil {
		t.Fatal(err)
	}
	offset := c.wantEvent(`2["first"`)
	c.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	again := func(want bool) {
		t.Helper()
		d := srv.dial()
		d.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
		for {
			if f := d.read(); strings.HasPrefix(f, `0{"sid"`) {
				if sid, _ := between(f, `"sid":"`, `"`); (sid == c.sid) != want {
					t.Errorf("resumed: %v, want %v", sid == c.sid, want)
				}
				break
			}
		}
		d.drop(engineio.ReasonTransportClose)
		eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	}
	srv.Emit("second")
	again(true)
	for i := range 1000 { // in other namespaces
		if err := srv.Of(fmt.Sprintf("/n%d", i)).Emit("x", strings.Repeat("x", 500), []byte("attached")); err != nil {
			t.Fatal(err)
		}
		if kept := srv.Stats().RecoveryBytes; kept > most {
			t.Fatalf("%d bytes kept", kept)
		}
	}
	again(false)
	if dropped := srv.Stats().RecoveryDropped; dropped < 800 {
		t.Errorf("%d dropped", dropped)
	}
	srv.Emit("large", strings.Repeat("x", 2*most))
	if kept := srv.Stats().RecoveryBytes; kept != 0 {
		t.Errorf("%d bytes kept with a packet that is too large", kept)
	}
}

// TestRecoveryDroppedMeanwhile: what a client has missed goes while a middleware runs for it. It is not told that it
// has everything; it is disconnected, and begins anew.
func TestRecoveryDroppedMeanwhile(t *testing.T) {
	srv := newTestServer(t, Options{
		ConnectionStateRecovery: &ConnectionStateRecovery{MaxBytes: 10_000, RunMiddlewares: true},
	})
	recovered := make(chan bool, 2)
	srv.Use(func(s *Socket) error {
		if s.Recovered() {
			for range 100 {
				srv.Emit("x", strings.Repeat("x", 500))
			}
		}
		recovered <- s.Recovered()
		return nil
	})
	c := srv.connect()
	receive(t, "the middleware", recovered)
	c.settle()
	srv.Emit("first")
	offset := c.wantEvent(`2["first"`)
	c.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	d := srv.dial()
	d.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
	if !receive(t, "the middleware", recovered) {
		t.Fatal("not resumed")
	}
	d.wantEnded(engineio.ReasonForcedClose)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.frames {
		if strings.HasPrefix(f, "0{") {
			t.Errorf("received %s", f)
		}
	}
}

// TestRecoverySessionsAreBounded: sessions count too, with their rooms and their data.
func TestRecoverySessionsAreBounded(t *testing.T) {
	const most = 100_000
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{MaxBytes: most}})
	a := srv.Adapter().(*RecoveryAdapter)
	srv.Emit("x")
	data, err := NewRaw([]byte(`"` + strings.Repeat("x", 1000) + `"`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		a.PersistSession(SavedSession{SID: "sid", PID: fmt.Sprint(i % 500), Rooms: []string{"sid"}, Data: data})
	}
	if kept := srv.Stats().RecoveryBytes; kept > most || len(a.sessions) > most/1000 || len(a.sessions) < 50 {
		t.Errorf("%d bytes and %d sessions kept", kept, len(a.sessions))
	}
}
