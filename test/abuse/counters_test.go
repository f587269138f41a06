package abuse

// The bounds of docs/SECURITY-MODEL.md that one client comes to: each moves the counter that stands beside it. Those
// that take a crowd are in the table of attacks.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestBoundsMoveTheirCounters(t *testing.T) {
	for _, test := range []struct {
		counter  string
		settings []string
		do       func(t *testing.T, addr string)
	}{
		{`gateway_disconnects_total{reason="transport error"}`, []string{"MAX_PAYLOAD=1000"}, says(event(2000))},
		{
			`gateway_disconnects_total{reason="ping timeout"}`,
			[]string{"PING_INTERVAL=500ms", "PING_TIMEOUT=500ms"}, says(),
		},
		{`gateway_disconnects_total{reason="forced close"}`, nil, says("4x")},
		{`gateway_client_limits_total{limit="attachments"}`, nil, says(`4511-["x"]`)},
		{
			`gateway_client_limits_total{limit="nesting"}`, nil,
			says(`42["x",` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `]`),
		},
		{`gateway_client_limits_total{limit="auth"}`, nil, func(t *testing.T, addr string) {
			ws, err := wire.DialWebSocket(addr, wire.NewSocket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ws.Close() })
			ws.SendText(`40{"x":"` + strings.Repeat("x", 70_000) + `"}`)
		}},
		{`gateway_client_limits_total{limit="packet time"}`, []string{"CONNECT_TIMEOUT=500ms"}, says(`451-["x"]`)},
		{`gateway_throttled_total`, []string{"MESSAGE_RATE=1"}, says(slices.Repeat([]string{`42["x"]`}, 10)...)},
		{`gateway_slow_clients_total{cause="queue"}`, []string{"MAX_QUEUE=1000000", anySize}, readsNothing(1)},
		{`gateway_slow_clients_total{cause="total"}`, []string{"MAX_TOTAL_QUEUE=1000000", anySize}, readsNothing(2)},
		{`gateway_slow_clients_total{cause="stalled"}`, []string{"WRITE_TIMEOUT=500ms", anySize}, readsNothing(1)},
		{`gateway_refused_total{limit="sessions"}`, []string{"MAX_SESSIONS=1"}, opens(2, 0)},
		{`gateway_refused_total{limit="sessions of the address"}`, []string{"MAX_SESSIONS_PER_ADDRESS=1"}, opens(2, 0)},
		{`gateway_refused_total{limit="handshakes of the address"}`, []string{"HANDSHAKE_RATE=1"}, opens(7, 0)},
		{`gateway_refused_total{limit="size of the handshake"}`, nil, opens(1, 17_000)},
		{`gateway_handshake_errors_total{code="1"}`, nil, func(t *testing.T, addr string) {
			if r, err := wire.Get(addr, wire.NewPolling+"&sid=nobody", patience); err != nil || r.Code != 400 {
				t.Errorf("%v %v", r, err)
			}
		}},
	} {
		t.Run(test.counter, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, 0, test.settings...)
			if value, err := n.metric(test.counter); err != nil || value != 0 {
				t.Fatalf("before: %v %v", value, err)
			}
			test.do(t, n.addr)
			moved := await.Until(30*time.Second, func() bool {
				value, err := n.metric(test.counter)
				return err == nil && value > 0
			})
			if !moved {
				t.Error("it does not move")
			}
		})
	}
}

// says has a client join and say packets.
func says(packets ...string) func(*testing.T, string) {
	return func(t *testing.T, addr string) {
		c := come(t, addr, 1)
		for _, p := range packets {
			c[0].say(p) // which may have ended it already
		}
	}
}

// readsNothing has clients say much to themselves and read nothing of it.
func readsNothing(clients int) func(*testing.T, string) {
	return func(t *testing.T, addr string) {
		message := text(event(900_000))
		for _, m := range come(t, addr, clients) {
			for range 14 {
				if m.write(message, time.Second) != nil {
					break
				}
			}
		}
	}
}

// come lets clients come, who go with the test.
func come(t *testing.T, addr string, clients int) crowd {
	t.Helper()
	c, err := gather(addr, clients, false, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.leave)
	return c
}

// opens makes handshakes, with a header of some length.
func opens(handshakes, header int) func(*testing.T, string) {
	cookie := wire.Header{Name: "Cookie", Value: strings.Repeat("x", header)}
	return func(t *testing.T, addr string) {
		request := wire.Request{Method: "GET", Target: wire.NewPolling, Headers: []wire.Header{cookie}}
		for range handshakes {
			if _, err := wire.Do(addr, request, patience); err != nil {
				t.Error(err)
			}
		}
	}
}
