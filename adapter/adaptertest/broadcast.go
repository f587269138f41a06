package adaptertest

// Broadcasts: whom they reach, and with what.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// everything is an argument of all kinds that JSON has.
var everything = map[string]any{"n": 1.5, "big": int64(1) << 50, "s": "é\n\"<&>"}

func testBroadcast(t *testing.T, start Start) {
	for _, namespace := range []string{"/", "/chat"} {
		f := newFixture(t, start, namespace)
		for from := range f.servers {
			f.broadcast(t, from)
		}
		f.check(t)
	}
}

func (f *fixture) broadcast(t *testing.T, from int) {
	ns := f.ns(from)
	own := func(i int) string { return f.clients[i].ID }
	for _, c := range []struct {
		name string
		to   socketio.BroadcastOperator
		who  []int
	}{
		{"everybody", ns.To(), []int{0, 1, 2}},
		{"one room", ns.To("1"), []int{1}},
		{"one room of several members", ns.To("all"), []int{0, 1, 2}},
		{"several rooms", ns.To("0", "2"), []int{0, 2}},
		{"overlapping rooms", ns.To("all", "1", own(1)), []int{0, 1, 2}},
		{"a socket's own room", ns.To(own(2)), []int{2}},
		{"nobody's room", ns.To("nobody"), nil},
		{"nobody's rooms", ns.To("nobody", "none"), nil},
		{"all but a room", ns.Except("1"), []int{0, 2}},
		{"a room but another", ns.To("all").Except(own(0), "2"), []int{1}},
		{"volatile", ns.To("all").Volatile(), []int{0, 1, 2}},
		{"local", ns.To("all").Local(), f.clientsOf(from)},
		{"not compressed", ns.To("all").Compress(false), []int{0, 1, 2}},
		{"odd names", ns.To("a#b", "é*[", "2"), []int{2}},
	} {
		if err := c.to.Emit("ev", c.name, everything, nil, true); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		f.expect(t, fmt.Sprintf(`["ev",%q,{"big":1125899906842624,"n":1.5,"s":"é\n\"<&>"},null,true]`, c.name),
			c.who...)
	}
	if err := ns.To("all").Emit("bin", map[string]any{"b": []byte{1, 2, 3}}, []byte{}, []byte{0xff}); err != nil {
		t.Error(err)
	}
	f.expect(t, `["bin",{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1},`+
		`{"_placeholder":true,"num":2}] 010203  ff`, 0, 1, 2)
}

// testRoomNames uses names that a broker may take for something else, and some whose length is near that of a
// socket's id, by which Node.js's adapters tell those.
func testRoomNames(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	for _, room := range []string{
		strings.Repeat("x", 20), "sala-de-reunião-nº12", "sala-de-reunião-nº1", strings.Repeat("é", 10),
		strings.Repeat("😀", 10), "#", "a#b#", "", "*", "a.b.>", "with space", "\x00",
	} {
		f.socket(1).Join(room)
		f.settle(t)
		if err := f.ns(0).To(room).Emit("ev", room, 0); err != nil {
			t.Error(err)
		}
		text, err := json.Marshal(room)
		if err != nil {
			t.Fatal(err)
		}
		f.expect(t, fmt.Sprintf(`["ev",%s,0]`, strings.ReplaceAll(string(text), `\u003e`, ">")), 1)
	}
	f.check(t)
}
