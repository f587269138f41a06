package engineio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// An echo is a Handler that answers each message with itself.
type echo struct{ session *engineio.Session }

func (e echo) OnMessage(data []byte, binary bool) {
	if binary {
		e.session.Send(engineio.NewBinaryMessage(data, engineio.MessageOptions{}))
		return
	}
	e.session.Send(engineio.NewTextMessage(data, nil, engineio.MessageOptions{}))
}

func (e echo) OnClose(reason engineio.Reason) { fmt.Println("closed:", reason) }

// A server that echoes what it is sent, and a client that uses it by HTTP long-polling.
func Example() {
	eio := engineio.NewServer(engineio.Options{}, func(s *engineio.Session) engineio.Handler {
		return echo{s}
	})
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", eio)
	server := httptest.NewServer(mux)
	defer server.Close()

	client := open(server.URL)
	if resp, err := http.Post(client, "text/plain", strings.NewReader("4hello")); err == nil {
		resp.Body.Close()
	}
	fmt.Println(get(client))

	done := make(chan error)
	go func() { done <- eio.Shutdown(context.Background()) }()
	get(client) // the client learns that it is over
	if err := <-done; err != nil {
		fmt.Println(err)
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 4hello
	// closed: server shutting down
}

// A hall holds the sessions that a broadcast goes to. Each of them is a member, its Handler.
type hall struct {
	mu       sync.Mutex
	sessions map[*engineio.Session]bool
}

type member struct {
	hall    *hall
	session *engineio.Session
}

func (h *hall) enter(s *engineio.Session) engineio.Handler {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[s] = true
	return member{h, s}
}

func (h *hall) broadcast(m *engineio.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sessions {
		s.Send(m) // never waits for a client
	}
}

func (member) OnMessage([]byte, bool) {}

func (m member) OnClose(engineio.Reason) {
	m.hall.mu.Lock()
	defer m.hall.mu.Unlock()
	delete(m.hall.sessions, m.session)
}

// One message to many sessions: it is encoded once, and all their queues share it.
func ExampleMessage() {
	h := &hall{sessions: make(map[*engineio.Session]bool)}
	eio := engineio.NewServer(engineio.Options{}, h.enter)
	server := httptest.NewServer(eio)
	defer server.Close()
	ana, bia := open(server.URL), open(server.URL)

	h.broadcast(engineio.NewTextMessage([]byte("news"), nil, engineio.MessageOptions{}))
	fmt.Println(get(ana), get(bia))

	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = eio.Shutdown(now) // cuts all sessions
	http.DefaultClient.CloseIdleConnections()
	// Output: 4news 4news
}

// A program that is told to end, say by SIGTERM, lets its clients go spread over a while and then stops listening.
func ExampleServer_Drain() {
	eio := engineio.NewServer(engineio.Options{}, func(s *engineio.Session) engineio.Handler {
		return echo{s}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &http.Server{Handler: eio}
	go func() { _ = server.Serve(eio.Listener(l)) }()

	client := open("http://" + l.Addr().String())
	var polling sync.WaitGroup
	polling.Go(func() { get(client) }) // a client always polls, and so learns that it is to go

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := eio.Drain(ctx, 100*time.Millisecond); err != nil { // 10 s, say, where there are many clients
		fmt.Println("some are left:", err)
	}
	_ = eio.Shutdown(ctx) // ends those
	_ = server.Shutdown(ctx)
	fmt.Println("sessions:", eio.Sessions())

	polling.Wait()
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// closed: server shutting down
	// sessions: 0
}

// open opens a session by polling, and returns the URL of its requests.
func open(server string) string {
	url := server + "/engine.io/?EIO=4&transport=polling"
	return url + "&sid=" + strings.Split(get(url), `"`)[3] // 0{"sid":"…",…}
}

func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
