package engineio

// A limit comes before the program: what AllowRequest costs, such as a look into a database, has the limits' bound.

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// openings are requests that would open a session.
var openings = map[string]string{
	"polling": "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	"WebSocket": "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	"revision 3": "GET /engine.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
}

func TestLimitsComeBeforeTheProgram(t *testing.T) {
	for name, request := range openings {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			h := start(t, setup{opts: Options{
				HandshakeRate: 0.001, HandshakeBurst: 3,
				AllowRequest: func(*http.Request) error { asked.Add(1); return errors.New("no") },
			}})
			var statuses []string
			for range 6 {
				statuses = append(statuses, statusOf(t, h.addr, request))
			}
			if n := asked.Load(); n != 3 {
				t.Errorf("the program was asked %d times for 6 requests, of which 3 are let in: %v", n, statuses)
			}
			if got := strings.Join(statuses[3:], " "); got != "429 429 429" {
				t.Errorf("%s", got)
			}
		})
	}
}

// Whoever the program refuses, or is wrong otherwise, leaves the place that it had.
func TestRefusedHandshakesTakeNoPlace(t *testing.T) {
	var no atomic.Bool
	h := start(t, setup{opts: Options{MaxSessions: 1, AllowRequest: func(*http.Request) error {
		if no.Load() {
			return errors.New("no")
		}
		return nil
	}}})
	addr := h.addr
	for name, request := range openings {
		no.Store(true)
		for range 3 {
			statusOf(t, addr, request)
		}
		no.Store(false)
		statusOf(t, addr, strings.Replace(request, "EIO=4", "EIO=5", 1))
		statusOf(t, addr, strings.Replace(request, "Sec-WebSocket-Key: dG", "Sec-WebSocket-Key: !", 1))
		statusOf(t, addr, strings.Replace(openings["WebSocket"], "transport=websocket", "transport=polling", 1))
		for _, s := range h.Server.all() { // those that were opened
			s.lockAndEnd(endCut, ReasonForcedClose)
		}
		eventually(t, name+": the place to be free", func() bool { return h.Server.door.Guests() == 0 })
	}
	h.openWS()
}

// statusOf sends a request on a connection of its own and returns the status of the answer.
func statusOf(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	var b [12]byte
	if _, err := conn.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	return string(b[9:])
}
