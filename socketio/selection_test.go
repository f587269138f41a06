package socketio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSelection: whom each operator reaches. Four sockets; the name of a client stands for its socket's id.
func TestSelection(t *testing.T) {
	rooms := map[string][]string{
		"a": {"x", "y"}, "b": {"x", "all"}, "c": {"y", "all", "a"}, "d": {"all", "b"},
	}
	tests := []struct {
		to, except []string
		want       string
	}{
		{nil, nil, "abcd"},
		{[]string{"x"}, nil, "ab"},
		{[]string{"nobody"}, nil, ""},
		{[]string{"x", "nobody"}, nil, "ab"},
		{[]string{"x", "y"}, nil, "abc"},
		{[]string{"x", "x", "y", "all"}, nil, "abcd"},
		{[]string{"x", "y", "all"}, []string{"x"}, "cd"},
		{nil, []string{"x"}, "cd"},
		{nil, []string{"x", "y"}, "d"},
		{nil, []string{"all", "a"}, ""},
		{[]string{"x"}, []string{"x"}, ""},
		{[]string{"x"}, []string{"nobody"}, "ab"},
		// The rooms that ids name: c has joined a's, d has joined b's.
		{[]string{"a"}, nil, "ac"},
		{[]string{"a", "x"}, nil, "abc"},
		{[]string{"d", "x"}, nil, "abd"},
		{[]string{"d", "c"}, nil, "cd"},
		{[]string{"d"}, []string{"d"}, ""},
		{[]string{"d", "all"}, []string{"c"}, "bd"},
		{nil, []string{"a"}, "bd"},
		{nil, []string{"b", "a"}, ""},
	}
	srv := newTestServer(t, Options{})
	clients, ids := map[string]*testClient{}, map[string]string{}
	for name := range rooms {
		clients[name] = srv.connect()
		clients[name].settle()
		ids[name] = clients[name].sid
	}
	room := func(names []string) []string {
		var out []string
		for _, n := range names {
			if id, ok := ids[n]; ok {
				n = id
			}
			out = append(out, n)
		}
		return out
	}
	for name, r := range rooms {
		clients[name].socket().Join(room(r)...)
		clients[name].socket().Join(room(r)...) // again changes nothing
	}
	for i, tt := range tests {
		event := fmt.Sprintf("e%d", i)
		op := srv.To(room(tt.to)...).Except(room(tt.except)...)
		if err := op.Emit(event); err != nil {
			t.Fatal(err)
		}
		if err := srv.Emit("end"); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, name := range []string{"a", "b", "c", "d"} {
			for f := clients[name].read(); f != `2["end"]`; f = clients[name].read() {
				if f != fmt.Sprintf(`2["e%d"]`, i) {
					t.Errorf("%s received %s", name, f)
				}
				got.WriteString(name)
			}
		}
		if got.String() != tt.want {
			t.Errorf("to %v except %v reached %s, want %s", tt.to, tt.except, got.String(), tt.want)
		}
		sockets, err := op.FetchSockets(t.Context())
		if err != nil || len(sockets) != len(tt.want) {
			t.Errorf("to %v except %v fetched %d sockets, %v, want %s", tt.to, tt.except, len(sockets), err, tt.want)
		}
	}

	// A socket's own operators leave out its own room, which c is in too; and it can be left.
	a := clients["a"].socket()
	if err := errors.Join(a.To("x", "all").Emit("1"), a.Broadcast().Emit("2"), a.Except("all").Emit("3"),
		a.In("y").Emit("4"),
		a.Local().Emit("5"), a.Volatile().To("x").Emit("6"), srv.Emit("end")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "", "b": "1256", "c": "", "d": "125"} {
		got := ""
		for f := clients[name].read(); f != `2["end"]`; f = clients[name].read() {
			got += f[3:4]
		}
		if got != want {
			t.Errorf("%s received %q, want %q", name, got, want)
		}
	}
	a.Leave(a.ID())
	a.Leave("y")
	if got := a.Rooms(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("rooms %q", got)
	}
	if err := srv.To(a.ID()).Emit("own"); err != nil {
		t.Fatal(err)
	}
	clients["c"].want(`2["own"]`) // which is still in there
	clients["a"].wantNothing()
	if err := a.Emit("direct"); err != nil {
		t.Fatal(err)
	}
	clients["a"].want(`2["direct"]`)
	a.Join(a.ID())
	if got := a.Rooms(); !slices.Equal(got, []string{a.ID(), "x"}) {
		t.Errorf("rooms %q", got)
	}
	ids1, err := srv.main.adapter.Sockets(t.Context(), "x")
	if err != nil || len(ids1) != 2 || srv.main.adapter.SocketRooms("nobody") != nil ||
		len(srv.main.adapter.SocketRooms(a.ID())) != 2 {
		t.Errorf("Sockets %v, %v, SocketRooms %v", ids1, err, srv.main.adapter.SocketRooms(a.ID()))
	}
}
