package test

// Why a socket ends, in the words of a Node.js server: the same bytes are sent to one and to ours. The reason decides
// whether the session can be recovered.

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// The ways in which a client of the test is connected.
const (
	onWebSocket  = "WebSocket"
	betweenPolls = "polling, between two polls"
	withAPoll    = "polling, with a poll that waits"
)

const (
	forced   = "forced close"
	noSense  = "parse error"
	breach   = "transport error"
	gone     = "transport close"
	thrown   = "server namespace disconnect"
	hasLeft  = "client namespace disconnect"
	later    = "" // Node.js waits for the next poll, or for 30 s, and then says forced close
	forcedBy = "forced server close"
)

// Each case has what a client sends, and the reasons on each way that it is connected. A fourth is ours between two
// polls, where that is another than Node.js's: the session ends at once. Whether it can be recovered is the same.
var reasonCases = []struct {
	name string
	send []string // frames, or the packets of a POST; "b" begins a binary one, in base64
	want []string // on WebSocket, with a poll, between polls
}{
	{"a packet that makes no sense", []string{"42{}"}, []string{forced, forced, later, forced}},
	{"JSON that is none", []string{`42["x",`}, []string{forced, forced, later, forced}},
	{"an unknown packet type", []string{"49"}, []string{forced, forced, later, forced}},
	{"an unexpected attachment", []string{"bYWJj"}, []string{forced, forced, later, forced}},
	{
		"text in place of an attachment", []string{`451-["x",{"_placeholder":true,"num":0}]`, `42["x"]`},
		[]string{forced, forced, later, forced},
	},
	{"a second CONNECT", []string{"40"}, []string{forced, forced, forcedBy, forced}},
	{"an event for another namespace", []string{`42/x,["x"]`}, []string{forced, forced, forcedBy, forced}},
	{"a CONNECT_ERROR", []string{"44{}"}, []string{forced, forced, forcedBy, forced}},
	{"DISCONNECT", []string{"41"}, []string{hasLeft, hasLeft, hasLeft}},
	{"leave me", []string{`42["leave me",true]`}, []string{thrown, thrown, thrown}},
	{"an unknown Engine.IO packet", []string{"9"}, []string{noSense, noSense, noSense}},
	{"an empty Engine.IO packet", []string{""}, []string{noSense, noSense, noSense}},
	{"a ping", []string{"2"}, []string{breach, breach, breach}},
	{"a close packet", []string{"1"}, []string{later, gone, gone}}, // on a WebSocket it means nothing
}

func TestDisconnectReasons(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, name string) {
		tg := startFixture(t, name)
		left := watchLeavers(t, tg.addr)
		for _, c := range reasonCases {
			for i, how := range []string{onWebSocket, withAPoll, betweenPolls} {
				want := c.want[i]
				if name == "gateway" && how == betweenPolls {
					want = c.want[len(c.want)-1]
				}
				if want == later {
					continue
				}
				t.Run(c.name+"/"+how, func(t *testing.T) {
					leaver(t, tg.addr, t.Name(), how, c.send)
					select {
					case l := <-left:
						if l.name != t.Name() || l.reason != want {
							t.Errorf("%q went: %q, want %q", l.name, l.reason, want)
						}
					case <-time.After(patience):
						t.Error("it stays")
					}
				})
			}
		}
	})
}

type leaving struct{ name, reason string }

// watchLeavers tells of sockets that end.
func watchLeavers(t *testing.T, addr string) <-chan leaving {
	t.Helper()
	ws, err := wire.DialWebSocket(addr, wire.NewSocket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	ws.SendText(`40{"name":"watcher"}`)
	awaitText(t, ws, "40")
	ws.SendText(`420["join","watchers"]`)
	awaitText(t, ws, "430")
	left := make(chan leaving, 100)
	go func() {
		for {
			f, err := ws.ReadFrame()
			if err != nil {
				return
			}
			text := string(f.Payload)
			var event []any
			if strings.HasPrefix(text, "42") && json.Unmarshal(f.Payload[2:], &event) == nil && event[0] == "left" {
				left <- leaving{event[1].(string), event[2].(string)}
			} else if text == "2" {
				ws.SendText("3")
			}
		}
	}()
	return left
}

// awaitText reads until a text that begins like that.
func awaitText(t *testing.T, ws *wire.WebSocket, beginning string) string {
	t.Helper()
	ws.SetReadDeadline(time.Now().Add(patience))
	defer ws.SetReadDeadline(time.Time{})
	for {
		f, err := ws.ReadFrame()
		if err != nil {
			t.Fatalf("waiting for %q: %v", beginning, err)
		}
		if strings.HasPrefix(string(f.Payload), beginning) {
			return string(f.Payload)
		}
	}
}

// leaver connects a client and has it send something.
func leaver(t *testing.T, addr, name, how string, send []string) {
	t.Helper()
	auth := `40{"name":"` + name + `"}`
	if how == onWebSocket {
		ws, err := wire.DialWebSocket(addr, wire.NewSocket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		ws.SendText(auth)
		awaitText(t, ws, "40")
		for _, s := range send {
			if data, binary := strings.CutPrefix(s, "b"); binary {
				payload, _ := base64.StdEncoding.DecodeString(data)
				ws.Send(wire.Frame{Opcode: wire.Binary, Payload: payload})
			} else {
				ws.SendText(s)
			}
		}
		return
	}
	session := connectPolling(t, addr, auth)
	if how == withAPoll {
		c, err := wire.Dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.Write(wire.Request{Method: "GET", Target: session}.Bytes())
		time.Sleep(50 * time.Millisecond)
	}
	_, _ = wire.Post(addr, session, strings.Join(send, "\x1e"), patience) // the server may hang up
}
