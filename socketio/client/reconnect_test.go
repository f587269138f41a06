package client_test

// What sockets do when their connection is lost, or cannot be opened: the scenarios of socket.io-client's own tests.

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// A cutter makes connections that the test cuts, and refuses more while it is told to.
type cutter struct {
	mu      sync.Mutex
	conns   []net.Conn
	refuses bool
	dialed  int
}

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	c.dialed++
	refuses := c.refuses
	c.mu.Unlock()
	if refuses {
		return nil, errors.New("the network is down")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
	}
	return conn, err
}

func (c *cutter) cut(refuse bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = refuse
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// cutUntil cuts again and again, until stop is called: a connection that is made just now, for an upgrade, would
// survive.
func (c *cutter) cutUntil(t testing.TB) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c.cut(false)
			select {
			case <-quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() { close(quit); <-done }
}

func TestALostConnectionIsOpenedAgain(t *testing.T) {
	eachServer(t, func(t *testing.T, url string) {
		for name, transports := range transports {
			t.Run(name, func(t *testing.T) {
				network := new(cutter)
				s := newSocket(t, url+"/foo", client.Options{
					Transports: transports, DialContext: network.dial, ReconnectionDelay: 5 * time.Millisecond,
				})
				other := s.Conn().Socket("/bar")
				attempts, again := make(chan int, 100), make(chan int, 100)
				s.Conn().OnReconnectAttempt(func(n int) { attempts <- n })
				s.Conn().OnReconnect(func(n int) { again <- n })
				gone, up, otherUp := disconnects(s), connects(s), connects(other)
				open(t, s)
				open(t, other)
				receive(t, "the connection", up)
				receive(t, "the other's", otherUp)
				stopped := network.cutUntil(t)
				r := receive(t, "the end", gone)
				stopped()
				if r != client.ReasonTransportClose && r != client.ReasonTransportError {
					t.Errorf("the reason is %q", r)
				}
				receive(t, "an attempt", attempts)
				if n := receive(t, "the success", again); n < 1 {
					t.Errorf("after %d attempts", n)
				}
				receive(t, "another connection", up)
				receive(t, "the other's", otherUp)
				if !s.Connected() || !other.Connected() {
					t.Error("they are not connected")
				}
			})
		}
	})
}

func TestAnUpgradeIsRemembered(t *testing.T) {
	for _, remember := range []bool{false, true} {
		s := newSocket(t, ourServer(t), client.Options{RememberUpgrade: remember})
		openedBy := func() string { // the transport of the request that has opened the session
			open(t, s)
			got, err := client.Ask[struct{ Query map[string]string }](deadline(t), s, "handshake")
			if err != nil {
				t.Fatal(err)
			}
			return got.Query["transport"]
		}
		if got := openedBy(); got != "polling" {
			t.Errorf("the first connection begins with %s", got)
		}
		for s.Conn().Transport() != "websocket" {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond) // until the client knows
		s.Close()
		if got := openedBy(); got == "websocket" != remember {
			t.Errorf("remember: %v: the next connection begins with %s", remember, got)
		}
	}
}

// TestASessionIsRecovered: what the server has sent meanwhile comes, and the socket is the same.
func TestASessionIsRecovered(t *testing.T) {
	eachRecovering(t, func(t *testing.T, url string) {
		network := new(cutter)
		s := newSocket(t, url, client.Options{
			Transports: []string{"websocket"}, DialContext: network.dial, ReconnectionDelay: 20 * time.Millisecond,
		})
		told, gone, up := hear(s, "told"), disconnects(s), connects(s)
		open(t, s)
		id := receive(t, "the connection", up)
		if s.Recovered() {
			t.Error("the first connection is a recovered one")
		}
		if _, err := s.EmitWithAck(deadline(t), "join", "room"); err != nil {
			t.Fatal(err)
		}
		teller := connect(t, url, client.Options{})
		tell := func(text string) {
			if err := teller.Emit("tell", "room", text); err != nil {
				t.Fatal(err)
			}
			if _, err := teller.EmitWithAck(deadline(t), "echo"); err != nil {
				t.Fatal(err)
			}
		}
		tell("before")
		if got := receive(t, "an event", told); !strings.HasPrefix(got, `"before" "`) { // and its offset
			t.Errorf("received %s", got)
		}
		network.cut(true)
		receive(t, "the end", gone)
		tell("meanwhile")
		network.cut(false)
		if got := receive(t, "the connection", up); got != id || !s.Recovered() {
			t.Errorf("the id was %s and is %s; recovered: %v", id, got, s.Recovered())
		}
		if got := receive(t, "what was missed", told); !strings.HasPrefix(got, `"meanwhile" "`) {
			t.Errorf("received %s", got)
		}
	})
}

func TestOpeningIsTriedAgain(t *testing.T) {
	network := &cutter{refuses: true}
	s := newSocket(t, ourServer(t), client.Options{
		DialContext: network.dial, ReconnectionDelay: 2 * time.Millisecond, ReconnectionDelayMax: 4 * time.Millisecond,
	})
	failed := connectErrors(s)
	again := make(chan error, 1000)
	s.Conn().OnReconnectError(func(err error) { again <- err })
	s.Open()
	for range 3 {
		receive(t, "an error", failed)
		receive(t, "an error of another attempt", again)
	}
	network.cut(false)
	open(t, s)
}

func TestAttemptsComeToAnEnd(t *testing.T) {
	network := &cutter{refuses: true}
	s := newSocket(t, "http://localhost", client.Options{
		DialContext: network.dial, ReconnectionDelay: time.Millisecond, ReconnectionAttempts: 2,
	})
	over := make(chan struct{}, 1)
	attempts := make(chan int, 10)
	s.Conn().OnReconnectFailed(func() { over <- struct{}{} })
	s.Conn().OnReconnectAttempt(func(n int) { attempts <- n })
	err := s.Connect(deadline(t))
	if !errors.Is(err, client.ErrReconnectFailed) || !strings.Contains(err.Error(), "the network is down") {
		t.Errorf("the error is %v", err)
	}
	receive(t, "the end", over)
	if a, b := receive(t, "an attempt", attempts), receive(t, "an attempt", attempts); a != 1 || b != 2 ||
		network.dialed != 3 {
		t.Errorf("attempts %d and %d, %d connections", a, b, network.dialed)
	}
	if s.Active() {
		t.Error("it goes on")
	}
}

func TestWithoutReconnection(t *testing.T) {
	network := &cutter{refuses: true}
	s := newSocket(t, ourServer(t), client.Options{DialContext: network.dial, NoReconnection: true})
	if err := s.Connect(deadline(t)); err == nil || s.Active() {
		t.Errorf("connect: %v", err)
	}
	network.cut(false)
	gone := disconnects(s)
	open(t, s)
	network.cut(false)
	receive(t, "the end", gone)
	if s.Active() || s.Connected() {
		t.Error("it goes on")
	}
	open(t, s)
}

func TestConnectGivesUpWithItsContext(t *testing.T) {
	network := &cutter{refuses: true}
	s := newSocket(t, "http://localhost", client.Options{DialContext: network.dial,
		ReconnectionDelay: time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := s.Connect(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the network is down") ||
		s.Active() {
		t.Errorf("the error is %v", err)
	}
}

func TestCloseStopsTheAttempts(t *testing.T) {
	network := &cutter{refuses: true}
	s := newSocket(t, "http://localhost", client.Options{DialContext: network.dial,
		ReconnectionDelay: time.Millisecond})
	s.Conn().OnReconnectAttempt(func(n int) {
		if n == 2 {
			s.Close()
		}
	})
	if err := s.Connect(deadline(t)); !errors.Is(err, client.ErrClosed) {
		t.Errorf("the error is %v", err)
	}
	if s.Active() {
		t.Error("it goes on")
	}
	s.Conn().Close()
	if err := s.Connect(deadline(t)); !errors.Is(err, client.ErrClosed) {
		t.Errorf("on a closed connection: %v", err)
	}
}

// TestOneSocketStopsAndAnotherGoesOn while the connection is away.
func TestOneSocketStopsAndAnotherGoesOn(t *testing.T) {
	network := &cutter{refuses: true}
	s := newSocket(t, ourServer(t), client.Options{DialContext: network.dial, ReconnectionDelay: 2 * time.Millisecond})
	foo := s.Conn().Socket("/foo")
	attempts := make(chan int, 1000)
	s.Conn().OnReconnectAttempt(func(n int) { attempts <- n })
	s.Open()
	foo.Open()
	receive(t, "an attempt", attempts)
	s.Close()
	for receive(t, "another attempt", attempts) < 4 {
	}
	network.cut(false)
	open(t, foo)
	if s.Active() || s.Connected() {
		t.Error("the closed socket is back")
	}
}

// TestASilentServerIsAConnectError after ConnectTimeout, on both transports.
func TestASilentServerIsAConnectError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, transport := range []string{"polling", "websocket"} {
		s := newSocket(t, "http://"+l.Addr().String(), client.Options{
			Transports: []string{transport}, ConnectTimeout: 30 * time.Millisecond, NoReconnection: true,
		})
		failed := connectErrors(s)
		if err := s.Connect(deadline(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", transport, err)
		}
		receive(t, "the handler", failed)
	}
}
