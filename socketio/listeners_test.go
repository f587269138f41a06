package socketio

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// notes collects what handlers have been called with.
type notes struct {
	mu  sync.Mutex
	got []string
}

// handler returns one that notes its name and the event.
func (n *notes) handler(name string) func(*Event) error {
	return func(e *Event) error {
		var arg string
		if e.Len() > 0 {
			arg = string(e.Raw(0).JSON())
		}
		n.add(name + ":" + e.Name() + arg)
		return nil
	}
}

func (n *notes) add(note string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, note)
}

// want checks what has been noted since the last time.
func (n *notes) want(t *testing.T, want string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if got := strings.Join(n.got, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	n.got = nil
}

func TestOneListenerIsTakenOff(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	nsOff := srv.On("a", n.handler("ns1"))
	srv.On("a", n.handler("ns2"))
	nsAnyOff := srv.OnAny(n.handler("nsAny"))
	c := srv.connect()
	s := c.socket()
	s.On("a", n.handler("1"))
	off := s.On("a", n.handler("2"))
	s.On("a", n.handler("3"))
	anyOff := s.OnAny(n.handler("any1"))
	s.PrependAny(n.handler("any0"))
	say := func(want string) {
		t.Helper()
		c.send(`2["a"]`)
		c.settle()
		n.want(t, want)
	}
	say("nsAny:a any0:a any1:a ns1:a ns2:a 1:a 2:a 3:a")
	for range 2 { // twice is once
		off.Off()
		nsOff.Off()
		anyOff.Off()
		nsAnyOff.Off()
	}
	say("any0:a ns2:a 1:a 3:a")
	s.OffAny()
	s.Off("a")
	say("ns2:a")
	srv.Off("a")
	say("")
	Listener{}.Off() // of a handler that was not added
}

func TestOnceIsOnce(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	srv.Once("a", n.handler("ns"))
	c, d := srv.connect(), srv.connect()
	c.socket().Once("a", n.handler("first"))
	c.socket().On("a", n.handler("always"))
	never := c.socket().Once("a", n.handler("never"))
	never.Off()
	c.send(`2["a",1]`, `2["a",2]`)
	c.settle()
	d.send(`2["a",3]`)
	d.settle()
	n.want(t, "ns:a1 first:a1 always:a1 always:a2")
	if names := srv.EventNames(); len(names) != 0 {
		t.Errorf("the namespace still has handlers for %q", names)
	}
}

// A handler may take others off, itself too; those that are being gone through still run, as in Node.
func TestListenersChangeWhileTheyRun(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	c := srv.connect()
	s := c.socket()
	var second Listener
	s.On("a", func(*Event) error {
		n.add("1")
		second.Off()
		s.On("a", n.handler("new"))
		return nil
	})
	second = s.On("a", n.handler("2"))
	c.send(`2["a"]`)
	c.settle()
	n.want(t, "1 2:a")
	c.send(`2["a"]`)
	c.settle()
	n.want(t, "1 new:a")
}

// Once on a namespace runs once however many sockets send the event at one moment.
func TestOnceUnderManySockets(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	srv.Once("a", n.handler("once"))
	var wg sync.WaitGroup
	clients := make([]*testClient, 8)
	for i := range clients {
		clients[i] = srv.connect()
	}
	for _, c := range clients {
		wg.Go(func() { c.send(`2["a"]`) })
	}
	wg.Wait()
	for _, c := range clients {
		c.settle()
	}
	n.want(t, "once:a")
}

func TestWhichListenersThereAre(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	c := srv.connect()
	s := c.socket()
	s.On("b", n.handler("1"))
	s.Once("a", n.handler("2"))
	s.On("b", n.handler("3"))
	s.OnAny(n.handler("any"))
	s.OnAnyOutgoing(n.handler("out"))
	srv.On("c", n.handler("ns"))
	srv.OnAny(n.handler("nsAny"))
	if got := s.EventNames(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("EventNames: %q", got)
	}
	counts := []int{
		len(s.Listeners("a")), len(s.Listeners("b")), len(s.Listeners("c")), len(s.ListenersAny()),
		len(s.ListenersAnyOutgoing()), len(srv.Of("/").Listeners("c")), len(srv.Of("/").ListenersAny()),
	}
	if want := []int{1, 2, 0, 1, 1, 1, 1}; !slices.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
	s.Listeners("b")[0].Off()
	c.send(`2["b"]`)
	c.settle()
	n.want(t, "nsAny:b any:b 3:b")
	s.OffAll()
	srv.Of("/").OffAll()
	c.send(`2["a"]`, `2["b"]`, `2["c"]`)
	c.settle()
	n.want(t, "nsAny:a any:a nsAny:b any:b nsAny:c any:c")
}

// Handlers of connections and of their ends can be taken off too.
func TestConnectAndDisconnectListeners(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	var socketOff []Listener
	offs := []Listener{
		srv.OnConnect(func(s *Socket) error {
			n.add("connect")
			socketOff = append(socketOff, s.OnDisconnect(func(Reason) { n.add("end") }),
				s.OnDisconnecting(func(Reason) { n.add("ending") }))
			return nil
		}),
		srv.OnDisconnecting(func(*Socket, Reason) { n.add("ns ending") }),
		srv.OnDisconnect(func(*Socket, Reason) { n.add("ns end") }),
	}
	c := srv.connect()
	c.settle()
	c.send("1")
	eventually(t, "the end", func() bool { return srv.SocketCount() == 0 && c.conn.quiet() })
	eventually(t, "the handlers", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return len(n.got) == 5 })
	n.want(t, "connect ns ending ending ns end end")

	d := srv.connect()
	d.settle()
	for _, l := range append(offs, socketOff...) {
		l.Off()
	}
	s := d.socket()
	d.send("1")
	eventually(t, "the end", func() bool { return s.state.Load() == stateClosed })
	srv.connect().settle()
	n.want(t, "connect")
}

// A dynamic namespace has its parent's handlers; one that is to run once does so in each.
func TestOnceInDynamicNamespaces(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	parent := srv.OfFunc(func(string, *Handshake) bool { return true })
	parent.Once("a", n.handler("once"))
	for _, name := range []string{"/x", "/y"} {
		c := srv.dial()
		c.send("0" + name + ",")
		c.read()
		c.send("2"+name+`,["a"]`, "2"+name+`,["a"]`)
		c.settle()
	}
	n.want(t, "once:a once:a")
}

func TestSendIsAMessage(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	for _, err := range []error{c.socket().Send("one", 1), srv.Send("all"), srv.Of("/").Send()} {
		if err != nil {
			t.Error(err)
		}
	}
	c.want(`2["message","one",1]`, `2["message","all"]`, `2["message"]`)
}

func TestSocketIDs(t *testing.T) {
	srv := newTestServer(t, Options{})
	a, b, c := srv.connect(), srv.connect(), srv.connect()
	a.socket().Join("x")
	b.socket().Join("x", "y")
	tests := []struct {
		name string
		op   BroadcastOperator
		want []*testClient
	}{
		{"all", srv.To(), []*testClient{a, b, c}},
		{"a room", srv.In("x"), []*testClient{a, b}},
		{"two rooms", srv.To("x", "y"), []*testClient{a, b}},
		{"but for a room", srv.Except("y"), []*testClient{a, c}},
		{"of this server", srv.Local().To("y"), []*testClient{b}},
		{"nobody", srv.To("z"), nil},
	}
	for _, tt := range tests {
		var want []string
		for _, client := range tt.want {
			want = append(want, client.sid)
		}
		got, err := tt.op.SocketIDs(t.Context())
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, want)
		}
	}
	if got, err := srv.SocketIDs(t.Context()); err != nil || len(got) != 3 {
		t.Errorf("the server's: %q, %v", got, err)
	}
}

// A handler that is put before the others hears of a socket first, and can be taken off.
func TestPrependConnect(t *testing.T) {
	srv := newTestServer(t, Options{})
	var n notes
	note := func(name string) func(*Socket) error {
		return func(*Socket) error { n.add(name); return nil }
	}
	srv.OnConnect(note("b"))
	first := srv.Of("/").PrependConnect(note("a"))
	srv.connect().settle()
	n.want(t, "a b")
	first.Off()
	srv.connect().settle()
	n.want(t, "b")
}
