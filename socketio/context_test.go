package socketio

// The context of a socket, its request and its logger.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// TestContextEndsWhileAHandlerRuns: the handler that waits is the one that OnDisconnect waits for.
func TestContextEndsWhileAHandlerRuns(t *testing.T) {
	srv, addr := startServer(t, Options{})
	began, causes, disconnects := make(chan bool, 1), make(chan error, 1), make(chan Reason, 1)
	srv.On("work", func(e *Event) error {
		ctx, cancel := context.WithTimeout(e.Socket().Context(), patience)
		defer cancel()
		began <- true
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
	srv.OnDisconnect(func(_ *Socket, r Reason) { disconnects <- r })
	c := dialWS(t, addr)
	c.send("40")
	c.want(`40{"sid":"<SID>"}`)
	c.send(`42["work"]`)
	receive(t, "the handler runs", began)
	_ = c.conn.Close()
	var gone *DisconnectError
	if err := receive(t, "the context ends", causes); !errors.As(err, &gone) || gone.Reason != ReasonTransportClose {
		t.Errorf("the cause is %v", err)
	} else if !errors.Is(err, ErrDisconnected) {
		t.Errorf("%v is not ErrDisconnected", err)
	}
	if r := receive(t, "OnDisconnect", disconnects); r != ReasonTransportClose {
		t.Errorf("the reason is %s", r)
	}
}

// TestContextCause: however a socket ends, its context says why, whether somebody has waited for it or asks later.
func TestContextCause(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*testing.T, *testClient)
		want Reason
	}{
		"the connection breaks": {
			func(_ *testing.T, c *testClient) { c.drop(engineio.ReasonTransportClose) }, ReasonTransportClose},
		"no pong": {
			func(_ *testing.T, c *testClient) { c.drop(engineio.ReasonPingTimeout) }, ReasonPingTimeout},
		"the client leaves": {func(_ *testing.T, c *testClient) { c.send("1") }, ReasonClientDisconnect},
		"Disconnect": {
			func(_ *testing.T, c *testClient) { c.socket().Disconnect(false) }, ReasonServerDisconnect},
		"Shutdown": {
			func(t *testing.T, c *testClient) { _ = c.srv.Shutdown(t.Context()) }, ReasonServerShutdown},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, Options{})
			c := srv.connect()
			s := c.socket()
			early := s.Context()
			child, cancel := context.WithCancel(early)
			defer cancel()
			var after atomic.Bool
			context.AfterFunc(early, func() { after.Store(true) })
			if err := early.Err(); err != nil || context.Cause(early) != nil {
				t.Fatalf("it has ended: %v, %v", err, context.Cause(early))
			}
			late := srv.connect()
			lateSocket := late.socket()
			tt.end(t, c)
			receive(t, "the context ends", early.Done())
			receive(t, "its child ends", child.Done())
			eventually(t, "AfterFunc runs", after.Load)
			if lateSocket.Connected() {
				tt.end(t, late)
			}
			for when, ctx := range map[string]context.Context{
				"asked before": early, "a child": child, "asked after": lateSocket.Context(),
			} {
				var gone *DisconnectError
				if !errors.As(context.Cause(ctx), &gone) || gone.Reason != tt.want {
					t.Errorf("%s: the cause is %v", when, context.Cause(ctx))
				}
				if ctx.Err() != context.Canceled {
					t.Errorf("%s: the error is %v", when, ctx.Err())
				}
				receive(t, "done", ctx.Done())
			}
		})
	}
}

// TestContextOfARefusedSocket: a middleware's own work ends with its refusal.
func TestContextOfARefusedSocket(t *testing.T) {
	srv := newTestServer(t, Options{})
	contexts := make(chan context.Context, 1)
	srv.Use(func(s *Socket) error {
		contexts <- s.Context()
		return errors.New("no")
	})
	c := srv.dial()
	c.send("0")
	c.want(`4{"message":"no"}`)
	ctx := <-contexts
	receive(t, "the context ends", ctx.Done())
	if err := context.Cause(ctx); !errors.Is(err, ErrDisconnected) {
		t.Errorf("the cause is %v", err)
	}
}

// TestContextCostsNothing: every socket can have a context, and an idle one is no larger for it.
func TestContextCostsNothing(t *testing.T) {
	_, sockets := sinks(t, 1)
	var ctx context.Context
	if n := testing.AllocsPerRun(100, func() { ctx = sockets[0].Context(); _ = ctx.Err() }); n != 0 {
		t.Errorf("it takes %v allocations", n)
	}
	if sockets[0].life != nil {
		t.Error("a lifetime has been made that nobody waits for")
	}
	if size := unsafe.Sizeof(Socket{}); unsafe.Sizeof(uintptr(0)) == 8 && size > 240 {
		t.Errorf("a Socket has %d bytes, and is allocated with 256", size)
	}
}

// TestContextValues: they are the request's, whether or not the context has been made and has ended.
func TestContextValues(t *testing.T) {
	type key struct{}
	srv := newTestServer(t, Options{})
	c := srv.dial()
	c.ctx = context.WithValue(context.Background(), key{}, "value")
	c.send("0")
	c.connected()
	ctx := c.socket().Context()
	if got := ctx.Value(key{}); got != "value" {
		t.Errorf("the value is %v", got)
	}
	done := ctx.Done()
	if got := ctx.Value(key{}); got != "value" {
		t.Errorf("with its end awaited the value is %v", got)
	}
	c.drop(engineio.ReasonTransportClose)
	receive(t, "the context ends", done)
	if got := ctx.Value(key{}); got != "value" {
		t.Errorf("after the end the value is %v", got)
	}
	if _, has := ctx.Deadline(); has {
		t.Error("it has a deadline")
	}
}

// TestGoneClientIsNoFailure: a handler that stops because its client is gone does not fill the log.
func TestGoneClientIsNoFailure(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.On("work", func(e *Event) error {
		ctx := e.Socket().Context()
		<-ctx.Done()
		return ctx.Err()
	})
	c := srv.connect()
	s := c.socket()
	c.send(`2["work"]`)
	c.drop(engineio.ReasonTransportClose)
	eventually(t, "the socket has ended", func() bool { return s.state.Load() == stateClosed })
	if log := srv.logs.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("the log has an error:\n%s", log)
	}
}

// TestRequest: code for net/http works on what a socket's request was.
func TestRequest(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	for name, encrypted := range map[string]bool{"plain, on the fast listener": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			srv := NewServer(Options{})
			requests := make(chan *http.Request, 1)
			srv.OnConnect(func(s *Socket) error { requests <- s.Request(); return nil })
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			type key struct{}
			hs := &http.Server{Handler: srv, BaseContext: func(net.Listener) context.Context {
				return context.WithValue(context.Background(), key{}, "base")
			}}
			scheme := "ws"
			if encrypted {
				scheme, hs.TLSConfig = "wss", &tls.Config{Certificates: certificate.TLS.Certificates}
			} else {
				l = srv.ListenerFor(hs, l)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- Serve(ctx, hs, srv, ServeOptions{Listener: l, DrainWindow: -1}) }()
			defer func() {
				stop()
				if err := receive(t, "Serve returns", done); err != nil {
					t.Error(err)
				}
			}()
			dialer := ws.Dialer{
				Header:    ws.HandshakeHeaderHTTP{"Cookie": {"user=ana"}, "Authorization": {"Basic YTpi"}},
				TLSConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "example.com"},
			}
			conn, early, _, err := dialer.Dial(t.Context(), scheme+"://"+l.Addr().String()+
				"/socket.io/?EIO=4&transport=websocket&x=1")
			if err != nil {
				t.Fatal(err)
			}
			c := &wsClient{t: t, conn: conn, r: conn}
			if early != nil {
				c.r = io.MultiReader(early, conn)
			}
			defer conn.Close()
			if f := c.read(); !strings.HasPrefix(f, "0{") {
				t.Fatal(f)
			}
			c.send("40")
			r := receive(t, "a request", requests)
			if cookie, err := r.Cookie("user"); err != nil || cookie.Value != "ana" {
				t.Errorf("the cookie is %v, %v", cookie, err)
			}
			if user, password, ok := r.BasicAuth(); !ok || user != "a" || password != "b" {
				t.Errorf("the user is %q, %q", user, password)
			}
			if r.Method != "GET" || r.URL.Path != "/socket.io/" || r.FormValue("x") != "1" || !r.ProtoAtLeast(1, 1) ||
				r.Host != l.Addr().String() || r.RemoteAddr != conn.LocalAddr().String() ||
				!strings.HasPrefix(r.RequestURI, "/socket.io/?EIO=4") {
				t.Errorf("the request is %+v", r)
			}
			if (r.TLS != nil) != encrypted || encrypted && r.TLS.ServerName != "example.com" {
				t.Errorf("TLS is %+v", r.TLS)
			}
			if got := r.Context().Value(key{}); got != "base" {
				t.Errorf("BaseContext's value is %v", got)
			}
			_ = conn.Close()
			receive(t, "the request's context ends", r.Context().Done())
		})
	}
}

func TestLogger(t *testing.T) {
	var log bytes.Buffer
	srv := newTestServer(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s := srv.connect().socket()
	s.Logger().Info("hello", "n", 1)
	if got, want := log.String(), "msg=hello socket="+s.ID()+" namespace=/ n=1\n"; !strings.HasSuffix(got, want) {
		t.Errorf("the line is %s, want %s", got, want)
	}
}

// TestContextOfAPausedClient: a client that is gone while too much of it waits for a handler is not read any more, but
// what is written to it says so.
func TestContextOfAPausedClient(t *testing.T) {
	srv, addr := startServer(t, Options{MaxInboundBytes: 1000, PingInterval: 50 * time.Millisecond,
		PingTimeout: 50 * time.Millisecond})
	began, ended := make(chan bool, 1), make(chan error, 1)
	srv.On("work", func(e *Event) error {
		select {
		case began <- true:
		default:
			return nil
		}
		ctx := e.Socket().Context()
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil
	})
	c := dialWS(t, addr)
	c.send("40")
	c.want(`40{"sid":"<SID>"}`)
	for range 10 {
		c.send(`42["work","` + strings.Repeat("x", 500) + `"]`)
	}
	receive(t, "the handler runs", began)
	_ = c.conn.Close()
	if err := receive(t, "the context ends", ended); !errors.Is(err, ErrDisconnected) {
		t.Errorf("the cause is %v", err)
	}
}
