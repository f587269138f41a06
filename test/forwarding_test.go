package test

// No sticky sessions. Three gateways stand behind balancers that know nothing of Socket.IO, so most requests of a
// client reach a node that does not have its session.

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// sessionUnknown is Node.js's answer to a request for a session that the server does not know.
const sessionUnknown = `{"code":1,"message":"Session ID unknown"}`

// startGateways starts n gateways that form one cluster and waits until each is ready.
func startGateways(t *testing.T, n int, env ...string) (nodes []*target, addrs []string) {
	t.Helper()
	return startFleet(t, "gateway", n, env...)
}

// startFleet is startGateways for a target of another name.
func startFleet(t *testing.T, name string, n int, env ...string) (nodes []*target, addrs []string) {
	t.Helper()
	redis := startRedis(t)
	for range n {
		settings := []string{"REDIS_URL=redis://" + redis, "NODE_ENV=production", "DRAIN_DELAY=0", "DRAIN_WINDOW=0"}
		tg := newTarget(t, name, append(settings, env...)...)
		tg.run(t)
		awaitReady(t, tg)
		nodes, addrs = append(nodes, tg), append(addrs, tg.addr)
	}
	return nodes, addrs
}

func awaitReady(t *testing.T, tg *target) {
	t.Helper()
	if !await.Until(patience, func() bool { return tg.answers("/readyz") }) {
		t.Fatal("the gateway does not get ready")
	}
}

// The real client runs the whole chat over each transport, through each kind of balancer.
func TestNoStickySessions(t *testing.T) {
	needsGateway(t)
	for name, start := range balancers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addrs := startGateways(t, 3)
			url := "http://" + start(t, addrs)
			for _, transport := range []string{"default", "polling", "websocket"} {
				t.Run(transport, func(t *testing.T) {
					child.RunScript(t, "js/clients/chat.test.mjs",
						"CLIENT=4.8.3", "TRANSPORT="+transport, "NODES=3", "URL="+url)
				})
			}
		})
	}
}

// 300 clients connect, chat, and stay for several heartbeats. Each of their requests has a connection of its own and so
// reaches the next node. No client may see anything but its messages.
func TestThreeHundredClientsOnAnyNode(t *testing.T) {
	needsGateway(t)
	_, addrs := startGateways(t, 3, "PING_INTERVAL=3s")
	addr := startTCPBalancer(t, addrs)
	const clients, senders, each = 300, 30, 5

	var everybody sync.WaitGroup
	var registered, heard atomic.Int64
	leave := make(chan struct{})
	list := make([]*chatter, clients)
	for i := range list {
		c := &chatter{addr: addr, kind: []string{"polling", "upgrade", "websocket"}[i%3], leave: leave}
		list[i] = c
		c.heard = func(text string) {
			switch {
			case strings.HasPrefix(text, `42["registrado",`):
				registered.Add(1)
			case strings.HasPrefix(text, `42["messages",`):
				heard.Add(1)
			case !strings.HasPrefix(text, "40{"):
				t.Errorf("a %s client got %.200q", c.kind, text)
			}
		}
		everybody.Go(func() {
			if err := c.run(); err != nil {
				t.Errorf("a %s client: %v", c.kind, err)
			}
		})
		if i%20 == 19 {
			time.Sleep(50 * time.Millisecond) // spares a small machine
		}
	}
	stop := sync.OnceFunc(func() { close(leave); everybody.Wait() })
	defer stop()
	reach := func(what string, n *atomic.Int64, want int64) {
		t.Helper()
		await.Until(2*patience, func() bool { return n.Load() >= want || t.Failed() })
		if n.Load() < want {
			t.Fatalf("%d %s, want %d", n.Load(), what, want)
		}
	}
	reach("registered", &registered, clients)
	for round := range each {
		for s := range senders {
			packet := fmt.Sprintf(`42["messages",{"nickname":"n%d","message":"m%d"}]`, s, round)
			if err := list[s].emit(packet); err != nil {
				t.Fatal(err)
			}
		}
		reach("messages heard", &heard, int64(clients*senders*(round+1)))
	}
	time.Sleep(7 * time.Second) // two heartbeats, which every client must see
	if got := heard.Load(); got != clients*senders*each {
		t.Errorf("%d messages heard, want %d", got, clients*senders*each)
	}
	stop()
	for _, c := range list {
		if c.pings.Load() < 2 {
			t.Errorf("a %s client has seen %d heartbeats", c.kind, c.pings.Load())
		}
	}
}

// A node is killed. The other nodes know at once that its sessions are gone, and real clients come back by themselves.
func TestAKilledNode(t *testing.T) {
	needsGateway(t)
	nodes, addrs := startGateways(t, 3)
	addr := startTCPBalancer(t, addrs)
	sid, err := wire.OpenSession(addrs[0], patience)
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.Post(addrs[1], wire.NewPolling+"&sid="+sid, "40", patience)
	if err != nil || r.Code != 200 {
		t.Fatalf("while it lives: %+v %v", r, err)
	}
	control := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		nodes[0].process.Cmd.Process.Signal(syscall.SIGKILL)
		<-nodes[0].process.Ended
		for _, other := range addrs[1:] {
			for range 3 {
				began := time.Now()
				r, err := wire.Get(other, wire.NewPolling+"&sid="+sid, patience)
				if err != nil || r.Code != 400 || string(r.Body) != sessionUnknown {
					t.Errorf("once it is dead: %+v %v", r, err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the answer took %v", took)
				}
			}
		}
		// It is back before the test ends: an orchestrator would restart it.
		if err := nodes[0].start(); err != nil {
			t.Error(err)
		}
	}))
	defer control.Close()
	child.RunScript(t, "js/clients/failover.test.mjs",
		"URL=http://"+addr, "CONTROL="+control.URL, "CLIENT=4.8.3", "TRANSPORT=default")
}

// WebSockets that lead through a node to another share one connection between the two: at the owner they take no
// descriptor, at the other node their client's. When the owner is killed, all of them end at once.
func TestTunnelsShareAConnection(t *testing.T) {
	needsGateway(t)
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are counted in /proc")
	}
	nodes, addrs := startGateways(t, 2)
	files := func(node int) int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", nodes[node].process.Cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	const clients = 60
	before := []int{files(0), files(1)}
	all := make([]*wire.WebSocket, clients)
	for i := range all {
		c := &chatter{addr: addrs[0], heard: func(string) {}}
		var err error
		if c.sid, err = wire.OpenSession(c.addr, patience); err == nil {
			err = errors.Join(c.emit("40"), c.pollOnce())
		}
		c.addr = addrs[1]
		if err = errors.Join(err, c.upgrade(), c.emit(`42["registrar"]`)); err != nil {
			t.Fatal(err)
		}
		defer c.ws.Close()
		all[i] = c.ws
	}
	hear := func(ws *wire.WebSocket, prefix string) {
		t.Helper()
		for {
			ws.SetReadDeadline(time.Now().Add(patience))
			f, err := ws.ReadFrame()
			switch text := string(f.Payload); {
			case err != nil:
				t.Fatalf("%v; want %s", err, prefix)
			case text == "2": // a heartbeat
				ws.SendText("3")
			case strings.HasPrefix(text, prefix):
				return
			default:
				t.Fatalf("got %.100q; want %s", text, prefix)
			}
		}
	}
	for _, ws := range all {
		hear(ws, `42["registrado"`)
	}
	all[0].SendText(`42["messages",{"nickname":"n","message":"m"}]`)
	for _, ws := range all {
		hear(ws, `42["messages"`)
	}
	const kept = 30 // connections that are kept for requests, and what Go opens for itself
	if !await.Until(patience, func() bool {
		return files(0) <= before[0]+kept && files(1) <= before[1]+clients+kept
	}) {
		t.Errorf("the owner has %d more descriptors, the other node %d, for %d clients",
			files(0)-before[0], files(1)-before[1], clients)
	}
	nodes[0].process.Cmd.Process.Signal(syscall.SIGKILL)
	for _, ws := range all {
		ws.SetReadDeadline(time.Now().Add(patience))
		f, err := ws.ReadFrame()
		for err == nil && string(f.Payload) == "2" {
			f, err = ws.ReadFrame()
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %.100q, %v; want the end", f.Payload, err)
		}
	}
	<-nodes[0].process.Ended
	if err := nodes[0].start(); err != nil { // as an orchestrator would
		t.Error(err)
	}
}

// Sessions of a Nest service beside the gateways are not forwarded. Requests for them get the usual answer.
func TestNestSessionsAreNotForwarded(t *testing.T) {
	needsGateway(t)
	redis := "REDIS_URL=redis://" + startRedis(t)
	nest, gateway := newTarget(t, "nest", redis), newTarget(t, "gateway", redis)
	for _, tg := range []*target{nest, gateway} {
		tg.run(t)
	}
	awaitReady(t, gateway)
	for _, pair := range [][2]*target{{nest, gateway}, {gateway, nest}} {
		sid, err := wire.OpenSession(pair[0].addr, patience)
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"GET", "POST"} {
			target := wire.NewPolling + "&sid=" + sid
			r, err := wire.Do(pair[1].addr, wire.Request{Method: method, Target: target}, patience)
			if err != nil || r.Code != 400 || string(r.Body) != sessionUnknown {
				t.Errorf("a session of %s at %s: %+v %v", pair[0].name, pair[1].name, r, err)
			}
		}
		ws, err := wire.DialWebSocket(pair[1].addr, wire.NewSocket+"&sid="+sid)
		if ws == nil || ws.Answer.Code != 400 || string(ws.Answer.Body) != "Session ID unknown" {
			t.Errorf("a session of %s at %s, upgraded: %+v %v", pair[0].name, pair[1].name, ws, err)
		}
	}
}

// With FORWARD=off a node knows only its own sessions, like a Nest service.
func TestForwardingSwitchedOff(t *testing.T) {
	needsGateway(t)
	_, addrs := startGateways(t, 2, "FORWARD=off")
	sid, err := wire.OpenSession(addrs[0], patience)
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.Get(addrs[1], wire.NewPolling+"&sid="+sid, patience)
	if err != nil || len(sid) != 20 || r.Code != 400 || string(r.Body) != sessionUnknown {
		t.Errorf("%q: %+v %v", sid, r, err)
	}
}
