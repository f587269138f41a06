package client

// The way to a server: URLs, TLS, proxies, compression.

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestURLs(t *testing.T) {
	for _, tc := range []struct{ in, transport, sid, want string }{
		{"http://localhost", Polling, "", "http://localhost/engine.io/?EIO=4&transport=polling"},
		{"http://localhost/", Polling, "s", "http://localhost/engine.io/?EIO=4&sid=s&transport=polling"},
		{"HTTPS://localhost:99", Polling, "", "https://localhost:99/engine.io/?EIO=4&transport=polling"},
		{"ws://localhost", WebSocket, "s", "http://localhost/engine.io/?EIO=4&sid=s&transport=websocket"},
		{"wss://localhost:80", WebSocket, "", "https://localhost:80/engine.io/?EIO=4&transport=websocket"},
		{"http://[::1]:8080", Polling, "", "http://[::1]:8080/engine.io/?EIO=4&transport=polling"},
		{"https://[2001:db8::1]", WebSocket, "", "https://[2001:db8::1]/engine.io/?EIO=4&transport=websocket"},
		{"http://h/own/path", Polling, "", "http://h/own/path?EIO=4&transport=polling"},
		{"http://h/?a=1&b=%26", Polling, "", "http://h/engine.io/?EIO=4&a=1&b=%26&transport=polling"},
		{"http://h/#x", Polling, "", "http://h/engine.io/?EIO=4&transport=polling"},
		{"http://u:p@h", Polling, "", "http://u:p@h/engine.io/?EIO=4&transport=polling"},
	} {
		e, err := newEndpoint(tc.in, Options{NoTimestamp: true}, nil)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
		} else if got := e.request(tc.transport, tc.sid).String(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.in, got, tc.want)
		}
	}
	for _, bad := range []string{"", "localhost:3000", "ftp://h", "http://", "http://%", "/path", "http:h"} {
		if _, err := newEndpoint(bad, Options{}, nil); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
	e, err := newEndpoint("http://h", Options{ForceBase64: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := e.request(Polling, "").Query()
	if q.Get("b64") != "1" || q.Get("t") == "" || q.Get("t") == e.request(Polling, "").Query().Get("t") {
		t.Errorf("the query is %v", q)
	}
}

// tlsServer is a server behind TLS that answers each message with itself.
func tlsServer(t *testing.T) *httptest.Server {
	srv := engineio.NewServer(engineio.Options{}, func(s *engineio.Session) engineio.Handler { return &bouncer{s: s} })
	server := httptest.NewTLSServer(srv)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = srv.Shutdown(ctx)
		server.Close()
	})
	return server
}

func trusting(server *httptest.Server) *tls.Config {
	return server.Client().Transport.(*http.Transport).TLSClientConfig
}

func TestTLS(t *testing.T) {
	server := tlsServer(t)
	for _, way := range ways[:3] {
		opts := way.opts
		if _, err := tryDial(t, server.URL, opts); err == nil {
			t.Errorf("%s: a certificate that nobody knows is accepted", way.name)
		}
		opts.TLSConfig = trusting(server)
		p := mustDial(t, server.URL, opts)
		if len(opts.Transports) == 0 {
			if err := receive(t, "the upgrade", p.upgraded); err != nil {
				t.Error(err)
			}
		}
		p.text(strings.Repeat("over TLS ", 10000))
		p.want(strings.Repeat("over TLS ", 10000))
	}
}

// A proxy for plain requests and tunnels.
type proxy struct {
	plain, tunnels atomic.Int32
	refuse         bool
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.refuse:
		http.Error(w, "no", http.StatusForbidden)
	case r.Header.Get("Proxy-Authorization") != "Basic dTpw": // u:p
		http.Error(w, "who?", http.StatusProxyAuthRequired)
	case r.Method != http.MethodConnect:
		p.plain.Add(1)
		r.RequestURI = ""
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	default:
		p.tunnels.Add(1)
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		fmt.Fprint(here, "HTTP/1.1 200 Connection Established\r\n\r\n")
		done := make(chan struct{})
		go func() {
			_, _ = io.Copy(there, in)
			_ = there.Close()
			close(done)
		}()
		_, _ = io.Copy(here, there)
		_ = here.Close()
		<-done
	}
}

func TestProxies(t *testing.T) {
	plain, secure := ourServer(t), tlsServer(t)
	for _, start := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
		through := new(proxy)
		server := start(through)
		at, _ := url.Parse(server.URL)
		at.User = url.UserPassword("u", "p")
		config := trusting(secure).Clone()
		if server.TLS != nil {
			config.RootCAs.AddCert(server.Certificate())
		}
		for _, tc := range []struct {
			url            string
			transport      string
			plain, tunnels bool
		}{
			{plain, Polling, true, false}, {plain, WebSocket, false, true},
			{secure.URL, Polling, false, true}, {secure.URL, WebSocket, false, true},
		} {
			through.plain.Store(0)
			through.tunnels.Store(0)
			p, err := tryDial(t, tc.url, Options{
				Transports: []string{tc.transport}, Proxy: http.ProxyURL(at), TLSConfig: config,
			})
			if err != nil {
				t.Errorf("%s by %s: %v", tc.url, tc.transport, err)
				continue
			}
			p.text("through")
			if got := p.next(); got == "hi" {
				p.want("through")
			} else if got != "through" {
				t.Errorf("received %q", got)
			}
			if got, want := [2]bool{through.plain.Load() > 0, through.tunnels.Load() > 0}, [2]bool{tc.plain,
				tc.tunnels}; got != want {
				t.Errorf("%s by %s: plain and tunnels are %v, want %v", tc.url, tc.transport, got, want)
			}
			p.stop()
		}
		through.refuse = true
		for _, transport := range []string{Polling, WebSocket} {
			if _, err := tryDial(t, plain, Options{Transports: []string{transport},
				Proxy: http.ProxyURL(at)}); err == nil {
				t.Errorf("%s: a proxy that refuses is no error", transport)
			}
		}
		server.Close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	socks, _ := url.Parse("socks5://127.0.0.1:1")
	_, err := tryDial(t, plain, Options{Transports: []string{WebSocket}, Proxy: http.ProxyURL(socks)})
	if err == nil || !strings.Contains(err.Error(), "socks5") {
		t.Errorf("a proxy that cannot be used: %v", err)
	}
}

// TestAProxyThatMisbehaves says something other than a tunnel's answer.
func TestAProxyThatMisbehaves(t *testing.T) {
	for name, says := range map[string]string{
		"nothing": "", "no HTTP": "hello\r\n\r\n", "too much": "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, says)
			_ = conn.Close()
		}()
		at, _ := url.Parse("http://" + l.Addr().String())
		if _, err := tryDial(t, "http://h.test", Options{Transports: []string{WebSocket},
			Proxy: http.ProxyURL(at)}); err == nil {
			t.Errorf("%s: no error", name)
		}
		_ = l.Close()
	}
}

// counting counts the bytes that go to the server.
type counting struct {
	net.Conn
	n *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.Conn.Write(b)
}

func TestCompression(t *testing.T) {
	eachServer(t, func(t *testing.T, at string) {
		at = strings.TrimSuffix(at, "/")
		for name, tc := range map[string]struct {
			deflate    *PerMessageDeflate
			noCompress bool
			compressed bool
		}{
			"none":            {nil, false, false},
			"below threshold": {&PerMessageDeflate{}, false, false},
			"above threshold": {&PerMessageDeflate{Threshold: 10}, false, true},
			"not wanted":      {&PerMessageDeflate{Threshold: 10}, true, false},
		} {
			var n atomic.Int64
			p := mustDial(t, at, Options{
				Transports: []string{WebSocket}, PerMessageDeflate: tc.deflate,
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					return counting{conn, &n}, err
				},
			})
			p.want("hi")
			before := n.Load()
			message := strings.Repeat("z", 90)
			if err := p.Send(Message{Data: []byte(message), NoCompress: tc.noCompress}); err != nil {
				t.Fatal(err)
			}
			p.want(message)
			if got := n.Load()-before < 60; got != tc.compressed {
				t.Errorf("%s: %d bytes for a message of %d", name, n.Load()-before, len(message))
			}
		}
	})
}
