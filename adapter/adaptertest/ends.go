package adaptertest

// Servers that leave, and sessions that go on elsewhere.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
)

// testLeave shuts a server down: the others do not wait for it, nor know its sockets any more.
func testLeave(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	last := len(f.servers) - 1
	if last == 0 {
		f.closeTwice(t, 0)
		return
	}
	gone, left := f.clientsOf(last), []int{}
	for i := range f.clients {
		if !slices.Contains(gone, i) {
			left = append(left, i)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.servers[last].Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	f.closeTwice(t, last)
	for _, i := range gone {
		f.clients[i].ExpectDisconnectAfterAll()
	}
	f.awaitServers(t, last)
	sockets, err := f.ns(0).FetchSockets(ctx)
	if err != nil || len(sockets) != len(left) {
		t.Errorf("%d sockets, %v", len(sockets), err)
	}
	answers, err := f.ns(0).ServerSideEmitWithAck(ctx, "hello", 1)
	if err != nil || len(answers) != last-1 {
		t.Errorf("%d answers, %v", len(answers), err)
	}
	got, err := f.ask(t, f.ns(0).To("all").Timeout(patience), left...)
	if err != nil || !slices.Equal(got, answersOf(left...)) {
		t.Errorf("asking %v: %q, %v", left, got, err)
	}
	f.do(t, f.ns(0).Emit("still", 1))
	for _, i := range left {
		f.expectNext(t, i, `["still",1]`)
	}
}

// closeTwice closes an adapter that may be closed already.
func (f *fixture) closeTwice(t *testing.T, server int) {
	t.Helper()
	for range 2 {
		if err := f.ns(server).Adapter().Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// testRecovery has a client lose its connection and come back to another server, where it gets what it has missed.
func testRecovery(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	if f.Recovery == nil {
		f.noRecovery(t)
		return
	}
	offset := f.commonOffset(t)
	old := f.clients[0]
	old.Close()
	eventually(t, "the server has noticed", func() bool { return f.socket(0) == nil })
	for i := range 3 {
		f.do(t, f.ns(i).To("0").Emit("missed", i))
		f.do(t, f.ns(i).To("1").Emit("not for it", i))
	}
	f.do(t, f.ns(1).To("all").Emit("binary", []byte{7}))
	// Where the others have all of it, the broker has.
	for i := range f.clients[1:] {
		for {
			if text, _ := f.next(i + 1); text == `["binary",{"_placeholder":true,"num":0}] 07` {
				break
			}
		}
	}
	c := testclient.Resume(t, f.servers[f.serverOf(1)].url, "/", old.PID, offset)
	if c.ID != old.ID || c.PID != old.PID {
		t.Fatalf("resumed as %s with %s, want %s with %s", c.ID, c.PID, old.ID, old.PID)
	}
	f.clients[0] = c
	want := map[string]int{
		`["missed",0]`: 1, `["missed",1]`: 1, `["missed",2]`: 1, `["binary",{"_placeholder":true,"num":0}] 07`: 1,
	}
	for range want {
		text, _ := f.nextMissed(0)
		if want[text]--; want[text] < 0 {
			t.Errorf("got %q, or got it twice", text)
		}
	}
	f.do(t, f.ns(2).To("0").Emit("after", 1))
	f.expectNext(t, 0, `["after",1]`)
	if rooms := f.ns(1).Adapter().SocketRooms(c.ID); !slices.Equal(sorted(rooms), sorted(f.roomsOf(0))) {
		t.Errorf("resumed in the rooms %v", rooms)
	}
}

// commonOffset tells all clients something, and returns the offset that it comes with. Where the broker is slow to take
// an event, clients of the server that says it may get it without one, so it says several.
func (f *fixture) commonOffset(t *testing.T) string {
	t.Helper()
	for n := range 10 {
		f.do(t, f.ns(1).To("all").Emit("before", n))
		offsets := map[string]bool{}
		for i := range f.clients {
			text, offset := f.next(i)
			if want := fmt.Sprintf(`["before",%d]`, n); text != want {
				t.Fatalf("client %d got %q, want %q", i, text, want)
			}
			offsets[offset] = true
		}
		switch {
		case len(offsets) == 1 && !offsets[""]:
			return slices.Collect(maps.Keys(offsets))[0]
		case len(offsets) > 2, len(offsets) == 2 && !offsets[""]:
			t.Fatalf("one event has the offsets %q", slices.Collect(maps.Keys(offsets)))
		}
	}
	t.Fatal("no event comes to all clients with an offset")
	return ""
}

// nextMissed is next, but begins with what came before the answer to CONNECT.
func (f *fixture) nextMissed(i int) (payload, offset string) {
	c := f.clients[i]
	if len(c.Missed) == 0 {
		return f.next(i)
	}
	text := c.Missed[0]
	c.Missed = c.Missed[1:]
	return f.parse(i, text)
}

// noRecovery asks for a session that nobody keeps.
func (f *fixture) noRecovery(t *testing.T) {
	for i := range f.servers {
		restored, err := f.ns(i).Adapter().RestoreSession(t.Context(), "pid", fmt.Sprint(i))
		if restored != nil || err != nil {
			t.Errorf("server %d restores %v, %v", i, restored, err)
		}
	}
}
