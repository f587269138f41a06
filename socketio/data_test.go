package socketio

// The data of sockets.

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

type user struct {
	Name  string
	Roles map[string]bool
	Photo []byte
	Since time.Time
}

// TestKeyIsTheSameEverywhere: a type that was set is got, from the socket, from FetchSockets and after recovery.
func TestKeyIsTheSameEverywhere(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
	users, levels, absent := NewKey[*user]("user"), NewKey[int]("level"), NewKey[string]("absent")
	c := srv.connect()
	c.settle()
	s := c.socket()
	want := &user{"Ana", map[string]bool{"admin": true}, []byte{1, 2}, time.Unix(1700000000, 5).UTC()}
	if err := users.Set(s, want); err != nil {
		t.Fatal(err)
	}
	if err := levels.Set(s, 7); err != nil {
		t.Fatal(err)
	}
	check := func(where string, from DataHolder) {
		t.Helper()
		u, ok := users.Get(from)
		if !ok || !reflect.DeepEqual(u, want) {
			t.Errorf("%s: got %+v, %v", where, u, ok)
		}
		if n, ok := levels.Get(from); !ok || n != 7 {
			t.Errorf("%s: got %v, %v", where, n, ok)
		}
		if v, ok := absent.Get(from); ok {
			t.Errorf("%s: got %q", where, v)
		}
		if v, ok := NewKey[string]("level").Get(from); ok || v != "" {
			t.Errorf("%s: a number is the string %q", where, v)
		}
		var all struct {
			User  user
			Level int
		}
		if err := from.Data().Bind(&all); err != nil || all.Level != 7 || !reflect.DeepEqual(&all.User, want) {
			t.Errorf("%s: data %+v, %v", where, all, err)
		}
	}
	check("the socket", s)
	remote, err := srv.FetchSockets(t.Context())
	if err != nil || len(remote) != 1 {
		t.Fatal(remote, err)
	}
	check("FetchSockets", remote[0])

	if u, _ := users.Get(s); u != nil {
		u.Name, u.Roles["admin"] = "changed", false
	}
	check("after a change of what was got", s)

	srv.Emit("x")
	offset := c.wantEvent(`2["x"`)
	c.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	d := srv.dial()
	d.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
	d.connected()
	if d.sid != c.sid {
		t.Fatal("not resumed")
	}
	check("after recovery", d.socket())

	if err := levels.Delete(d.socket()); err != nil {
		t.Fatal(err)
	}
	if _, ok := levels.Get(d.socket()); ok {
		t.Error("deleted and still there")
	}
	if _, ok := users.Get(d.socket()); !ok {
		t.Error("another key's value went too")
	}
}

// TestSetData: what is set is a snapshot, keys share it where it is an object, and an error changes nothing.
func TestSetData(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	level := NewKey[int]("level")
	data := map[string]any{"level": 3, "name": "Ana"}
	if err := s.SetData(data); err != nil {
		t.Fatal(err)
	}
	data["level"] = 4
	if n, ok := level.Get(s); !ok || n != 3 {
		t.Errorf("got %v, %v", n, ok)
	}
	if err := level.Set(s, 5); err != nil {
		t.Fatal(err)
	}
	if got := string(s.Data().JSON()); got != `{"level":5,"name":"Ana"}` {
		t.Errorf("data %s", got)
	}
	if err := s.SetData(make(chan int)); err == nil {
		t.Error("a channel is data")
	}
	if err := NewKey[any]("x").Set(s, func() {}); err == nil {
		t.Error("a function is data")
	}
	deep, err := NewRaw([]byte(strings.Repeat("[", 512) + strings.Repeat("]", 512)))
	if err != nil {
		t.Fatal(err)
	}
	if err := NewKey[Raw]("deep").Set(s, deep); err == nil {
		t.Error("data that no member of an object can be")
	}
	if got := string(s.Data().JSON()); got != `{"level":5,"name":"Ana"}` {
		t.Errorf("data %s after errors", got)
	}
	if err := s.SetData("no object"); err != nil {
		t.Fatal(err)
	}
	if err := level.Set(s, 1); err == nil {
		t.Error("a string has members")
	}
	if _, ok := level.Get(s); ok {
		t.Error("a string has members")
	}
	if err := s.SetData(nil); err != nil || string(s.Data().JSON()) != "{}" {
		t.Errorf("none: %s, %v", s.Data().JSON(), err)
	}
	if err := level.Set(s, 1); err != nil {
		t.Error(err)
	}
}

// TestDataWhileOthersLook: a map that was set as data and is changed in a handler, while others fetch sockets and
// encode what they get, ended the process: "concurrent map iteration and map write".
func TestDataWhileOthersLook(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	tags := NewKey[map[string]int]("tags")
	mine := map[string]int{}
	var others sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sockets, err := srv.FetchSockets(t.Context())
				if err != nil || len(sockets) != 1 {
					t.Errorf("%d sockets, %v", len(sockets), err)
					return
				}
				if err := srv.To("nobody").Emit("x", sockets[0].Data()); err != nil {
					t.Error(err)
				}
				if got, ok := tags.Get(sockets[0]); ok {
					got["mine"] = 1
				}
			}
		})
	}
	for i := range 2000 {
		mine[fmt.Sprint(i%50)] = i
		var err error
		if i%2 == 0 {
			err = s.SetData(map[string]any{"tags": mine})
		} else {
			err = tags.Set(s, mine)
		}
		if err != nil {
			t.Fatal(err)
		}
		mine["more"] = i
	}
	close(stop)
	others.Wait()
}

func TestIsFlat(t *testing.T) {
	type inside struct {
		A [2]float64 `json:"a"`
		B string
	}
	for _, c := range []struct {
		v    any
		flat bool
	}{
		{true, true}, {1, true}, {"", true}, {inside{}, true}, {[3]inside{}, true}, {struct{}{}, true},
		{[]int{}, false}, {map[string]int{}, false}, {new(int), false}, {struct{ A any }{}, false},
		{struct{ a int }{}, false}, {time.Time{}, false}, {Raw{}, false}, {struct {
			A int `json:"-"`
		}{}, false},
	} {
		if got := isFlat(reflect.TypeOf(c.v)); got != c.flat {
			t.Errorf("%T: %v", c.v, got)
		}
	}
}
