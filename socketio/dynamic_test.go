package socketio

import (
	"errors"
	"regexp"
	"slices"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestNamespaces(t *testing.T) {
	srv := newTestServer(t, Options{})
	chat := srv.Of("chat")
	if srv.Of("/chat") != chat || chat.Name() != "/chat" || srv.Of("/") != srv.main || srv.Of("") != srv.main ||
		chat.Server() != srv.Server {
		t.Error("Of does not find what it has made")
	}
	echo := func(e *Event) error { return e.Socket().Emit(e.Name(), e.Socket().Namespace().Name()) }
	chat.On("x", echo)
	srv.On("x", echo)
	c := srv.connect()
	c.send(`0/chat,{"a":1}`)
	c.want(`0/chat,{"sid":"<SID>"}`)
	c.send(`2/chat,["x"]`)
	c.want(`2/chat,["x","/chat"]`)
	c.send(`2["x"]`)
	c.want(`2["x","/"]`)
	if err := errors.Join(chat.Emit("all", []byte{1}), srv.Emit("main")); err != nil {
		t.Fatal(err)
	}
	c.want(`51-/chat,["all",{"_placeholder":true,"num":0}]`, `<bin 01>`, `2["main"]`)
	c.send(`1/chat,`)
	c.settle()
	c.send(`2["x"]`)
	c.want(`2["x","/"]`)
	c.send(`2/chat,["x"]`)
	c.want("")
}

func TestDynamicNamespaces(t *testing.T) {
	srv := newTestServer(t, Options{})
	made := make(chan string, 10)
	srv.OnNewNamespace(func(ns *Namespace) { made <- ns.Name() })
	numbered := srv.OfPattern(regexp.MustCompile(`^/n-\d+$`))
	numbered.Use(func(s *Socket) error {
		if s.Namespace().Name() == "/n-13" {
			return &ConnectError{Message: "unlucky"}
		}
		return nil
	})
	numbered.OnConnect(func(s *Socket) error { return s.Emit("welcome", s.Namespace().Name()) })
	numbered.On("x", func(e *Event) error { return e.Socket().Emit("x") })
	srv.OfFunc(func(name string, h *Handshake) bool {
		if name == "/panic" {
			panic("boom")
		}
		return name == "/secret" && string(h.Auth.JSON()) == `{"key":1}`
	})

	c := srv.dial()
	c.send(`0/n-1,`)
	c.want(`0/n-1,{"sid":"<SID>"}`, `2/n-1,["welcome","/n-1"]`)
	if name := receive(t, "OnNewNamespace", made); name != "/n-1" {
		t.Errorf("made %s", name)
	}
	c.send(`0/n-2`)
	c.want(`0/n-2,{"sid":"<SID>"}`, `2/n-2,["welcome","/n-2"]`)
	c.send(`2/n-2,["x"]`)
	c.want(`2/n-2,["x"]`)
	c.send(`0/n-13,`)
	c.want(`4/n-13,{"message":"unlucky"}`)
	c.send(`0/n-x,`)
	c.want(`4/n-x,{"message":"Invalid namespace"}`)
	c.send(`0/panic,`)
	c.want(`4/panic,{"message":"Invalid namespace"}`)
	c.send(`0/secret,`)
	c.want(`4/secret,{"message":"Invalid namespace"}`)
	c.settle()
	c.send(`0/secret,{"key":1}`)
	c.want(`0/secret,{"sid":"<SID>"}`)

	if err := numbered.To("nobody").Emit("no"); err != nil {
		t.Fatal(err)
	}
	if err := numbered.Emit("to all", 1); err != nil {
		t.Fatal(err)
	}
	got := []string{c.read(), c.read()}
	slices.Sort(got)
	if !slices.Equal(got, []string{`2/n-1,["to all",1]`, `2/n-2,["to all",1]`}) {
		t.Errorf("got %q", got)
	}
	if _, err := numbered.FetchSockets(t.Context()); !errors.Is(err, ErrNotSupported) {
		t.Errorf("FetchSockets: %v", err)
	}
	if _, err := numbered.EmitWithAck(t.Context(), "x"); !errors.Is(err, ErrNotSupported) {
		t.Errorf("EmitWithAck: %v", err)
	}
	if err := errors.Join(numbered.SocketsJoin("r"), numbered.SocketsLeave("q")); err != nil {
		t.Fatal(err)
	}
	if rooms := srv.Of("/n-1").Adapter().(*MemoryAdapter).RoomNames(); !slices.Equal(rooms, []string{"r"}) {
		t.Errorf("rooms %q", rooms)
	}
	if srv.Of("/n-7").parent != numbered {
		t.Error("a namespace that the program asks for is not its pattern's")
	}
	if err := numbered.DisconnectSockets(false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are gone", func() bool { return srv.Of("/n-1").SocketCount()+srv.Of("/n-2").SocketCount() == 0 })
}

func TestCleanupEmptyChildNamespaces(t *testing.T) {
	for _, cleanup := range []bool{false, true} {
		srv := newTestServer(t, Options{CleanupEmptyChildNamespaces: cleanup})
		srv.OfPattern(regexp.MustCompile(`^/d`))
		srv.Of("/static")
		a, b := srv.dial(), srv.dial()
		for _, c := range []*testClient{a, b} {
			c.send(`0/d`, `0/static`)
			got := []string{maskSID(c.read()), maskSID(c.read())}
			slices.Sort(got)
			if !slices.Equal(got, []string{`0/d,{"sid":"<SID>"}`, `0/static,{"sid":"<SID>"}`}) {
				t.Fatal(got)
			}
		}
		if n := len(srv.Namespaces()); n != 3 {
			t.Fatalf("%d namespaces", n)
		}
		a.drop(engineio.ReasonTransportClose)
		eventually(t, "one is gone", func() bool { return srv.Of("/static").SocketCount() == 1 })
		if n := len(srv.Namespaces()); n != 3 {
			t.Errorf("%d namespaces with a socket left", n)
		}
		b.send(`1/d,`, `1/static,`)
		want := 3
		if cleanup {
			want = 2
		}
		eventually(t, "both have left", func() bool {
			return srv.Of("/static").SocketCount() == 0 && len(srv.Namespaces()) == want
		})
		b.send(`0/d`)
		b.want(`0/d,{"sid":"<SID>"}`)
	}
}

func TestServerSideEmitHandlers(t *testing.T) {
	srv := newTestServer(t, Options{})
	got := make(chan string, 2)
	srv.OnServerSideEmit("x", func(args []Raw, reply func(any) error) { panic("boom") })
	srv.OnServerSideEmit("x", func(args []Raw, reply func(any) error) {
		got <- string(args[0].JSON())
		_ = reply("ok")
	})
	replies := make(chan any, 1)
	for payload, reply := range map[string]func(any) error{
		`["x",7]`: func(arg any) error { replies <- arg; return nil },
		`["y"]`:   nil,
	} {
		if err := srv.main.HandleServerSideEmit([]byte(payload), nil, reply); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
	if v := receive(t, "the handler", got); v != "7" {
		t.Errorf("got %s", v)
	}
	if v := receive(t, "the reply", replies); v != "ok" {
		t.Errorf("replied %v", v)
	}
	if replies, err := srv.ServerSideEmitWithAck(t.Context(), "x"); err != nil || len(replies) != 0 {
		t.Errorf("ServerSideEmitWithAck: %v, %v", replies, err)
	}
}
