package migration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// TestBrowsersOutliveRedis opens the chat page in Chromium, twice on each of two gateways and a Nest service. It kills
// the Redis under their conversation and brings it back. It leaves screenshots in test/artifacts.
func TestBrowsersOutliveRedis(t *testing.T) {
	needs.Program(t, chromium)
	r := fleet.StartRedis(t)
	nest := beginNest(t, r.URL())
	one, two := startGateway(t, r.URL()), startGateway(t, r.URL())
	nest.await(t, "/", 200)
	pages, err := json.Marshal(map[string]string{
		"nest": pageFor(t, one, nest), "gateway-1": one.url(), "gateway-2": two.url(),
	})
	if err != nil {
		t.Fatal(err)
	}
	artifacts, err := filepath.Abs("../artifacts")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	control := child.Control(t, map[string]func() error{
		"/kill":    func() error { r.Kill(); return nil },
		"/restart": func() error { r.Restart(); return nil },
	})
	child.RunScript(t, "../js/migration/browsers.test.mjs", "PAGES="+string(pages), "CONTROL="+control,
		"CHROMIUM="+chromium, "ARTIFACTS="+artifacts)
	if n := strings.Count(nest.Stdout.String(), "registrado na room"); n != 2 {
		t.Errorf("%d clients have registered on the Nest service, want its two pages", n)
	}
}

// pageFor returns a URL with the page of one node whose client connects to another. The Nest service has no page, and
// the page connects to where it came from.
func pageFor(t *testing.T, page, chat *node) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			to := page.addr
			if strings.HasPrefix(r.In.URL.Path, "/socket.io/") {
				to = chat.addr
			}
			r.SetURL(&url.URL{Scheme: "http", Host: to})
			r.Out.Host = r.In.Host // the page's content security policy names it
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.URL
}
