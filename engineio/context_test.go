package engineio

// What a session keeps of the request that opened it, on both ways: the values of its context, and TLS.

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gobwas/ws"
)

type contextKey string

// opened serves on a listener until the test ends, lets a client open a session, and returns that.
func opened(t *testing.T, handler func(http.Handler) http.Handler, hs *http.Server, wrap func(*Server,
	net.Listener) net.Listener, transport string) *Session {
	t.Helper()
	sessions := make(chan *Session, 1)
	srv := NewServer(Options{}, func(s *Session) Handler { sessions <- s; return new(peer) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hs.Handler = srv
	if handler != nil {
		hs.Handler = handler(srv)
	}
	listener := wrap(srv, l)
	done := make(chan struct{})
	go func() { defer close(done); _ = hs.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		_ = hs.Close()
		<-done
	})
	address := l.Addr().String() + "/engine.io/?EIO=4&transport=" + transport
	if transport == transportWebSocket {
		conn, _, _, err := ws.Dial(t.Context(), "ws://"+address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	} else {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	return <-sessions
}

// TestSessionContext: the values that net/http's hooks and handlers give a request's context are the session's.
func TestSessionContext(t *testing.T) {
	base := func(net.Listener) context.Context {
		return context.WithValue(context.Background(), contextKey("base"), "b")
	}
	conn := func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, contextKey("conn"), c.RemoteAddr().Network())
	}
	middleware := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey("middleware"), "m")))
		})
	}
	plain := func(_ *Server, l net.Listener) net.Listener { return l }
	fast := func(hs *http.Server) func(*Server, net.Listener) net.Listener {
		return func(srv *Server, l net.Listener) net.Listener { return srv.ListenerFor(hs, l) }
	}
	all, onlyBase := &http.Server{BaseContext: base, ConnContext: conn}, &http.Server{BaseContext: base}
	withConn, none := &http.Server{BaseContext: base, ConnContext: conn}, &http.Server{}
	for name, tt := range map[string]struct {
		hs      *http.Server
		handler func(http.Handler) http.Handler
		wrap    func(*Server, net.Listener) net.Listener
		want    map[contextKey]any
	}{
		"net/http": {all, middleware, plain, map[contextKey]any{"base": "b", "conn": "tcp", "middleware": "m"}},
		"the fast listener": {
			onlyBase, nil, fast(onlyBase), map[contextKey]any{"base": "b", "conn": nil, "middleware": nil},
		},
		"the fast listener, asked for ConnContext": {
			withConn, middleware, fast(withConn), map[contextKey]any{"base": "b", "conn": "tcp", "middleware": "m"},
		},
		"the fast listener, asked for nothing": {none, nil, fast(none), map[contextKey]any{"base": nil, "conn": nil}},
	} {
		for _, transport := range []string{transportPolling, transportWebSocket} {
			t.Run(name+", "+transport, func(t *testing.T) {
				hs := &http.Server{BaseContext: tt.hs.BaseContext, ConnContext: tt.hs.ConnContext}
				ctx := opened(t, tt.handler, hs, tt.wrap, transport).Context()
				for key, want := range tt.want {
					if got := ctx.Value(key); got != want {
						t.Errorf("%s is %v, want %v", key, got, want)
					}
				}
				if ctx.Done() != nil || ctx.Err() != nil {
					t.Errorf("it ends: %v", ctx.Err())
				}
			})
		}
	}
}

// TestHandshakeTLS: the state of a TLS connection is the handshake's, also behind the fast listener.
func TestHandshakeTLS(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	for name, fast := range map[string]bool{"net/http": false, "the fast listener": true} {
		t.Run(name, func(t *testing.T) {
			sessions := make(chan *Session, 1)
			srv := NewServer(Options{}, func(s *Session) Handler { sessions <- s; return new(peer) })
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if fast {
				l = srv.Listener(l)
			}
			hs := &http.Server{Handler: srv, TLSConfig: &tls.Config{Certificates: certificate.TLS.Certificates}}
			done := make(chan struct{})
			go func() { defer close(done); _ = hs.ServeTLS(l, "", "") }()
			t.Cleanup(func() { _ = srv.Shutdown(t.Context()); _ = hs.Close(); <-done })
			dialer := ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "example.com"}}
			conn, _, _, err := dialer.Dial(t.Context(), "wss://"+l.Addr().String()+
				"/engine.io/?EIO=4&transport=websocket")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			h := (<-sessions).Handshake()
			if h.TLS == nil || !h.TLS.HandshakeComplete || h.TLS.ServerName != "example.com" || !h.Secure {
				t.Errorf("secure %v, TLS %+v", h.Secure, h.TLS)
			}
			if h.Method != http.MethodGet || h.Proto != "HTTP/1.1" {
				t.Errorf("the request is %s %s", h.Method, h.Proto)
			}
		})
	}
}
