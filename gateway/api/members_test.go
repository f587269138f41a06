package api

import (
	"net/http"
	"slices"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// Sockets go into rooms and out, by id, room, user and all.
func TestJoinAndLeave(t *testing.T) {
	f := serve(t, nil)
	clients := f.join(t, "red", "blue", "user:ana")
	got := func(room string) (names []string) {
		t.Helper()
		f.post(t, "/v1/emit", `{"event":"e","to":["`+room+`"]}`, http.StatusAccepted, nil)
		f.io.Settle(t)
		for i, name := range []string{"red", "blue", "ana"} {
			if s := f.io.Socket(clients[i].ID()); s != nil && slices.Contains(s.Rooms(), room) {
				clients[i].Expect("e", patience)
				names = append(names, name)
			}
		}
		return names
	}
	for _, test := range []struct {
		path, body, room string
		want             []string
	}{
		{"/v1/join", `{"in":["red"],"rooms":["a","b"]}`, "a", []string{"red"}},
		{"/v1/join", `{"in":["` + clients[1].ID() + `"],"rooms":["b"]}`, "b", []string{"red", "blue"}},
		{"/v1/join", `{"users":["ana"],"rooms":["a"]}`, "a", []string{"red", "ana"}},
		{"/v1/join", `{"all":true,"except":["red"],"rooms":["c"]}`, "c", []string{"blue", "ana"}},
		{"/v1/leave", `{"in":["a"],"except":["red"],"rooms":["a"]}`, "a", []string{"red"}},
		{"/v1/leave", `{"all":true,"rooms":["a","b"]}`, "b", nil},
		{"/v1/join", `{"in":["nobody"],"rooms":["d"]}`, "d", nil},
		{"/v1/join", `{"in":["red"],"rooms":["e"],"namespace":null,"all":null}`, "e", []string{"red"}},
	} {
		f.post(t, test.path, test.body, http.StatusAccepted, nil)
		if names := got(test.room); !slices.Equal(names, test.want) {
			t.Errorf("%s %s: %s has %q, want %q", test.path, test.body, test.room, names, test.want)
		}
	}
	for body, says := range map[string]string{
		`{"rooms":["a"]}`:                   "/problems/nobody-selected",
		`{"all":true}`:                      "rooms",
		`{"all":true,"rooms":[]}`:           "body.rooms",
		`{"all":true,"rooms":[""]}`:         "body.rooms",
		`{"all":true,"room":["a"]}`:         "body.room",
		`{"in":["a"],"all":true,"rooms":1}`: "body.rooms",
		`{"in":[""],"rooms":["a"]}`:         "body.in",
	} {
		f.post(t, "/v1/join", body, http.StatusUnprocessableEntity, nil).says(t, says)
		f.post(t, "/v1/leave", body, http.StatusUnprocessableEntity, nil).says(t, says)
	}
	f.post(t, "/v1/join", `{"all":true,"rooms":["a"],"namespace":"/x"}`, http.StatusNotFound, nil)
}

// What was sent to a socket before it is disconnected reaches it, and with close its other namespaces go too.
func TestDisconnect(t *testing.T) {
	f := serve(t, nil)
	f.io.Of("/other")
	clients := f.join(t, "red", "blue", "user:ana", "green")
	other := clients[3].Conn().Socket("/other")
	if err := other.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := make(chan client.Reason, 1)
	other.OnDisconnect(func(r client.Reason, _ error) { gone <- r })

	f.post(t, "/v1/emit", `{"event":"bye","to":["red"]}`, http.StatusAccepted, nil)
	f.post(t, "/v1/disconnect", `{"in":["red"]}`, http.StatusAccepted, nil)
	clients[0].Expect("bye", patience)
	if r := clients[0].ExpectDisconnect(patience); r != "io server disconnect" {
		t.Errorf("it went by %q", r)
	}
	f.post(t, "/v1/disconnect", `{"users":["ana"]}`, http.StatusAccepted, nil)
	clients[2].ExpectDisconnect(patience)
	f.post(t, "/v1/disconnect", `{"in":["`+clients[3].ID()+`"],"close":true}`, http.StatusAccepted, nil)
	clients[3].ExpectDisconnect(patience)
	<-gone
	if n := f.io.SocketCount(); n != 1 {
		t.Errorf("%d sockets are left", n)
	}
	f.post(t, "/v1/disconnect", `{}`, http.StatusUnprocessableEntity, nil)
	f.post(t, "/v1/disconnect", `{"all":true,"clos":true}`, http.StatusUnprocessableEntity, nil).says(t, "body.clos")
	if n := f.io.SocketCount(); n != 1 {
		t.Errorf("a mistake has disconnected somebody")
	}
}

func TestWithoutUsers(t *testing.T) {
	f := serve(t, func(o *Options) { o.UserRoom = nil })
	f.post(t, "/v1/emit", `{"event":"e","users":["ana"]}`, http.StatusUnprocessableEntity, nil).says(t, "users-off")
	f.get(t, "/v1/sockets?user=ana", http.StatusUnprocessableEntity, nil).says(t, "users-off")
}
