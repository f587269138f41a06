package socketio_test

// Serving and ending in one call.

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// serving is a Serve that runs.
type serving struct {
	addr   string
	server *http.Server
	stop   context.CancelFunc
	ended  chan error
}

func startServe(t *testing.T, srv *socketio.Server, opts socketio.ServeOptions) *serving {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{addr: l.Addr().String(), server: &http.Server{Handler: mux}, stop: cancel, ended: make(chan error, 1)}
	opts.Listener = srv.Listener(l)
	go func() { s.ended <- socketio.Serve(ctx, s.server, srv, opts) }()
	return s
}

// One call listens, serves, and lets everybody go; what the server is made of can be reached.
func TestListenAndServe(t *testing.T) {
	srv := socketio.NewServer(socketio.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{addr: freeaddr.Need(t), ended: make(chan error, 1)}
	go func() { s.ended <- socketio.ListenAndServe(ctx, s.addr, srv) }()
	listens := await.Until(patience, func() bool {
		conn, err := net.Dial("tcp", s.addr)
		return err == nil && conn.Close() == nil
	})
	if !listens {
		t.Fatal("it does not listen")
	}
	answer := poll(t, s.addr)
	ids, err := srv.SocketIDs(t.Context())
	if err != nil || len(ids) != 1 || srv.Engine().Sessions() != 1 {
		t.Fatalf("sockets %q, %v, %d sessions", ids, err, srv.Engine().Sessions())
	}
	socket := srv.Socket(ids[0])
	if conn := socket.Conn(); conn == nil || conn.ID() != socket.SessionID() || conn.Transport() != "polling" {
		t.Errorf("the socket's session is %v", conn)
	}
	cancel()
	if got := <-answer; !strings.Contains(got, "1") {
		t.Errorf("the poll's answer is %q", got)
	}
	s.wantEnd(t)
	other := socketio.NewServer(socketio.Options{})
	if err := socketio.ListenAndServe(t.Context(), "127.0.0.1:none", other); err == nil {
		t.Error("no error where it cannot listen")
	}
}

// wantEnd waits until Serve has returned nil.
func (s *serving) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Serve does not return")
	}
}

// poll opens a session by polling, joins and leaves a poll waiting, whose answer it sends.
func poll(t *testing.T, addr string) <-chan string {
	t.Helper()
	url := "http://" + addr + "/socket.io/?EIO=4&transport=polling"
	get := func(url string) string {
		r, err := http.Get(url)
		if err != nil {
			return err.Error()
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return string(b)
	}
	_, sid, _ := strings.Cut(get(url), `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	url += "&sid=" + sid
	r, err := http.Post(url, "text/plain", strings.NewReader("40"))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if got := get(url); !strings.HasPrefix(got, "40{") {
		t.Fatalf("not joined: %s", got)
	}
	answer := make(chan string, 1)
	go func() { answer <- get(url) }()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return answer
}

// TestServe: at the end a handler that runs still answers its client, polls end, and nobody waits for anything.
func TestServe(t *testing.T) {
	srv := socketio.NewServer(socketio.Options{})
	reasons := make(chan socketio.Reason, 2)
	srv.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
	began, proceed := make(chan struct{}), make(chan struct{})
	srv.On("slow", func(e *socketio.Event) error {
		close(began)
		<-proceed
		return e.Ack("done")
	})
	s := startServe(t, srv, socketio.ServeOptions{DrainWindow: 50 * time.Millisecond})
	answer := poll(t, s.addr)
	c := dial(s.addr, `40`, `420["slow"]`)
	defer c.close()
	c.next() // CONNECT
	<-began
	s.stop()
	if r := <-reasons; r != socketio.ReasonServerShutdown {
		t.Errorf("the polling client ended with %q", r)
	}
	close(proceed)
	if got := c.next(); got != `430["done"]` {
		t.Errorf("got %s", got)
	}
	if got := <-answer; got != "1" && got != "6" {
		t.Errorf("the poll is answered %q", got)
	}
	s.wantEnd(t)
	if r := <-reasons; r != socketio.ReasonServerShutdown {
		t.Errorf("ended with %q", r)
	}
}

// TestServeEndsWithHTTPServer: a program that shuts its http.Server down waits for no poll.
func TestServeEndsWithHTTPServer(t *testing.T) {
	s := startServe(t, socketio.NewServer(socketio.Options{}), socketio.ServeOptions{})
	answer := poll(t, s.addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	s.wantEnd(t)
	<-answer
}

func TestServeCannotListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	srv := socketio.NewServer(socketio.Options{})
	err = socketio.Serve(t.Context(), &http.Server{Addr: l.Addr().String(), Handler: srv}, srv, socketio.ServeOptions{})
	if err == nil {
		t.Error("two listen on one port")
	}
}

// TestServeCuts what does not leave in time, and says so.
func TestServeCuts(t *testing.T) {
	srv := socketio.NewServer(socketio.Options{})
	began, proceed := make(chan struct{}), make(chan struct{})
	srv.On("slow", func(*socketio.Event) error { close(began); <-proceed; return nil })
	s := startServe(t, srv, socketio.ServeOptions{DrainWindow: -1, ShutdownTimeout: 100 * time.Millisecond})
	c := dial(s.addr, `40`, `42["slow"]`)
	defer c.close()
	<-began
	s.stop()
	if err := <-s.ended; err == nil {
		t.Error("a handler that does not return has ended in time")
	}
	close(proceed)
}
