package client_test

// What sockets do with a server that keeps to the protocol: the scenarios of socket.io-client's own tests, against
// Node.js' server and ours.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

func TestValuesComeBack(t *testing.T) {
	values := []struct {
		name string
		args []any
		want string
	}{
		{"nothing", nil, ""},
		{"text", []any{"a", "てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "\U0001f600"},
			`"a" "てすと" "Я Б Г Д Ж Й" "Ä ä Ü ü ß" "😀" `},
		{"false and null", []any{false, nil, 0, ""}, `false null 0 "" `},
		{"an object", []any{map[string]any{"a": []int{1, 2}}}, `{"a":[1,2]} `},
		{"a time", []any{time.Unix(0, 0).UTC()}, `"1970-01-01T00:00:00Z" `},
		{"bytes", []any{[]byte("asdf"), parser.Binary{}}, `"YXNkZg==" "" `},
		{"bytes inside", []any{map[string]any{"hello": "lol", "message": []byte("x"), "z": 1}},
			`{"hello":"lol","message":"eA==","z":1} `},
	}
	eachServer(t, func(t *testing.T, url string) {
		for name, transports := range transports {
			for _, d := range []*engine.Dialer{nil, new(engine.Dialer)} {
				t.Run(fmt.Sprintf("%s/shared=%v", name, d != nil), func(t *testing.T) {
					s := newSocket(t, url, client.Options{Transports: transports, Dialer: d})
					bounced, question, answered := hear(s, "bounced"), make(chan string, 10), hear(s, "answered")
					s.On("question", func(e *client.Event) error {
						args := make([]any, e.Len())
						for i := range args {
							args[i] = e.Raw(i)
						}
						question <- fmt.Sprint(e.WantsAck())
						return e.Ack(args...)
					})
					open(t, s)
					for _, v := range values {
						if err := s.Emit("bounce", v.args...); err != nil {
							t.Fatal(err)
						}
						if got := receive(t, "the event", bounced); got != v.want {
							t.Errorf("%s: %s, want %s", v.name, got, v.want)
						}
						answer, err := s.EmitWithAck(deadline(t), "echo", v.args...)
						if err != nil {
							t.Fatal(err)
						}
						got := ""
						for i := range answer.Len() {
							got += string(answer.Raw(i).Inline()) + " "
						}
						if got != v.want {
							t.Errorf("%s, acknowledged: %s, want %s", v.name, got, v.want)
						}
						if err := s.Emit("ask", v.args...); err != nil {
							t.Fatal(err)
						}
						if got := receive(t, "the question", question); got != "true" {
							t.Errorf("%s: the server wants an acknowledgement: %s", v.name, got)
						}
						if got := receive(t, "the answer", answered); got != v.want {
							t.Errorf("%s, answered: %s, want %s", v.name, got, v.want)
						}
					}
				})
			}
		}
	})
}

func TestTheIDIsTheServers(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, namespace := range []string{"", "/", "/foo"} {
			s := newSocket(t, url+namespace, client.Options{})
			if s.ID() != "" || s.Connected() {
				t.Error("it has an id before it is connected")
			}
			gone := disconnects(s)
			open(t, s)
			id := s.ID()
			if got, err := client.Ask[string](deadline(t), s, "id"); err != nil || got != id || len(id) != 20 {
				t.Errorf("%s: the ids are %q and %q (%v)", namespace, id, got, err)
			}
			s.Close()
			if reason := receive(t, "the end", gone); reason != client.ReasonClientDisconnect || s.ID() != "" ||
				s.Connected() {
				t.Errorf("after the end (%s) the id is %q", reason, s.ID())
			}
			open(t, s)
			if s.ID() == id || s.ID() == "" {
				t.Errorf("after another connection the id is %q, as before", s.ID())
			}
		}
	})
}

func TestNamespacesShareAConnection(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		main := connect(t, url, client.Options{})
		session := main.Conn().SessionID()
		foo, bar := main.Conn().Socket("/foo"), main.Conn().Socket("bar")
		if main.Conn().Socket("/foo") != foo || bar.Namespace() != "/bar" || foo.Connected() {
			t.Error("the sockets are not what was asked for")
		}
		open(t, foo)
		open(t, bar)
		for _, s := range []*client.Socket{main, foo, bar} {
			if id, err := client.Ask[string](deadline(t), s, "id"); err != nil || id != s.ID() {
				t.Errorf("%s: %q (%v)", s.Namespace(), id, err)
			}
		}
		gone := disconnects(foo)
		main.Close()
		if main.Connected() || !foo.Connected() || main.Conn().SessionID() != session {
			t.Error("closing one socket closes the connection")
		}
		foo.Close()
		receive(t, "foo's end", gone)
		bar.Close()
		if main.Conn().SessionID() != "" {
			t.Error("the connection is open without a socket")
		}
		open(t, foo) // opens another one
		if got := main.Conn().SessionID(); got == session || got == "" || main.Connected() {
			t.Errorf("the session is %q", got)
		}
		other := connect(t, url, client.Options{})
		if other.Conn().SessionID() == main.Conn().SessionID() {
			t.Error("two clients have one session")
		}
	})
}

func TestAuthQueryAndHeaderReachTheServer(t *testing.T) {
	type handshake struct {
		Auth  map[string]string
		Query map[string]string
		Agent string
	}
	calls := 0
	for name, tc := range map[string]struct {
		opts client.Options
		want string
	}{
		"a value": {client.Options{Auth: map[string]string{"token": "abcd"}}, "abcd"},
		"a struct": {client.Options{Auth: struct {
			Token string `json:"token"`
		}{"abcd"}}, "abcd"},
		"a function": {client.Options{AuthFunc: func(context.Context) (any, error) {
			calls++
			return map[string]string{"token": fmt.Sprint(calls)}, nil
		}}, "1"},
		"nothing": {client.Options{}, ""},
	} {
		calls = 0
		eachServer(t, func(t *testing.T, at string) {
			calls = 0
			for _, namespace := range []string{"/", "/foo"} {
				opts := tc.opts
				opts.Query = url.Values{"&a": {"&=?a"}}
				opts.Header = http.Header{"X-Agent": {"gopher"}}
				s := connect(t, at+namespace+"?key=value", opts)
				got, err := client.Ask[handshake](deadline(t), s, "handshake")
				if err != nil || got.Query["&a"] != "&=?a" || got.Query["key"] != "value" || got.Agent != "gopher" {
					t.Errorf("%s: the handshake is %+v (%v)", name, got, err)
				}
				if want := tc.want; got.Auth["token"] != want && namespace == "/" {
					t.Errorf("%s: auth is %v, want %q", name, got.Auth, want)
				}
			}
		})
	}
}

func TestARefusalIsFinalAndSaysWhy(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for at, want := range map[string]string{"/?fail=1": "main says no", "/no": "no says no",
			"/none": "Invalid namespace"} {
			s := newSocket(t, url+at, client.Options{ReconnectionDelay: time.Millisecond})
			failed := connectErrors(s)
			err := s.Connect(deadline(t))
			var refused *client.ConnectError
			if !errors.As(err, &refused) || refused.Message != want {
				t.Fatalf("%s: %v", at, err)
			}
			if got := receive(t, "the handler", failed); got != err {
				t.Errorf("%s: the handler has got %v", at, got)
			}
			if at == "/no" {
				var data struct{ Code int }
				if err := refused.Data.Bind(&data); err != nil || data.Code != 4001 {
					t.Errorf("the data is %s (%v)", refused.Data.JSON(), err)
				}
			}
			if s.Active() || s.Connected() || s.Conn().SessionID() != "" {
				t.Errorf("%s: it tries again", at)
			}
		}
	})
}

func TestTheServerDisconnects(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for _, closes := range []bool{false, true} {
			s := newSocket(t, url, client.Options{ReconnectionDelay: time.Millisecond})
			gone := disconnects(s)
			open(t, s)
			ctx := s.Context()
			if err := s.Emit("leave me", closes); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "the end", gone); got != client.ReasonServerDisconnect {
				t.Errorf("the reason is %q", got)
			}
			var cause *client.DisconnectError
			if !errors.As(context.Cause(ctx), &cause) || cause.Reason != client.ReasonServerDisconnect {
				t.Errorf("the context has ended with %v", context.Cause(ctx))
			}
			if s.Active() || s.Conn().SessionID() != "" {
				t.Error("it comes back by itself")
			}
			open(t, s)
		}
	})
}

func TestEventsStayInOrder(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for name, transports := range transports {
			s := newSocket(t, url, client.Options{Transports: transports})
			got := hear(s, "bounced")
			const n = 400
			for i := range n { // before, while and after it connects and upgrades
				var args []any
				if args = []any{i}; i%3 == 0 {
					args = []any{i, []byte{byte(i)}}
				}
				if err := s.Emit("bounce", args...); err != nil {
					t.Fatal(err)
				}
				if i == 20 {
					s.Open()
				}
				if i%50 == 49 {
					time.Sleep(3 * time.Millisecond)
				}
			}
			for i := range n {
				if text := receive(t, "an event", got); !strings.HasPrefix(text, fmt.Sprint(i)+" ") {
					t.Fatalf("%s: %s comes as number %d", name, text, i)
				}
			}
			numbers := hear(s, "n")
			if err := s.Emit("count", 1000); err != nil {
				t.Fatal(err)
			}
			for i := range 1000 {
				if text := receive(t, "a number", numbers); text != fmt.Sprint(i)+" " {
					t.Fatalf("%s: %s comes as number %d", name, text, i)
				}
			}
		}
	})
}

func TestReservedNamesAreRefused(t *testing.T) {
	s := newSocket(t, "http://localhost", client.Options{})
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener",
		"removeListener"} {
		if err := s.Emit(name); !errors.Is(err, client.ErrReservedEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A volatile event is dropped while polling waits for the upgrade too, so there is none here.
func TestVolatile(t *testing.T) {
	s := newSocket(t, ourServer(t), client.Options{Transports: []string{"websocket"}})
	got := hear(s, "bounced")
	if err := s.Volatile().Emit("bounce", "dropped"); err != nil {
		t.Error(err)
	}
	open(t, s)
	if err := s.Conn().Flush(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Volatile().Emit("bounce", "sent"); err != nil {
		t.Error(err)
	}
	if text := receive(t, "the event", got); text != `"sent" ` {
		t.Errorf("what comes is %s", text)
	}
}

func TestAcknowledgementsThatDoNotCome(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		s := newSocket(t, url, client.Options{Transports: []string{"websocket"}})
		if _, err := s.Timeout(20*time.Millisecond).EmitWithAck(deadline(t), "echo"); !errors.Is(err,
			client.ErrAckTimeout) {
			t.Errorf("without a connection: %v", err)
		}
		open(t, s)
		if _, err := s.Timeout(20*time.Millisecond).EmitWithAck(deadline(t), "silence"); !errors.Is(err,
			client.ErrAckTimeout) {
			t.Errorf("without an answer: %v", err)
		}
		if _, err := s.Timeout(0).EmitWithAck(deadline(t), "echo"); err != nil {
			t.Errorf("with an answer: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := s.EmitWithAck(ctx, "silence"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context: %v", err)
		}
		replies := make(chan error, 1)
		if err := s.EmitAck("silence", func(_ parser.Args, err error) { replies <- err }); err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 1)
		go func() {
			_, err := s.EmitWithAck(context.Background(), "silence")
			waiting <- err
		}()
		time.Sleep(20 * time.Millisecond) // the event is on its way
		s.Close()
		for _, ch := range []<-chan error{replies, waiting} {
			if err := receive(t, "an answer", ch); !errors.Is(err, client.ErrDisconnected) {
				t.Errorf("behind the end: %v", err)
			}
		}
		sent := make(chan error, 1)
		go func() {
			_, err := s.EmitWithAck(context.Background(), "echo")
			sent <- err
		}()
		time.Sleep(10 * time.Millisecond)
		open(t, s)
		if err := receive(t, "the answer", sent); err != nil {
			t.Errorf("what has waited for the connection: %v", err)
		}
	})
}

func TestAckTimeoutIsTheDefault(t *testing.T) {
	s := connect(t, ourServer(t), client.Options{AckTimeout: 20 * time.Millisecond})
	if _, err := s.EmitWithAck(deadline(t), "silence"); !errors.Is(err, client.ErrAckTimeout) {
		t.Error(err)
	}
}

func TestRetriesKeepTheOrder(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		s := newSocket(t, url, client.Options{
			Retries: 4, AckTimeout: 50 * time.Millisecond, Transports: []string{"websocket"},
		})
		var mu sync.Mutex
		var order []string
		done := make(chan struct{}, 3)
		for _, text := range []string{"a", "b", "c"} { // the server answers every third time
			err := s.EmitAck("third", func(a parser.Args, err error) {
				mu.Lock()
				defer mu.Unlock()
				var got string
				if err == nil {
					err = a.Bind(&got)
				}
				order = append(order, fmt.Sprint(got, err))
				done <- struct{}{}
			}, text)
			if err != nil {
				t.Fatal(err)
			}
		}
		open(t, s)
		for range 3 {
			receive(t, "an answer", done)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(order, []string{"a<nil>", "b<nil>", "c<nil>"}) {
			t.Errorf("the answers are %v", order)
		}
	})
}

func TestRetriesComeToAnEnd(t *testing.T) {
	s := connect(t, ourServer(t), client.Options{Retries: 2, AckTimeout: 20 * time.Millisecond})
	sent := make(chan string, 10)
	s.OnAnyOutgoing(func(e *client.Event) error { sent <- e.Name(); return nil })
	if _, err := s.EmitWithAck(deadline(t), "silence"); !errors.Is(err, client.ErrAckTimeout) {
		t.Error(err)
	}
	if _, err := s.EmitWithAck(deadline(t), "echo", 1); err != nil {
		t.Errorf("the event behind it: %v", err)
	}
	var got []string
	for range 4 {
		got = append(got, receive(t, "what is sent", sent))
	}
	if !slices.Equal(got, []string{"silence", "silence", "silence", "echo"}) {
		t.Errorf("sent are %v", got)
	}
}

// TestRetriesInTheConnectHandler: an event emitted there is sent once.
func TestRetriesInTheConnectHandler(t *testing.T) {
	s := newSocket(t, ourServer(t), client.Options{Retries: 3})
	s.OnConnect(func() { _ = s.Emit("bounce", "once") })
	got := hear(s, "bounced")
	open(t, s)
	receive(t, "the event", got)
	if _, err := s.EmitWithAck(deadline(t), "echo"); err == nil {
		t.Log("the server acknowledges what it bounces not at all, so the queue stands") // never acknowledged
	}
	select {
	case text := <-got:
		t.Errorf("it comes again: %s", text)
	default:
	}
}
