package socketiotest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster/memory"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const within = 10 * time.Second

// chat tells everybody in the room "lobby" what one of them says.
func chat(io *socketio.Server) {
	io.OnConnect(func(s *socketio.Socket) error {
		s.Join("lobby")
		return nil
	})
	io.On("say", func(e *socketio.Event) error {
		return e.Socket().To("lobby").Emit("said", e.Raw(0), []byte("bytes"))
	})
	io.On("double", func(e *socketio.Event) error {
		var n int
		if err := e.Bind(&n); err != nil {
			return err
		}
		return e.Ack(2 * n)
	})
}

func TestAChat(t *testing.T) {
	for _, transports := range [][]string{{"websocket"}, {"polling"}, {"polling", "websocket"}} {
		srv := socketiotest.New(t, socketio.Options{})
		chat(srv.Server)
		opts := client.Options{Transports: transports}
		alice, bob := srv.ConnectTo(t, "/", opts), srv.ConnectTo(t, "/?x=1", opts)
		for i := range 20 {
			alice.Emit("say", fmt.Sprint("hello ", i))
			var text string
			var b []byte
			bob.Expect("said", within, &text, &b)
			if text != fmt.Sprint("hello ", i) || string(b) != "bytes" {
				t.Errorf("%q %q", text, b)
			}
			alice.ExpectNone()
		}
		var n int
		if a := alice.EmitWithAck("double", 21); a.Bind(&n) != nil || n != 42 {
			t.Errorf("the answer is %d", n)
		}
	}
}

// TestExpectTakesEventsByName, and leaves the others.
func TestExpectTakesEventsByName(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	c := srv.Connect(t)
	for _, name := range []string{"a", "b", "a"} {
		if err := srv.Emit(name, name+"!"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b", "a", "a"} {
		var got string
		if e := c.Expect(name, within, &got); got != name+"!" || e.Name() != name {
			t.Errorf("%q: %q", name, got)
		}
	}
	c.ExpectNone("a", "b")
}

// A failing is a test whose end is seen.
type failing struct {
	testing.TB
	said []string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// fails runs f in a test of its own, and returns what that has failed with.
func fails(t *testing.T, f func(t testing.TB)) string {
	inner := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(inner)
	}()
	<-done
	return strings.Join(inner.said, "\n")
}

func TestWhatIsNotAsExpectedFailsTheTest(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	chat(srv.Server)
	for want, f := range map[string]func(c *socketiotest.Client){
		`no event "said" within`: func(c *socketiotest.Client) { c.Expect("said", time.Millisecond) },
		`what has come:` + "\n\tother 1": func(c *socketiotest.Client) {
			srv.Emit("other", 1)
			srv.Settle(t)
			c.Expect("said", time.Millisecond)
		},
		`event "x": bind argument 0`: func(c *socketiotest.Client) {
			srv.Emit("x", 1)
			var s string
			c.Expect("x", within, &s)
		},
		`unexpected event: x "y"`: func(c *socketiotest.Client) { srv.Emit("x", "y"); c.ExpectNone("x") },
		`not disconnected within`: func(c *socketiotest.Client) { c.ExpectDisconnect(time.Millisecond) },
		`reserved event name`:     func(c *socketiotest.Client) { c.Emit("connect") },
	} {
		got := fails(t, func(t testing.TB) { f(srv.Connect(t)) })
		if !strings.Contains(got, want) {
			t.Errorf("failed with %q, want %q", got, want)
		}
	}
}

func TestARefusal(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	srv.Of("/admin").Use(func(*socketio.Socket) error { return &socketio.ConnectError{Message: "no"} })
	var refused *client.ConnectError
	if err := srv.NewClient(t, "/admin", client.Options{}).TryConnect(); !errors.As(err, &refused) ||
		refused.Message != "no" {
		t.Errorf("the error is %v", err)
	}
	if err := srv.NewClient(t, "/none", client.Options{}).TryConnect(); !errors.As(err, &refused) {
		t.Errorf("the error is %v", err)
	}
	srv.ConnectTo(t, "/", client.Options{}).ExpectNone()
}

// TestAProgramsOwnHandler sees the requests.
func TestAProgramsOwnHandler(t *testing.T) {
	io := socketio.NewServer(socketio.Options{})
	srv := socketiotest.Serve(t, io, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		io.ServeHTTP(w, r)
	}))
	if err := srv.NewClient(t, "/", client.Options{NoReconnection: true}).TryConnect(); err == nil {
		t.Error("it lets everybody in")
	}
	srv.ConnectTo(t, "/", client.Options{Header: http.Header{"Authorization": {"Bearer token"}}}).ExpectNone()
}

func TestACluster(t *testing.T) {
	broker := memory.NewBroker()
	servers := socketiotest.NewCluster(t, 3, socketio.Options{Adapter: broker.NewAdapter})
	clients := make([]*socketiotest.Client, len(servers))
	for i, srv := range servers {
		chat(srv.Server)
		clients[i] = srv.Connect(t)
	}
	for range 10 {
		clients[0].Emit("say", "to all")
		clients[0].ExpectNone()
		for _, c := range clients[1:] {
			c.Expect("said", 0) // Settle has had it delivered
		}
	}
	sockets, err := servers[1].FetchSockets(context.Background())
	if err != nil || len(sockets) != 3 {
		t.Errorf("%d sockets (%v)", len(sockets), err)
	}
	broker.Break()
	clients[0].Emit("say", "to nobody")
	for _, c := range clients {
		c.ExpectNone()
	}
	broker.Mend()
}

// TestSilenceTakesNoTime: the network stands still, so each side gives the other up when its ping time-out has passed;
// then they find each other again, and the session is recovered.
func TestSilenceTakesNoTime(t *testing.T) {
	real := time.Now()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan socketio.Reason, 1)
		srv := socketiotest.New(t, socketio.Options{ConnectionStateRecovery: &socketio.ConnectionStateRecovery{}})
		srv.OnConnect(func(s *socketio.Socket) error {
			s.OnDisconnect(func(r socketio.Reason) { ended <- r })
			return nil
		})
		c := srv.Connect(t)
		id := c.ID()
		time.Sleep(10 * time.Hour) // of heartbeats
		c.ExpectNone()
		if !c.Connected() || c.ID() != id {
			t.Fatal("the heartbeat does not keep it")
		}
		if err := srv.Emit("first"); err != nil { // with the offset that the client resumes at
			t.Fatal(err)
		}
		c.Expect("first", time.Minute)
		srv.Network.SetSilent(true)
		began := time.Now()
		if r := c.ExpectDisconnect(time.Minute); r != client.ReasonPingTimeout {
			t.Errorf("the client's reason is %q", r)
		}
		if r := <-ended; r != socketio.ReasonPingTimeout && r != socketio.ReasonTransportClose {
			t.Errorf("the server's reason is %q", r)
		}
		if took := time.Since(began); took > 45*time.Second || took < 20*time.Second {
			t.Errorf("after %v", took)
		}
		if err := srv.Emit("meanwhile"); err != nil {
			t.Error(err)
		}
		srv.Network.SetSilent(false)
		c.Expect("meanwhile", time.Minute)
		if !c.Recovered() || c.ID() != id {
			t.Error("the session is not recovered")
		}
	})
	if took := time.Since(real); took > 5*time.Second {
		t.Errorf("ten hours took %v", took)
	}
}

// TestTheNetworkBreaks: what is emitted meanwhile waits.
func TestTheNetworkBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := socketiotest.New(t, socketio.Options{})
		chat(srv.Server)
		alice, bob := srv.Connect(t), srv.Connect(t)
		srv.Network.SetDown(true)
		alice.ExpectDisconnect(time.Second)
		bob.ExpectDisconnect(time.Second)
		alice.Emit("say", "from far away")
		time.Sleep(time.Hour)
		srv.Network.SetDown(false)
		bob.Connect()
		alice.Connect()
		bob.Emit("say", "again") // Alice may have been back before Bob
		var text string
		if alice.Expect("said", time.Minute, &text); text != "again" {
			t.Errorf("%q", text)
		}
	})
}

// TestAnAcknowledgementTimesOut in no time.
func TestAnAcknowledgementTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := socketiotest.New(t, socketio.Options{})
		answers := make(chan error, 1)
		srv.OnConnect(func(s *socketio.Socket) error {
			go func() {
				_, err := s.Timeout(time.Hour).EmitWithAck(context.Background(), "question")
				answers <- err
			}()
			return nil
		})
		srv.Connect(t).Expect("question", time.Minute) // and does not answer
		if err := <-answers; !errors.Is(err, socketio.ErrAckTimeout) {
			t.Error(err)
		}
	})
}
