package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

// userKey stands for what the gateway keeps of a user.
var userKey = socketio.NewKey[string]("user")

func identify(s *socketio.Socket, user string) error {
	if known, ok := userKey.Get(s); ok && known != user {
		return errors.New("another's")
	}
	s.Join("user:" + user)
	return userKey.Set(s, user)
}

// guarded starts a server with a guard.
func guarded(t testing.TB, opts Options, guard GuardOptions, server socketio.Options) (*socketiotest.Server, *Guard) {
	t.Helper()
	if opts.Secret == nil {
		opts.Secret = secret
	}
	guard.Verifier, guard.Identify, guard.Logger = verifier(t, opts), identify, slog.New(slog.DiscardHandler)
	g := NewGuard(guard)
	server.Gate, server.Logger = g, guard.Logger
	return socketiotest.New(t, server), g
}

// with are a client's options with a token.
func with(token string) client.Options {
	return client.Options{Auth: map[string]string{"token": token}, NoReconnection: true}
}

// refusedWith connects and returns the code and the message of the refusal, "" where there is none.
func refusedWith(t testing.TB, s *socketiotest.Server, namespace string, opts client.Options) (Code, string) {
	t.Helper()
	opts.NoReconnection = true
	err := s.NewClient(t, namespace, opts).TryConnect()
	if err == nil {
		return "", ""
	}
	refusal := new(client.ConnectError)
	if !errors.As(err, &refusal) {
		t.Fatalf("%v", err)
	}
	var data codeData
	if err := refusal.Data.Bind(&data); err != nil {
		t.Fatalf("%s: %v", refusal.Data.JSON(), err)
	}
	return data.Code, refusal.Message
}

func TestGuard(t *testing.T) {
	s, _ := guarded(t, Options{RoomsClaim: "rooms"}, GuardOptions{Cookie: "t", Open: []string{"/admin"}},
		socketio.Options{})
	s.Of("/admin")
	s.Of("/administration")
	var mu sync.Mutex
	var early []string
	s.OfPattern(regexp.MustCompile("^/room-")).Use(func(s *socketio.Socket) error {
		mu.Lock()
		defer mu.Unlock()
		user, _ := userKey.Get(s)
		early = append(early, user)
		return nil
	})
	s.OnNewNamespace(func(ns *socketio.Namespace) {})
	s.Of("/later")
	valid := hs256(t, map[string]any{"rooms": []string{"red", "blue"}})
	header := func(name, value string) client.Options { return client.Options{Header: http.Header{name: {value}}} }
	for _, test := range []struct {
		namespace string
		opts      client.Options
		want      Code
	}{
		{"/", client.Options{}, Missing}, {"/later", client.Options{}, Missing}, {"/room-1", client.Options{}, Missing},
		{"/administration", client.Options{}, Missing}, {"/admin", client.Options{}, ""},
		{"/", with("garbage"), Invalid}, {"/", with(hs256(t, map[string]any{"exp": in(-time.Hour)})), Expired},
		{"/", with(hs256(t, map[string]any{"nbf": in(time.Hour)})), NotYetValid},
		{"/", with(valid), ""}, {"/later", with(valid), ""}, {"/room-1", with(valid), ""},
		{"/", header("Authorization", "Bearer "+valid), ""}, {"/", header("Cookie", "t="+valid), ""},
		{"/", header("Cookie", "other="+valid), Missing}, {"/room-2", header("Cookie", "t=x"), Invalid},
	} {
		code, message := refusedWith(t, s, test.namespace, test.opts)
		if code != test.want || message != messages[code] {
			t.Errorf("%s with %v: %q, %q", test.namespace, test.opts, code, message)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(early, []string{"ann"}) {
		t.Errorf("the middleware of a dynamic namespace has seen %q", early)
	}
	sockets, err := s.In("user:ann").FetchSockets(t.Context())
	if err != nil || len(sockets) == 0 || !slices.Contains(sockets[0].Rooms(), "blue") {
		t.Errorf("ann's sockets are %v, %v", sockets, err)
	}
}

// Claims are there from the first middleware to the last handler, and nothing is left behind.
func TestClaimsOf(t *testing.T) {
	s, g := guarded(t, Options{}, GuardOptions{}, socketio.Options{})
	var mu sync.Mutex
	var seen []string
	see := func(where string, s *socketio.Socket) {
		mu.Lock()
		defer mu.Unlock()
		if c := ClaimsOf(s); c == nil || c.User != "ann" || !json.Valid(c.JSON) {
			t.Errorf("%s: %v", where, c)
		}
		seen = append(seen, where)
	}
	s.Use(func(s *socketio.Socket) error {
		see("middleware", s)
		if s.Handshake().Query.Get("refuse") != "" {
			return errors.New("no")
		}
		return nil
	})
	s.OnConnect(func(s *socketio.Socket) error { see("connect", s); return nil })
	s.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { see("disconnect", s) })
	c := s.ConnectTo(t, "/", with(hs256(t, nil)))
	c.Conn().Close()
	until(t, "it has gone", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Equal(seen, []string{"middleware", "connect", "disconnect"})
	})
	opts := with(hs256(t, nil))
	opts.Query = map[string][]string{"refuse": {"1"}}
	if err := s.NewClient(t, "/", opts).TryConnect(); err == nil {
		t.Error("the service's middleware counts too")
	}
	until(t, "nothing is left", func() bool {
		left := 0
		g.tickets.Range(func(any, any) bool { left++; return true })
		return left == 0
	})

	open := socketiotest.New(t, socketio.Options{})
	open.OnConnect(func(s *socketio.Socket) error {
		if ClaimsOf(s) != nil {
			t.Error("claims without a guard")
		}
		return nil
	})
	open.Connect(t)
}

func TestExpiry(t *testing.T) {
	s, g := guarded(t, Options{}, GuardOptions{Notice: time.Second}, socketio.Options{})
	expires := in(2 * time.Second)
	c := s.ConnectTo(t, "/", with(hs256(t, map[string]any{"exp": expires})))
	var told struct{ Expires int64 }
	c.Expect(ExpiringEvent, patience, &told)
	var why expired
	c.Expect(ExpiredEvent, patience, &why)
	if told.Expires != expires || time.Now().Unix() < expires || why.Data.Code != Expired || why.Message == "" {
		t.Errorf("told %v of %v, then %v", told, expires, why)
	}
	if reason := c.ExpectDisconnect(patience); reason != "io server disconnect" {
		t.Errorf("%s", reason)
	}
	if g.Stats().Expired != 1 {
		t.Errorf("%+v", g.Stats())
	}
}

// A token that ends while a middleware takes its time ends the socket all the same, and nothing is said before CONNECT.
func TestExpiryWhileConnecting(t *testing.T) {
	s, _ := guarded(t, Options{}, GuardOptions{Notice: time.Hour}, socketio.Options{})
	s.Use(func(s *socketio.Socket) error {
		time.Sleep(time.Until(ClaimsOf(s).Expires) + 50*time.Millisecond)
		return nil
	})
	c := s.ConnectTo(t, "/", with(hs256(t, map[string]any{"exp": in(2 * time.Second)})))
	c.Expect(ExpiredEvent, patience)
	c.ExpectDisconnect(patience)
}

// ack emits a refresh and returns its acknowledgement.
func ack(t testing.TB, c *socketiotest.Client, args ...any) (expires int64, code Code) {
	t.Helper()
	var got struct {
		Expires int64
		Error   string
		Data    codeData
	}
	answer := c.EmitWithAck(RefreshEvent, args...)
	if err := answer.Bind(&got); err != nil {
		t.Fatal(err)
	}
	if (got.Error == "") != (got.Data.Code == "") {
		t.Errorf("%+v", got)
	}
	return got.Expires, got.Data.Code
}

func TestRefresh(t *testing.T) {
	s, g := guarded(t, Options{RoomsClaim: "rooms"}, GuardOptions{Open: []string{"/open"}}, socketio.Options{})
	s.OnAny(func(e *socketio.Event) error {
		if e.Name() == RefreshEvent {
			t.Error("the service sees a token")
			return e.Ack("from the service")
		}
		return nil
	})
	sockets := make(chan *socketio.Socket, 1)
	s.OnConnect(func(s *socketio.Socket) error { sockets <- s; return nil })
	short := map[string]any{"exp": in(2 * time.Second), "rooms": []string{"red", "blue"}}
	c := s.ConnectTo(t, "/", with(hs256(t, short)))
	socket := <-sockets
	socket.Join("own")

	later := in(time.Hour)
	expires, code := ack(t, c, hs256(t, map[string]any{"exp": later, "rooms": []string{"blue", "green"}}))
	if expires != later || code != "" || ClaimsOf(socket).Expires.Unix() != later {
		t.Errorf("%d, %q, %v", expires, code, ClaimsOf(socket))
	}
	rooms := socket.Rooms()
	for room, want := range map[string]bool{"red": false, "blue": true, "green": true, "own": true, "user:ann": true} {
		if slices.Contains(rooms, room) != want {
			t.Errorf("in %s: %v", room, !want)
		}
	}
	if _, code := ack(t, c, hs256(t, map[string]any{"sub": "bob"})); code != OtherUser {
		t.Errorf("another user's: %q", code)
	}
	if _, code := ack(t, c, hs256(t, map[string]any{"exp": in(-time.Hour)})); code != Expired {
		t.Errorf("expired: %q", code)
	}
	if _, code := ack(t, c, 7); code != Missing {
		t.Errorf("none: %q", code)
	}
	c.Emit(RefreshEvent, "garbage") // and nobody waits for an answer
	if got := ClaimsOf(socket); got.User != "ann" || got.Expires.Unix() != later {
		t.Errorf("what was refused has changed %v", got)
	}
	time.Sleep(time.Until(time.Unix(short["exp"].(int64), 0)) + 100*time.Millisecond)
	if !c.Connected() {
		t.Error("it has ended with its first token")
	}
	if st := g.Stats(); st.Refreshed != 1 || st.Refused[OtherUser] != 1 || st.Refused[Expired] != 1 {
		t.Errorf("%+v", st)
	}

	s.Of("/open").On(RefreshEvent, func(e *socketio.Event) error { return e.Ack("mine") })
	open := s.ConnectTo(t, "/open", client.Options{})
	if got := open.EmitWithAck(RefreshEvent); string(got.Raw(0).JSON()) != `"mine"` {
		t.Errorf("%s", got.Raw(0).JSON())
	}
}

// A client cannot have tokens verified for ever: neither by refreshing nor by connecting again and again.
func TestFloods(t *testing.T) {
	s, g := guarded(t, Options{}, GuardOptions{Open: []string{"/open"}}, socketio.Options{})
	s.Of("/open")
	c := s.ConnectTo(t, "/", with(hs256(t, nil)))
	for n := range 100 {
		c.Emit(RefreshEvent, fmt.Sprint("garbage ", n))
	}
	c.ExpectDisconnect(patience)
	until(t, "it has struck out", func() bool { return g.Stats().StruckOut == 1 })
	st := g.Stats()
	if st.Refused[Invalid] != refreshBurst || st.Refused[TooOften] > maxStrikes {
		t.Errorf("%+v", st)
	}

	open := s.ConnectTo(t, "/open", client.Options{NoReconnection: true}) // which keeps the connection
	again := open.Socket.Conn().SocketWith("/", client.SocketOptions{Auth: map[string]string{"token": "garbage"}})
	for range maxStrikes {
		if err := again.Connect(t.Context()); err == nil {
			t.Fatal("garbage lets in")
		}
	}
	open.ExpectDisconnect(patience)
	until(t, "it has struck out", func() bool { return g.Stats().StruckOut == 2 })
	until(t, "its connection ends, and the count with it", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return s.Sessions() == 0 && len(g.strikes) == 0
	})
}

// A session that is resumed is asked again, and may be no other user's.
func TestRecovery(t *testing.T) {
	s, _ := guarded(t, Options{RoomsClaim: "rooms"}, GuardOptions{}, socketio.Options{
		ConnectionStateRecovery: &socketio.ConnectionStateRecovery{},
	})
	var mu sync.Mutex
	token := hs256(t, map[string]any{"rooms": []string{"red"}})
	set := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		token = text
	}
	sockets := make(chan *socketio.Socket, 10)
	s.OnConnect(func(s *socketio.Socket) error { sockets <- s; return nil })
	refusals := make(chan Code, 10)
	c := s.NewClient(t, "/", client.Options{ReconnectionDelay: time.Millisecond,
		AuthFunc: func(context.Context) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			return map[string]string{"token": token}, nil
		}})
	c.OnConnectError(func(err error) {
		var data codeData
		if refusal := new(client.ConnectError); errors.As(err, &refusal) && refusal.Data.Bind(&data) == nil {
			refusals <- data.Code
		}
	})
	c.Connect()
	first := <-sockets
	s.Emit("event") // it has an offset
	c.Expect("event", patience)

	set(hs256(t, map[string]any{"exp": in(time.Hour), "rooms": "blue"}))
	s.Network.Cut()
	second := <-sockets
	rooms := second.Rooms()
	if !second.Recovered() || second.ID() != first.ID() || ClaimsOf(second) == nil ||
		slices.Contains(rooms, "red") || !slices.Contains(rooms, "blue") {
		t.Errorf("resumed: %v, in %q, %v", second.Recovered(), rooms, ClaimsOf(second))
	}
	for _, test := range []struct {
		claims map[string]any
		want   Code
	}{{map[string]any{"exp": in(-time.Hour)}, Expired}, {map[string]any{"sub": "bob"}, OtherUser}} {
		set(hs256(t, test.claims))
		s.Network.Cut()
		if code := <-refusals; code != test.want {
			t.Errorf("%v: %q", test.claims, code)
		}
		set(hs256(t, nil))
		c.Connect()
		<-sockets
	}
}
