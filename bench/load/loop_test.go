//go:build linux

package load_test

// Clients against real servers in this process.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/load/loadtest"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

func newLoop(t *testing.T) *load.Loop {
	t.Helper()
	l, err := load.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func connect(t *testing.T, l *load.Loop, first, count int, spec load.Spec) []*load.Client {
	t.Helper()
	clients, err := l.Connect(t.Context(), first, count, spec)
	if err != nil {
		t.Fatal(err)
	}
	return clients
}

// until handles events until done reports true, for a minute at most.
func until(t *testing.T, l *load.Loop, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Run(ctx, func() (int64, bool) { return l.Now() + int64(10*time.Millisecond), !done() }); err != nil {
		t.Fatal(err)
	}
}

func registered(addr string, polling bool) load.Spec {
	return load.Spec{
		Addr: addr, Protocol: peer.SocketIO, Polling: polling, Hello: `42["registrar"]`, Expect: `42["registrado"`,
	}
}

func chatMessage(size int) *load.Message {
	return load.Text(`42["messages",{"nickname":"Ana","message":"`, size, `"}]`)
}

func TestARoomReceivesEveryMessageInOrder(t *testing.T) {
	addr := loadtest.Serve(t)
	for _, test := range []struct {
		name    string
		polling bool
		size    int
	}{
		{"WebSocket", false, 64}, {"WebSocket, frames of all lengths", false, 70_000},
		{"polling", true, 64}, {"polling, long messages", true, 70_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLoop(t)
			clients := connect(t, l, 0, 30, registered(addr, test.polling))
			g := load.NewGroup(clients)
			latency := load.NewRecorder()
			latency.Until = int64(time.Hour)
			for _, c := range clients {
				c.Check, c.Latency = true, latency
			}
			m := chatMessage(test.size)
			for sent := 0; sent < 40; {
				until(t, l, func() bool { return g.InFlight() < 8 })
				for g.InFlight() < 8 && sent < 40 {
					g.Send(clients[3], m, l.Now())
					sent++
				}
			}
			until(t, l, func() bool { return g.InFlight() == 0 })
			if n, err := g.Faults(); n > 0 || g.Missing() != 0 || l.Delivered != 40*30 || latency.Count() != 40*30 {
				t.Errorf("%d faults (%v), %d missing, %d delivered, %d latencies",
					n, err, g.Missing(), l.Delivered, latency.Count())
			}
			if err := load.FirstLost(clients); err != nil || l.Lost != 0 {
				t.Errorf("%d lost: %v", l.Lost, err)
			}
		})
	}
}

func TestAttachmentsCountOnceWithTheirMessage(t *testing.T) {
	addr := loadtest.Serve(t)
	for _, polling := range []bool{false, true} {
		l := newLoop(t)
		clients := connect(t, l, 0, 5, load.Spec{
			Addr: addr, Protocol: peer.SocketIO, Polling: polling, Hello: `420["join","r"]`, Expect: `430[`,
		})
		g := load.NewGroup(clients)
		for _, c := range clients {
			c.Check = true
		}
		m := load.Binary(`451-["blob","r",{"_placeholder":true,"num":0}]`, 1000)
		for range 3 {
			g.Send(clients[0], m, 0)
		}
		until(t, l, func() bool { return g.InFlight() == 0 })
		if n, err := g.Faults(); n > 0 || l.Delivered != 15 {
			t.Errorf("polling %v: %d delivered, %v", polling, l.Delivered, err)
		}
	}
}

func TestAcknowledgementsReachTheirClient(t *testing.T) {
	addr := loadtest.Serve(t)
	for _, polling := range []bool{false, true} {
		l := newLoop(t)
		c := connect(t, l, 0, 1, load.Spec{Addr: addr, Protocol: peer.SocketIO, Polling: polling})[0]
		var got []int64
		c.OnAck = func(head []byte) {
			seq, _, ok := load.FindStamp(head)
			if !ok {
				t.Errorf("no stamp in %q", head)
			}
			got = append(got, seq)
		}
		m := load.Text(`421["echo",{"text":"`, 64, `"}]`)
		for seq := range int64(5) {
			c.Send(m, seq, 0)
		}
		until(t, l, func() bool { return len(got) == 5 })
		if fmt.Sprint(got) != "[0 1 2 3 4]" || c.Received != 0 {
			t.Errorf("polling %v: %v, and %d events", polling, got, c.Received)
		}
	}
}

func TestParkedClientsAreCountedExactly(t *testing.T) {
	l := newLoop(t)
	clients := connect(t, l, 0, 4, load.Spec{Addr: loadtest.Floor(t, nil), Protocol: peer.Floor})
	m := load.Text("", 200, "")
	g := load.NewGroup(clients)
	g.Send(clients[0], m, 0)
	until(t, l, func() bool { return g.InFlight() == 0 })

	prompt, parked := load.NewGroup(clients[:1]), load.NewGroup(clients[1:])
	for _, c := range parked.Members {
		if err := c.Park(clients[0].MessageSize()); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		prompt.Send(clients[0], m, 0)
		parked.Owe()
	}
	until(t, l, func() bool { return prompt.InFlight() == 0 })
	if parked.Missing() != 3000 {
		t.Errorf("%d missing before a sweep", parked.Missing())
	}
	until(t, l, func() bool {
		for _, c := range parked.Members {
			if err := c.Sweep(); err != nil {
				t.Fatal(err)
			}
		}
		return parked.InFlight() == 0
	})
	for _, c := range parked.Members {
		if err := c.Unpark(); err != nil {
			t.Error(err)
		}
	}
	// After that they are read again.
	g = load.NewGroup(clients)
	g.Send(clients[0], m, 0)
	until(t, l, func() bool { return g.InFlight() == 0 })
}

func TestParkedClientsNoticeBytesThatAreNoMessages(t *testing.T) {
	l := newLoop(t)
	clients := connect(t, l, 0, 2, load.Spec{Addr: loadtest.Floor(t, nil), Protocol: peer.Floor})
	parked := load.NewGroup(clients[1:])
	if err := clients[1].Park(100); err != nil {
		t.Fatal(err)
	}
	parked.Owe()
	clients[0].SendText([]byte(strings.Repeat("x", 99)))
	until(t, l, func() bool {
		if err := clients[1].Sweep(); err != nil {
			t.Fatal(err)
		}
		return parked.InFlight() == 0
	})
	if err := clients[1].Unpark(); err == nil {
		t.Error("101 bytes pass for messages of 100")
	}
}

func TestAConnectionThatTheServerEndsIsLostWithItsReason(t *testing.T) {
	l := newLoop(t)
	for _, polling := range []bool{false, true} {
		lost := l.Lost
		c := connect(t, l, 0, 1, registered(loadtest.Serve(t), polling))[0]
		c.SendText([]byte(`4nonsense`))
		until(t, l, func() bool { return c.Err != nil })
		if !errors.Is(c.Err, load.ErrLost) || c.Ready || l.Lost != lost+1 {
			t.Errorf("polling %v: %v, ready %v, %d lost", polling, c.Err, c.Ready, l.Lost)
		}
	}
}

func TestConnectSaysWhyItCannot(t *testing.T) {
	l := newLoop(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	closed.Close()
	for name, test := range map[string]struct{ addr, want string }{
		"nobody listens": {addr, "connection refused"},
		"elsewhere":      {"192.0.2.1:80", "not an IPv4 loopback address"},
		"no Socket.IO":   {refusing(t), "no WebSocket"},
	} {
		clients, err := l.Connect(t.Context(), 0, 3, load.Spec{Addr: test.addr, Protocol: peer.SocketIO})
		if err == nil || !strings.Contains(err.Error(), test.want) || clients != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = l.Connect(ctx, 0, 1, load.Spec{Addr: addr, Protocol: peer.SocketIO})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// refusing starts a server that answers every request with 403 and returns its address.
func refusing(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	})}
	ended := make(chan struct{})
	go func() { server.Serve(listener); close(ended) }()
	t.Cleanup(func() { server.Close(); <-ended })
	return listener.Addr().String()
}

// Centrifuge replies in lines, several to a frame when it is busy.
func TestCentrifugeRepliesAreCountedByLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-ended })
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		push := `{"push":{"channel":"bench","pub":{"data":{}}}}`
		for _, text := range []string{
			`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{}}`, "{}", push + "\n" + push, push + "\n{}\n" + push,
		} {
			conn.Write(append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...))
		}
		r.ReadBytes(0) // returns when the client is gone
	}()
	l := newLoop(t)
	c := connect(t, l, 0, 1, load.Spec{Addr: listener.Addr().String(), Protocol: peer.Centrifuge})[0]
	until(t, l, func() bool { return c.Received == 4 })
	c.Close()
}

func TestTheClockWakesInTime(t *testing.T) {
	l := newLoop(t)
	steps, wake := 0, l.Now()
	err := l.Run(t.Context(), func() (int64, bool) {
		if l.Now() >= wake {
			steps++
			wake += int64(2 * time.Millisecond)
		}
		return wake, steps < 50
	})
	if err != nil || l.Now() < int64(98*time.Millisecond) {
		t.Errorf("50 steps of 2 ms: %v after %v", err, time.Duration(l.Now()))
	}
}

func TestOwnCPUGrowsWithWork(t *testing.T) {
	before, err := load.OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	after, err := load.OwnCPU()
	if err != nil || after <= before {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
}
