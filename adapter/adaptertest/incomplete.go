package adaptertest

// Answers that not all servers have contributed to: each says so, every time.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// rounds is how often a server is asked that cannot know all: an answer must not seem complete because one before was
// not.
const rounds = 3

// testSilent has one server that never answers: the others' answers arrive, and are said to be incomplete.
func testSilent(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	if f.Silent == nil {
		return
	}
	f.Silent(t)
	eventually(t, "the broker counts a silent server", func() bool {
		n, err := f.ns(0).Adapter().ServerCount(t.Context())
		return err == nil && n == len(f.servers)+1
	})
	for range rounds {
		f.incomplete(t, 0, []int{0, 1, 2}, func(what string, err error) {
			var incomplete *socketio.IncompleteError
			if !errors.As(err, &incomplete) || incomplete.Missing != 1 || incomplete.Answered != len(f.servers)-1 {
				t.Errorf("%s: %v, want %d answers and one that is missing", what, err, len(f.servers)-1)
			}
		})
	}
}

// incomplete asks a server for everything that there is to ask. Those clients are to be in the answers; check gets the
// errors, all of which match ErrIncomplete.
func (f *fixture) incomplete(t *testing.T, server int, clients []int, check func(what string, err error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ns, ids := f.ns(server), f.idsOf(clients)
	does := func(what string, got, want any, err error) {
		t.Helper()
		what = fmt.Sprintf("server %d: %s", server, what)
		if !errors.Is(err, socketio.ErrIncomplete) {
			t.Errorf("%s: %v, want ErrIncomplete", what, err)
		} else if check != nil {
			check(what, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	sockets, err := ns.FetchSockets(ctx)
	var got []string
	for _, s := range sockets {
		got = append(got, s.ID())
	}
	does("FetchSockets", sorted(got), ids, err)
	got, err = ns.Adapter().Sockets(ctx, "all")
	does("Sockets", sorted(got), ids, err)
	if lister, ok := ns.Adapter().(socketio.RoomLister); ok {
		rooms, err := lister.AllRooms(ctx)
		does("AllRooms", slices.Contains(rooms, ids[0]), true, err)
	}
	servers := map[int]bool{server: true}
	for _, i := range clients {
		servers[f.serverOf(i)] = true
	}
	answers, err := ns.ServerSideEmitWithAck(ctx, "hello", "q")
	does("ServerSideEmitWithAck", len(answers), len(servers)-1, err)
	acks, err := f.ask(t, ns.To("all").Timeout(patience), clients...)
	does("EmitWithAck", acks, answersOf(clients...), err)
	if ctx.Err() != nil {
		t.Errorf("server %d: asking takes more than %v", server, patience)
	}
	short, end := context.WithTimeout(ctx, time.Millisecond)
	defer end()
	if sockets, err := ns.Local().FetchSockets(short); err != nil || len(sockets) != len(f.clientsOf(server)) {
		t.Errorf("server %d: its own: %d sockets, %v", server, len(sockets), err)
	}
}

// idsOf are the ids of clients, sorted.
func (f *fixture) idsOf(clients []int) (ids []string) {
	for _, i := range clients {
		ids = append(ids, f.clients[i].ID)
	}
	return sorted(ids)
}
