package backend

// A backend that is wrong, slow, frozen, killed or overrun: what clients get then, and that nobody is lost over it.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
	"github.com/brunossouza/websocket-escalonavel/test/await"
)

const (
	saysError       = `{"error":"backend error","data":{"code":"backend_error"}}`
	saysTimeout     = `{"error":"backend timeout","data":{"code":"backend_timeout"}}`
	saysUnavailable = `{"error":"backend unavailable","data":{"code":"backend_unavailable"}}`
	saysOverloaded  = `{"error":"backend overloaded","data":{"code":"backend_overloaded"}}`
)

// Of an answer that is wrong somewhere, nothing is done: each of these would also emit, join and set data.
func TestWrongAnswers(t *testing.T) {
	const good = `"emit":[{"event":"done","all":true}],"join":["r"],"data":{"set":true}`
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	huge := strings.Repeat(" ", 2001)
	write := func(status int, contentType, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	answers := map[string]func(http.ResponseWriter){
		"not json":   write(200, typeJSON, `{`+good+`,`),
		"an array":   write(200, typeJSON, `[{`+good+`}]`),
		"two values": write(200, typeJSON, `{`+good+`}{}`),
		"html":       write(200, "text/html", `{`+good+`}`),
		"no type":    write(200, "", `{`+good+`}`),
		"404":        write(404, typeJSON, `{`+good+`}`),
		"500":        write(500, typeJSON, `{`+good+`}`),
		"401":        write(401, typeJSON, `{`+good+`}`),
		"redirected": func(w http.ResponseWriter) {
			w.Header().Set("Location", "/events")
			write(307, typeJSON, "")(w)
		},
		"huge": write(200, typeJSON, `{`+good+huge+`}`),
		"huge, chunked": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", typeJSON)
			w.(http.Flusher).Flush()
			_, _ = w.Write([]byte(`{` + good + huge + `}`))
		},
		"cut": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "99")
			write(200, typeJSON, `{`+good)(w)
		},
		"aborted":        func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"no such event":  write(200, typeJSON, `{`+good+`,"emit":[{"event":"done","all":true},{"args":[]}]}`),
		"reserved":       write(200, typeJSON, `{`+good+`,"emit":[{"event":"done","all":true},{"event":"connect"}]}`),
		"binary nowhere": write(200, typeJSON, `{`+good+`,"ack":[1],"ackBinary":["/0"]}`),
		"ack no array":   write(200, typeJSON, `{`+good+`,"ack":1}`),
		"ack and error":  write(200, typeJSON, `{`+good+`,"ack":[],"error":{"message":"x"}}`),
		"error no text":  write(200, typeJSON, `{`+good+`,"error":"x"}`),
		"user in data":   write(200, typeJSON, `{`+good+`,"data":{"user":"root"}}`),
		"rooms of token": write(200, typeJSON, `{`+good+`,"data":{"tokenRooms":[]}}`),
		"data no object": write(200, typeJSON, `{`+good+`,"data":[]}`),
		"room no text":   write(200, typeJSON, `{`+good+`,"join":[7]}`),
		"room unnamed":   write(200, typeJSON, `{`+good+`,"leave":[""]}`),
		"ends how":       write(200, typeJSON, `{`+good+`,"disconnect":"now"}`),
		"too deep":       write(200, typeJSON, `{`+good+`,"ack":[`+deep+`]}`),
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := way.startToy(t, nil)
			node := start(t, b, "BACKEND_MAX_ANSWER", "2000")
			s := connect(t, node, "/", client.Options{})
			from := heard(s)
			for name, write := range answers {
				b.answers(func(w http.ResponseWriter, _ *told) { write(w) })
				if got := ask(t, s, name); got != saysError {
					t.Errorf("%s: got %s", name, got)
				}
				b.answers(saysTo(func(m *told) string { return `{"ack":[` + string(m.JSON.Data) + `]}` }))
				if got := ask(t, s, "data"); got != "{}" { // and a good answer closes the circuit before it opens
					t.Errorf("%s: then got %s", name, got)
				}
			}
			if len(from) > 0 {
				t.Errorf("it has heard %s", <-from)
			}
			b.answers(nil)
			s.Close()
			if rooms := b.got("disconnect", 1)[0].JSON.Rooms; len(rooms) != 1 {
				t.Errorf("it is in %q", rooms)
			}
			lines := len(node.Log.Find(t, "the backend has answered something wrong"))
			if lines == 0 || lines > 10 {
				t.Errorf("%d log lines", lines)
			}
		})
	}
}

// An answer that never ends is ended.
func TestEndlessAnswer(t *testing.T) {
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if m.Kind != "event" {
			return
		}
		w.Header().Set("Content-Type", typeJSON)
		for {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond) // the attack's own pace
		}
	})
	s := connect(t, start(t, b, "BACKEND_TIMEOUT", "300ms"), "/", client.Options{})
	if got := ask(t, s, "e"); got != saysTimeout {
		t.Errorf("got %s", got)
	}
}

// A backend that is not there, and comes back: the client stays, its events fail at once, then succeed.
func TestBackendKilled(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := way.startToy(t, saysTo(func(*told) string { return `{"ack":["well"]}` }))
			node := start(t, b, "BACKEND_RETRIES", "0")
			s := connect(t, node, "/", client.Options{})
			ended := make(chan client.Reason, 1)
			s.OnDisconnect(func(r client.Reason, _ error) { ended <- r })
			ask(t, s, "e")
			b.stop()
			for range failuresToOpen + 1 { // the first may have been on a connection that was there
				if got := ask(t, s, "e"); got != saysUnavailable && got != saysError {
					t.Errorf("got %s", got)
				}
			}
			node.WantSamples(t, gatewaytest.Samples{"gateway_backend_circuit": circuitOpen})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := newSocket(t, node, "/", client.Options{}).Connect(ctx)
			if refused, ok := err.(*client.ConnectError); !ok || refused.Message != "backend unavailable" ||
				string(refused.Data.JSON()) != `{"code":"backend_unavailable"}` {
				t.Errorf("a connect: %v", err)
			}
			b.start()
			for deadline := time.Now().Add(patience); ask(t, s, "e") != `"well"`; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("it is not back")
				}
			}
			node.WantSamples(t, gatewaytest.Samples{"gateway_backend_circuit": circuitClosed})
			if len(ended) > 0 || len(node.Log.Find(t, "the backend is back")) == 0 ||
				len(node.Log.Find(t, "the backend is away: requests are refused until it is back")) == 0 {
				t.Errorf("disconnected: %d; log %s", len(ended), node.Log)
			}
		})
	}
}

// What has not reached the backend is tried again, and the client notices nothing.
func TestRetries(t *testing.T) {
	b := startToy(t, saysTo(func(*told) string { return `{"ack":["well"]}` }))
	node := start(t, b, "BACKEND_RETRIES", "10")
	s := connect(t, node, "/", client.Options{})
	b.stop()
	time.Sleep(2 * quiet) // a connection that was used just now is used without asking
	answer := make(chan string, 1)
	go func() {
		got, err := s.EmitWithAck(t.Context(), "e")
		text := got.Raw(0)
		answer <- fmt.Sprint(string(text.JSON()), err)
	}()
	for deadline := time.Now().Add(patience); node.Scrape(t)["gateway_backend_retries_total"] == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing has been tried again")
		}
	}
	b.start()
	if got := hear(t, answer); got != `"well"<nil>` {
		t.Errorf("got %s", got)
	}
	if n := len(b.got("event", 1)); n != 1 {
		t.Errorf("it has come %d times", n)
	}
}

// A connection that the backend has closed while nobody used it costs nobody a request.
func TestConnectionClosedWhileIdle(t *testing.T) {
	b := startToy(t, saysTo(func(*told) string { return `{"ack":["well"]}` }))
	s := connect(t, start(t, b, "BACKEND_RETRIES", "0"), "/", client.Options{})
	for range 5 {
		b.stop()
		b.start()
		time.Sleep(2 * quiet) // nobody has used it for as long
		if got := ask(t, s, "e"); got != `"well"` {
			t.Errorf("got %s", got)
		}
	}
}

// More connections at once than the backend's socket has a queue for wait for their turn, as over TCP.
func TestShortQueue(t *testing.T) {
	b := way{"", protocolHTTP1, "unix"}.startToy(t, saysTo(func(*told) string { return `{"ack":["well"]}` }))
	raw, err := b.server.Listener.(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var listenErr error
	err = raw.Control(func(fd uintptr) { listenErr = syscall.Listen(int(fd), 0) })
	if err := errors.Join(err, listenErr); err != nil {
		t.Fatal(err)
	}
	node := start(t, b, "BACKEND_RETRIES", "0", "BACKEND_IDLE_TIMEOUT", "1ms")
	const sockets = 100
	answers := make(chan string, 10*sockets)
	var list []*client.Socket
	for range sockets {
		list = append(list, connect(t, node, "/", client.Options{}))
	}
	for range cap(answers) / sockets {
		for _, s := range list {
			if err := s.EmitAck("e", func(a parser.Args, err error) {
				raw := a.Raw(0)
				answers <- fmt.Sprint(string(raw.JSON()), err)
			}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Millisecond) // so that the connections grow old
	}
	for range cap(answers) {
		if got := hear(t, answers); got != `"well"<nil>` {
			t.Fatal(got)
		}
	}
}

// One socket's requests wait for each other, and for nobody else's.
func TestSlowBackend(t *testing.T) {
	release := make(chan struct{})
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if m.Event == "slow" {
			<-release
		}
		if m.Kind == "event" {
			says(w, `{"ack":["`+m.Event+`"]}`)
		}
	})
	node := start(t, b)
	slow, other := connect(t, node, "/", client.Options{}), connect(t, node, "/", client.Options{})
	got := make(chan string, 2)
	for _, event := range []string{"slow", "behind"} {
		err := slow.EmitAck(event, func(a parser.Args, err error) {
			raw := a.Raw(0)
			got <- fmt.Sprint(string(raw.JSON()), err)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.got("event", 1)
	if a := ask(t, other, "quick"); a != `"quick"` {
		t.Errorf("got %s", a)
	}
	if events := b.got("event", 2); len(events) != 2 {
		t.Errorf("%d events: the one behind has not waited", len(events))
	}
	close(release)
	if first, second := hear(t, got), hear(t, got); first != `"slow"<nil>` || second != `"behind"<nil>` {
		t.Errorf("got %s, then %s", first, second)
	}
}

// A frozen backend, and 2,000 sockets that all send: requests, those that wait and goroutines are bounded, everybody
// gets an answer, and nobody is lost.
func TestFrozenBackend(t *testing.T) {
	const sockets, concurrency, waiting = 2000, 20, 100
	var frozen atomic.Bool
	thaw := make(chan struct{})
	thawOnce := sync.OnceFunc(func() { close(thaw) })
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if frozen.Load() {
			<-thaw
		}
		if m.Kind == "event" {
			says(w, `{"ack":["well"]}`)
		}
	})
	defer thawOnce()
	node := start(t, b, "BACKEND_CONCURRENCY", fmt.Sprint(concurrency), "BACKEND_WAITING", fmt.Sprint(waiting),
		"BACKEND_TIMEOUT", "3s")
	dialer := new(engine.Dialer)
	all := make([]*client.Socket, sockets)
	var connecting sync.WaitGroup
	for i := range all {
		all[i] = newSocket(t, node, "/", client.Options{Dialer: dialer})
	}
	for i := 0; i < sockets; i += 50 {
		for _, s := range all[i : i+50] {
			connecting.Go(func() {
				if err := s.Connect(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		connecting.Wait()
	}
	before := runtime.NumGoroutine()
	frozen.Store(true)
	answers := make(chan string, sockets)
	for _, s := range all {
		err := s.EmitAck("e", func(a parser.Args, err error) {
			raw := a.Raw(0)
			answers <- string(raw.JSON())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	node.WantSamples(t, gatewaytest.Samples{
		"gateway_backend_requests_in_flight": concurrency, "gateway_backend_requests_waiting": waiting,
	})
	// The requests, those that wait, the toy's side of the requests, idle workers, and what tests have. Workers that
	// have just answered others are about to go.
	var more int
	if !await.Until(time.Second, func() bool {
		more = runtime.NumGoroutine() - before
		return more <= 2*concurrency+waiting+150
	}) {
		t.Errorf("%d goroutines more", more)
	}
	count := make(map[string]int)
	for range all {
		count[hear(t, answers)]++
	}
	if count[saysOverloaded] < sockets-concurrency*3-waiting || count[saysTimeout] < concurrency ||
		count[saysOverloaded]+count[saysTimeout]+count[saysUnavailable] != sockets {
		t.Errorf("got %v", count)
	}
	frozen.Store(false)
	thawOnce()
	for deadline := time.Now().Add(patience); ask(t, all[0], "e") != `"well"`; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not back")
		}
	}
	for _, s := range all {
		if !s.Connected() {
			t.Fatal("a socket is gone")
		}
	}
}
