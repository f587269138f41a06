package test

// Balancers that know nothing of Socket.IO and have no sticky sessions of any kind.

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

// balancers by name. Each starts one and returns its address.
var balancers = map[string]func(t *testing.T, nodes []string) (addr string){
	"tcp":   startTCPBalancer,
	"http":  startHTTPBalancer,
	"nginx": startNginx,
}

// startTCPBalancer leads each new connection to the next node, or to the one after it if that one does not listen.
func startTCPBalancer(t *testing.T, nodes []string) string {
	t.Helper()
	var turn atomic.Int64
	next := func() (node net.Conn, err error) {
		for range nodes {
			if node, err = net.Dial("tcp", nodes[turn.Add(1)%int64(len(nodes))]); err == nil {
				break
			}
		}
		return node, err
	}
	return relay.Start(t, next, relay.Halves).Addr
}

// startHTTPBalancer sends each request to the next node, even when several come on one connection.
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

// startNginx starts a real balancer, configured for WebSockets and nothing else.
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
	if err := c.Await(20*time.Second, func() bool { return listens(addr) }); err != nil {
		t.Fatal(err)
	}
	return addr
}

func listens(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return err == nil
}
