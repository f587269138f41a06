package socketio

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// A testGate keeps what it sees.
type testGate struct {
	mu    sync.Mutex
	steps []string
	enter func(*Socket) error
}

func (g *testGate) step(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.steps = append(g.steps, fmt.Sprintf(format, args...))
}

func (g *testGate) taken() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	steps := g.steps
	g.steps = nil
	return steps
}

func (g *testGate) Enter(s *Socket) error {
	g.step("enter %s %v", s.Namespace().Name(), s.Recovered())
	if g.enter != nil {
		return g.enter(s)
	}
	return nil
}

func (g *testGate) Event(e *Event) (bool, error) {
	switch e.Name() {
	case "gate":
		return true, e.Ack("the gate's")
	case "refused":
		return true, &Error{Message: "not you"}
	case "failed":
		return false, &Error{Message: "oh"}
	case "panics":
		panic("oh")
	}
	return false, nil
}

func (g *testGate) Leave(s *Socket) { g.step("leave %s", s.Namespace().Name()) }

// The gate stands before everything of every namespace, dynamic ones too, and hears last of a socket.
func TestGate(t *testing.T) {
	g := new(testGate)
	srv := newTestServer(t, Options{Gate: g})
	if srv.Gate() != g {
		t.Error("it is another")
	}
	for _, ns := range []*Namespace{srv.Of("/"), srv.OfPattern(regexp.MustCompile("^/dynamic"))} {
		ns.Use(func(*Socket) error { g.step("use"); return nil })
		ns.OnConnect(func(*Socket) error { g.step("connect"); return nil })
		ns.OnAny(func(e *Event) error { g.step("any %s", e.Name()); return nil })
		ns.OnDisconnect(func(*Socket, Reason) { g.step("disconnect") })
		ns.On("event", func(e *Event) error { return e.Ack("the handler's") })
	}
	c := srv.connect()
	c.settle()
	for event, want := range map[string]string{
		"gate": `["the gate's"]`, "refused": `[{"error":"not you"}]`, "failed": `[{"error":"oh"}]`,
		"panics": `[{"error":"internal error"}]`, "event": `["the handler's"]`,
	} {
		c.send(`21["` + event + `"]`)
		c.want("31" + want)
	}
	c.drop(engineio.ReasonTransportClose)
	c.settle()
	eventually(t, "it has left", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return slices.Contains(g.steps, "leave /")
	})
	steps := slices.DeleteFunc(g.taken(), func(s string) bool { return strings.HasPrefix(s, "any settle") })
	want := []string{"enter / false", "use", "connect", "any event", "disconnect", "leave /"}
	if got := strings.Join(steps, ", "); got != strings.Join(want, ", ") {
		t.Errorf("got %s", got)
	}

	g.enter = func(s *Socket) error {
		s.Join("before")
		return &ConnectError{Message: "no", Data: map[string]int{"code": 7}}
	}
	d := srv.dial()
	d.send("0/dynamic,")
	d.want(`4/dynamic,{"message":"no","data":{"code":7}}`)
	eventually(t, "it has left", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return slices.Equal(g.steps, []string{"enter /dynamic false", "leave /dynamic"})
	})
	g.enter = func(*Socket) error { panic(errors.New("oh")) }
	d.send("0/dynamic,")
	d.want(`4/dynamic,{"message":"Internal server error"}`)
}

// A session that is resumed goes past the gate, though not past the middlewares.
func TestGateOfARecoveredSession(t *testing.T) {
	g := new(testGate)
	srv := newTestServer(t, Options{Gate: g, ConnectionStateRecovery: &ConnectionStateRecovery{}})
	srv.Use(func(*Socket) error { g.step("use"); return nil })
	c := srv.connect()
	c.settle()
	srv.Emit("event")
	offset := c.wantEvent(`2["event"`)
	c.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	again := srv.dial()
	again.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
	if f := again.read(); !strings.Contains(f, c.pid) {
		t.Fatalf("not resumed: %s", f)
	}
	eventually(t, "it has been at the gate", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return slices.Contains(g.steps, "enter / true")
	})
	if got := strings.Join(g.taken(), ", "); got != "enter / false, use, leave /, enter / true" {
		t.Errorf("got %s", got)
	}
}
