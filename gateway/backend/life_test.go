package backend

// What the backend hears of sockets that come and go, whatever happens on the way, and of nodes that stop.

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A client that goes while the backend considers its connect: the backend, which lets it in, hears of the end. One that
// it refuses has none.
func TestGoneWhileConnecting(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		status       int
		ends         bool
	}{
		{"let in", `{}`, 200, true}, {"refused", `{"refuse":{"message":"no"}}`, 200, false}, {"401", `{}`, 401, false},
		{"wrong", `{`, 200, true}, {"aborted", ``, 0, true}, {"500", `{}`, 500, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			release := make(chan struct{})
			b := startToy(t, func(w http.ResponseWriter, m *told) {
				if m.Kind != "connect" {
					return
				}
				<-release
				if test.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Content-Type", typeJSON)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.answer))
			})
			node := start(t, b, "BACKEND_TIMEOUT", "5s")
			c := gatewaytest.DialWebSocket(t, "http://"+node.Address+"/socket.io/?EIO=4&transport=websocket")
			c.Receive(t)
			c.Send(t, "40")
			b.got("connect", 1)
			c.Close()
			node.WantSamples(t, gatewaytest.Samples{`gateway_connections`: 1}) // the scrape's own
			close(release)
			if test.ends {
				end := b.got("disconnect", 1)[0]
				if end.Socket != b.got("connect", 1)[0].Socket {
					t.Errorf("the end of another socket: %+v", end)
				}
			}
			// Another one comes and goes, and nothing else has come before.
			b.answers(nil)
			s := connect(t, node, "/", client.Options{})
			id := s.ID()
			s.Close()
			want := 1
			if test.ends {
				want = 2
			}
			if ends := b.got("disconnect", want); len(ends) != want || ends[want-1].Socket != id {
				t.Errorf("%d ends", len(ends))
			}
		})
	}
}

// Where the client stays and the backend's answer is no answer, the client gets an error, and the backend, which may
// have let it in, hears of the end.
func TestConnectThatFails(t *testing.T) {
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if m.Kind == "connect" {
			says(w, `{"emit":7}`)
		}
	})
	node := start(t, b)
	if err := newSocket(t, node, "/", client.Options{}).Connect(t.Context()); err == nil {
		t.Error("it is connected")
	}
	if end := b.got("disconnect", 1)[0]; end.JSON.Reason != "connect failed" {
		t.Errorf("the reason is %s", end.JSON.Reason)
	}
}

// The end comes after the events, also of a client that has gone before they were handled; what the last one emits to
// others reaches them.
func TestEndAfterEvents(t *testing.T) {
	release := make(chan struct{})
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		switch {
		case m.Kind == "event":
			<-release
			says(w, `{"ack":[],"join":["r"],"data":{"a":1},"emit":[{"event":"me"},{"event":"all","all":true}]}`)
		case m.Kind == "disconnect":
			says(w, `{"emit":[{"event":"me"},{"event":"gone","all":true}],"join":["r"],"ack":[1],"disconnect":true}`)
		}
	})
	node := start(t, b)
	one, two := connect(t, node, "/", client.Options{}), connect(t, node, "/", client.Options{})
	from, id := heard(two), one.ID()
	for range 3 {
		if err := one.Emit("e"); err != nil {
			t.Fatal(err)
		}
	}
	b.got("event", 1)
	one.Conn().Close()
	close(release)
	for _, want := range []string{"all", "all", "all", "gone"} {
		if got := hear(t, from); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	b.got("disconnect", 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if last := b.all[len(b.all)-1]; last.Kind != "disconnect" || last.Socket != id || len(b.all) != 6 {
		t.Errorf("%d messages, the last %+v", len(b.all), last)
	}
}

// A node that stops waits for requests under way, and tells of every end.
func TestStop(t *testing.T) {
	const sockets = 20
	release := make(chan struct{})
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if m.Kind == "event" {
			<-release
			says(w, `{"ack":["done"]}`)
		}
	})
	node := start(t, b, "BACKEND_CONCURRENCY", "4")
	answers := make(chan string, sockets)
	var all []*client.Socket
	for range sockets {
		all = append(all, connect(t, node, "/", client.Options{}))
	}
	for _, s := range all {
		err := s.EmitAck("e", func(a parser.Args, err error) {
			raw := a.Raw(0)
			answers <- fmt.Sprint(string(raw.JSON()), err)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	node.WantSamples(t, gatewaytest.Samples{
		"gateway_backend_requests_in_flight": 4, "gateway_backend_requests_waiting": sockets - 4,
	})
	stopped := make(chan error, 1)
	go func() { stopped <- node.Stop() }()
	for len(node.Log.Find(t, "letting clients go")) == 0 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	for range sockets {
		if got := hear(t, answers); got != `"done"<nil>` {
			t.Errorf("got %s", got)
		}
	}
	if ends := b.got("disconnect", sockets); len(ends) != sockets {
		t.Errorf("%d ends", len(ends))
	}
}

// A node whose backend never answers stops in its time.
func TestStopWithAFrozenBackend(t *testing.T) {
	thaw := make(chan struct{})
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if m.Kind == "event" {
			<-thaw
		}
	})
	defer close(thaw)
	node := start(t, b, "BACKEND_TIMEOUT", "1h", "SHUTDOWN_TIMEOUT", "1s")
	s := connect(t, node, "/", client.Options{})
	if err := s.Emit("e"); err != nil {
		t.Fatal(err)
	}
	b.got("event", 1)
	if err := node.Stop(); err != nil {
		t.Error(err)
	}
	if len(node.Log.Find(t, "the backend has not heard of a disconnect")) > 1 {
		t.Error("it says so more than once")
	}
}

// Ends wait for a backend that is away, and reach it when it is back.
func TestEndsWaitForTheBackend(t *testing.T) {
	const sockets = 50
	b := startToy(t, nil)
	node := start(t, b, "BACKEND_CONCURRENCY", "8")
	all := make([]*client.Socket, sockets)
	ids := make(map[string]bool)
	for i := range all {
		all[i] = connect(t, node, "/", client.Options{})
		ids[all[i].ID()] = true
	}
	b.stop()
	for _, s := range all {
		s.Close()
	}
	node.WantSamples(t, gatewaytest.Samples{"gateway_backend_circuit": circuitOpen})
	b.start()
	for _, m := range b.got("disconnect", sockets-8) { // the first may have been on connections that were cut
		delete(ids, m.Socket)
	}
	node.WantSamples(t, gatewaytest.Samples{"gateway_backend_disconnects_waiting": 0})
	lost := node.Scrape(t)[`gateway_backend_requests_total{kind="disconnect",outcome="error"}`]
	for _, m := range b.got("disconnect", sockets-int(lost)) {
		delete(ids, m.Socket)
	}
	if float64(len(ids)) != lost {
		t.Errorf("%d ends are missing, %v were cut", len(ids), lost)
	}
}

// The ledger: 200 sockets with 50 events each, while the backend is killed and comes back. Each event's acknowledgement
// says what became of it, and the backend has had exactly those that it has acknowledged, and perhaps those whose
// answer was cut off: once each, in the order in which their socket sent them.
func TestLedger(t *testing.T) {
	const sockets, events = 200, 50
	b := startToy(t, saysTo(func(m *told) string { return `{"ack":["` + m.Socket + `",` + m.arg(0) + `]}` }))
	node := start(t, b, "BACKEND_CONCURRENCY", "32", "BACKEND_RETRIES", "1")
	dialer := new(engine.Dialer)
	type fate struct {
		socket string
		n      int
		answer string
	}
	fates := make(chan fate, sockets*events)
	all := make([]*client.Socket, sockets)
	for i := range all {
		all[i] = connect(t, node, "/", client.Options{Dialer: dialer})
	}
	var sending sync.WaitGroup
	for _, s := range all {
		sending.Go(func() {
			for n := range events {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				answer, err := s.EmitWithAck(ctx, "e", n)
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
				raw := answer.Raw(0)
				fates <- fate{s.ID(), n, string(raw.JSON())}
				if n%10 == 0 {
					time.Sleep(10 * time.Millisecond) // so that it lasts through the outage
				}
			}
		})
	}
	b.got("event", sockets*events/10)
	b.stop()
	node.WantSamples(t, gatewaytest.Samples{"gateway_backend_circuit": circuitOpen})
	b.start()
	sending.Wait()
	close(fates)

	had := make(map[string][]int)
	for _, m := range b.got("event", 0) {
		var n int
		if _, err := fmt.Sscan(m.arg(0), &n); err != nil {
			t.Fatal(err)
		}
		if list := had[m.Socket]; len(list) > 0 && list[len(list)-1] >= n {
			t.Fatalf("%s: %d after %v", m.Socket, n, list)
		}
		had[m.Socket] = append(had[m.Socket], n)
	}
	reached := func(socket string, n int) bool {
		for _, m := range had[socket] {
			if m == n {
				return true
			}
		}
		return false
	}
	count := make(map[string]int)
	for f := range fates {
		switch has := reached(f.socket, f.n); f.answer {
		case `"` + f.socket + `"`:
			count["done"]++
			if !has {
				t.Errorf("%s %d: acknowledged, and not there", f.socket, f.n)
			}
		case saysError:
			count["cut off"]++
		default:
			count[f.answer]++
			if has {
				t.Errorf("%s %d: %s, and there", f.socket, f.n, f.answer)
			}
		}
	}
	t.Log(count)
	if count["done"]+count["cut off"]+count[saysUnavailable] != sockets*events || count[saysUnavailable] == 0 {
		t.Errorf("got %v", count)
	}
}
