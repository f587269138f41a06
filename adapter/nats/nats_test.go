package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	natsio "github.com/nats-io/nats.go"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// Messages larger than max_payload arrive, text and attachments, in order with the others; one larger than the outbox
// is refused, with the limit.
func TestLargeMessages(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{})
	a, b := startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{OutboxBytes: 5 << 20})
	c := b.client(t, "room")
	together(t, a, b)
	random := rand.New(rand.NewPCG(1, 2))
	blob := make([]byte, 3<<20)
	for i := range blob {
		blob[i] = byte(random.Uint32())
	}
	text := strings.Repeat("é", 1<<20)
	for i, arg := range []any{text, "small", blob, 1 << 20, []byte("x")} {
		if err := a.To("room").Emit("ev", i, arg); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`["ev",0,"` + text + `"]`, `["ev",1,"small"]`,
		fmt.Sprintf(`["ev",2,{"_placeholder":true,"num":0}] %x`, blob), `["ev",3,1048576]`,
		`["ev",4,{"_placeholder":true,"num":0}] 78`,
	}
	for i := range want {
		if _, got := c.Cut(c.Next()); got != want[i] {
			t.Fatalf("%d: got %.100q of %d bytes, want %.100q of %d", i, got, len(got), want[i], len(want[i]))
		}
	}
	if st := b.broker.Stats(); st.Received != 5 || st.Partial != 0 {
		t.Errorf("%+v", st)
	}
	err := b.To("room").Emit("ev", bytes.Repeat([]byte{1}, 6<<20))
	if err == nil || !strings.Contains(err.Error(), "larger than OutboxBytes, 5242880") {
		t.Errorf("got %v", err)
	}
	if st := b.broker.Stats(); st.Dropped != 1 {
		t.Errorf("%+v", st)
	}
}

// A server without members of a room gets nothing of what is said there, and no longer when its last one has left.
func TestBystander(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{})
	a, b := startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{})
	bystander := startNode(t, s.URL(), Options{})
	c := b.client(t, "room")
	bystander.client(t, "another room")
	together(t, a, b, bystander)
	say := func(number int) {
		t.Helper()
		for range 100 {
			if err := a.To("room").Emit("ev", number); err != nil {
				t.Fatal(err)
			}
		}
		a.To("end").Emit("ev", number)
		if err := a.Emit("mark", number); err != nil { // behind them, and everybody gets it
			t.Fatal(err)
		}
	}
	say(1)
	for range 100 {
		c.Expect(`["ev",1]`)
	}
	c.Expect(`["mark",1]`)
	eventually(t, "the mark has come", func() bool { return bystander.broker.Stats().Received >= 1 })
	if n := bystander.broker.Stats().Received; n != 1 {
		t.Errorf("a bystander has received %d messages", n)
	}
	before := b.broker.Stats().Received
	b.Of("/").Socket(c.ID).Leave("room")
	b.settle(t)
	say(2)
	c.Expect(`["mark",2]`)
	if n := b.broker.Stats().Received - before; n != 1 {
		t.Errorf("a server whose last member has left has received %d messages", n)
	}
}

// More than the client takes is dropped: it is counted, each message, and logged, not each.
func TestSlowConsumer(t *testing.T) {
	const total = 20_000
	s := natsserver.Start(t, natsserver.Options{})
	a, b := startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{PendingMessages: 2})
	b.client(t, "all")
	together(t, a, b)
	for range total {
		if err := a.To("all").Emit("ev", 1); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are counted", func() bool {
		st := b.broker.Stats()
		return st.Received+st.SlowDropped >= total
	})
	st := b.broker.Stats()
	// Signs of life are among what is dropped.
	if st.SlowDropped == 0 || st.Received+st.SlowDropped > total+20 {
		t.Errorf("%d received, %d dropped", st.Received, st.SlowDropped)
	}
	if n := b.log.count("the client drops some"); n < 1 || n > 4 {
		t.Errorf("%d lines in the log", n)
	}
	eventually(t, "NATS has taken all", func() bool { return a.broker.Stats().Published >= total })
	if a := a.broker.Stats(); a.Dropped+a.PublishErrors != 0 || !a.Up {
		t.Errorf("%+v", a)
	}
}

// A process that dies says nothing: NATS does. One that hangs counts, and what it is asked is incomplete.
func TestMembersThatSayNothing(t *testing.T) {
	t.Parallel()
	s := natsserver.Start(t, natsserver.Options{})
	a, dies := startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{})
	together(t, a, dies)
	hung, err := natsio.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	const id = "00000000000000ff"
	if _, err := hung.Subscribe("socket.io.ping."+id, func(*natsio.Msg) {}); err != nil {
		t.Fatal(err)
	}
	said := hung.Publish("socket.io.members", []byte(`{"id":"`+id+`","v":1,"all":["=2F"],"whole":true}`))
	if err := errors.Join(said, hung.Flush()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are known", func() bool {
		n, err := a.Adapter().ServerCount(t.Context())
		return n == 3 && err == nil
	})
	time.Sleep(returnTime) // so long after a connection nobody is given up
	dies.broker.conn.Close()
	began := time.Now()
	eventually(t, "the dead one is gone", func() bool {
		n, err := a.Adapter().ServerCount(t.Context())
		return n == 2 && err == nil
	})
	if took := time.Since(began); took < silentAfter/2 {
		t.Errorf("it was given up after %v", took)
	}
	for end := time.Now().Add(2 * silentAfter); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if n, err := a.Adapter().ServerCount(t.Context()); n != 2 || err != nil {
			t.Fatalf("%d servers, %v: one that hangs is there", n, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := a.FetchSockets(ctx); !errors.Is(err, socketio.ErrIncomplete) {
		t.Errorf("got %v", err)
	}
	hung.Close()
	eventually(t, "it is gone too", func() bool {
		n, err := a.Adapter().ServerCount(t.Context())
		return n == 1 && err == nil
	})
	if _, err := a.FetchSockets(t.Context()); err != nil {
		t.Error(err)
	}
}

// Without a server Open does not fail, nothing waits, and what is said arrives when there is one.
func TestOpenBeforeTheServer(t *testing.T) {
	s := natsserver.Prepare(t, natsserver.Options{})
	a, b := startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{})
	c := b.client(t, "room")
	began := time.Now()
	if n, err := a.Adapter().ServerCount(t.Context()); n != 1 || !errors.Is(err, socketio.ErrIncomplete) {
		t.Errorf("%d servers, %v", n, err)
	}
	if err := a.To("room").Emit("ev", 1); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
	if st := a.broker.Stats(); st.Up || st.Connects != 0 || st.OutboxMessages != 1 {
		t.Errorf("%+v", st)
	}
	s.Restart()
	together(t, a, b)
	a.To("room").Emit("ev", 2)
	// The first may have gone out before the other server was there.
	if _, got := c.Cut(c.Next()); got == `["ev",1]` {
		c.Expect(`["ev",2]`)
	} else if got != `["ev",2]` {
		t.Errorf("got %s", got)
	}
	if st := a.broker.Stats(); !st.Up || st.Connects != 1 || st.ConnectErrors == 0 || st.Server == "" ||
		st.RoundTrip == 0 {
		t.Errorf("%+v", st)
	}
	if a.log.count("password") > 0 || a.broker.LocalAddr() == nil {
		t.Error("no local address")
	}
}

// Who may not connect is told so, goes on trying, and is let in when it may.
func TestCredentials(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{User: "ana", Password: "s3cret"})
	right, wrong := startNode(t, s.URL(), Options{User: "ana", Password: "s3cret"}),
		startNode(t, "nats://ana:wr0ng@"+s.Addr, Options{})
	eventually(t, "one is connected", func() bool { return right.broker.Stats().Up })
	eventually(t, "the log says why the other is not", func() bool {
		return wrong.log.count("Authorization Violation") > 0
	})
	if st := wrong.broker.Stats(); st.Up || st.ConnectErrors == 0 || wrong.log.count("wr0ng") > 0 {
		t.Errorf("%+v", st)
	}
	s.Kill()
	s.Opts.Password = "wr0ng"
	s.Restart()
	eventually(t, "the other is let in", func() bool { return wrong.broker.Stats().Up })
}

func TestOptionsThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		urls string
		opts Options
	}{
		{"redis://h", Options{}}, {"nats://127.0.0.1:1", Options{Prefix: "a b"}},
		{"nats://127.0.0.1:1", Options{Prefix: "a."}}, {"nats://127.0.0.1:1", Options{Credentials: "nats_test.go"}},
	} {
		if b, err := Open(c.urls, c.opts); err == nil {
			b.Close(t.Context())
			t.Errorf("%+v was taken", c)
		}
	}
}
