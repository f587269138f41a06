package test

// Balancers that know nothing of Socket.IO: none has sticky sessions of any kind.

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// balancers are by name; each returns the address of one that has been started.
var balancers = map[string]func(t *testing.T, nodes []string) (addr string){
	"tcp":   startTCPBalancer,
	"http":  startHTTPBalancer,
	"nginx": startNginx,
}

// startTCPBalancer leads each new connection to the next node, or to the one after it where that one does not listen.
func startTCPBalancer(t *testing.T, nodes []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	var mu sync.Mutex
	open := make(map[net.Conn]bool)
	over := false
	keep := func(conns ...net.Conn) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			open[c] = true
		}
		return !over
	}
	forget := func(conns ...net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
			delete(open, c)
		}
	}
	var turn atomic.Int64
	lead := func(client net.Conn) {
		var node net.Conn
		for range nodes {
			var err error
			if node, err = net.Dial("tcp", nodes[turn.Add(1)%int64(len(nodes))]); err == nil {
				break
			}
		}
		if node == nil {
			client.Close()
			return
		}
		defer forget(client, node)
		if !keep(client, node) {
			return
		}
		done.Go(func() { pour(node, client) })
		pour(client, node)
	}
	done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { lead(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		over = true
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		done.Wait()
	})
	return l.Addr().String()
}

// pour copies to the end of from, and passes that on.
func pour(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return
	}
	to.(*net.TCPConn).CloseWrite()
}

// startHTTPBalancer sends each request to the next node, those of one connection too.
func startHTTPBalancer(t *testing.T, nodes []string) string {
	t.Helper()
	var turn atomic.Int64
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", nodes[turn.Add(1)%int64(len(nodes))]
			r.SetXForwarded()
		},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}

// startNginx starts a real balancer, with no more configuration than WebSockets take.
func startNginx(t *testing.T, nodes []string) string {
	t.Helper()
	needs.Program(t, nginx)
	addr := freeaddr.Need(t)
	dir := t.TempDir()
	var servers strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&servers, "server %s;", n)
	}
	config := filepath.Join(dir, "nginx.conf")
	text := `
daemon off; master_process off; pid ` + dir + `/pid; error_log stderr warn;
events { worker_connections 4096; }
http {
	access_log off;
	client_max_body_size 2m;
	client_body_temp_path ` + dir + `/body; proxy_temp_path ` + dir + `/proxy; fastcgi_temp_path ` + dir + `/fastcgi;
	uwsgi_temp_path ` + dir + `/uwsgi; scgi_temp_path ` + dir + `/scgi;
	map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
	upstream gateways { ` + servers.String() + ` keepalive 64; }
	server {
		listen ` + addr + `;
		location / {
			proxy_pass http://gateways;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		}
	}
}
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := child.Start(child.Path(), nginx, "-e", "stderr", "-p", dir, "-c", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(c); err != nil {
			t.Error(err)
		}
	})
	for range 1000 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return addr
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nginx does not listen:\n%s", c.Stderr.Tail())
	return ""
}
