package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// trusting is how a client that trusts a certificate speaks TLS.
func trusting(t *testing.T, file string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool}
}

// secureClient connects to a node and joins the cage; each of its requests has a connection of its own.
func secureClient(t *testing.T, url string, opts client.Options) *client.Socket {
	t.Helper()
	opts.NoReconnection = true
	s, err := client.New(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), gatewaytest.Patience)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		s.Conn().Close()
		_ = s.Conn().Wait(context.Background())
	})
	joined := make(chan struct{}, 1)
	s.On("joined", func(*client.Event) error { joined <- struct{}{}; return nil })
	if err := s.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Emit("join"); err != nil {
		t.Fatal(err)
	}
	<-joined
	return s
}

// Clients with each transport, and nothing older than TLS 1.2, nor HTTP/2.
func TestTLS(t *testing.T) {
	cert, key := certificate.Files(t)
	n := start(t, "TLS_CERT_FILE", cert, "TLS_KEY_FILE", key)
	url := "https://" + n.Address
	for _, transports := range [][]string{{"polling"}, {"websocket"}, nil} {
		secureClient(t, url, client.Options{TLSConfig: trusting(t, cert), Transports: transports})
	}
	if lines := n.Log.Find(t, "listening"); len(lines) != 1 || lines[0]["url"] != url {
		t.Errorf("the log gives %v, want %s", lines, url)
	}
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.1": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 },
		"HTTP/2":  func(c *tls.Config) { c.NextProtos = []string{"h2"} },
	} {
		config := trusting(t, cert)
		change(config)
		if conn, err := tls.Dial("tcp", n.Address, config); err == nil {
			conn.Close()
			t.Errorf("%s is spoken", name)
		}
	}
	browser := trusting(t, cert)
	browser.NextProtos = []string{"h2", "http/1.1"}
	conn, err := tls.Dial("tcp", n.Address, browser)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if p := conn.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("a browser gets %q", p)
	}
	response, err := http.Get("http://" + n.Address + "/healthz")
	if err == nil {
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d", response.StatusCode)
		}
	}
}

// The server API has TLS where the gateway has.
func TestAPIHasTLS(t *testing.T) {
	cert, key := certificate.Files(t)
	n := startAPI(t, "TLS_CERT_FILE", cert, "TLS_KEY_FILE", key)
	caller := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(t, cert)}}
	defer caller.CloseIdleConnections()
	response, err := caller.Get("https://" + n.api.listener.Addr().String() + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d", response.StatusCode)
	}
}

// A certificate is replaced while clients are connected; a broken one is not, and the log says so once.
func TestCertificateIsReloaded(t *testing.T) {
	cert, key := certificate.Files(t)
	log := new(gatewaytest.Log)
	c, err := newCertificate(cert, key, NewLogger(Config{LogFormat: "json"}, log))
	if err != nil {
		t.Fatal(err)
	}
	first := c.current.Load()
	c.watch(time.Millisecond)
	defer c.end()

	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(key, "garbage")
	eventually(t, "the log says so", func() bool {
		return len(log.Find(t, "the new certificate cannot be used, and the old one serves on")) == 1
	})
	if c.current.Load() != first {
		t.Error("a broken certificate is used")
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says so again", func() bool {
		return len(log.Find(t, "the new certificate cannot be used, and the old one serves on")) == 2
	})
	newCert, newKey := certificate.Files(t)
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		write(to, string(text))
		time.Sleep(3 * time.Millisecond) // whoever renews certificates writes one file after the other
	}
	eventually(t, "the new one is used", func() bool { return c.current.Load() != first })
	if text := log.String(); strings.Contains(text, "PRIVATE") || strings.Contains(text, "garbage") {
		t.Errorf("the log: %s", text)
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !await.Until(gatewaytest.Patience, done) {
		t.Fatalf("not within %v: %s", gatewaytest.Patience, what)
	}
}

// Nodes with TLS serve each other's sessions, and one without it does so too, while a fleet is being changed.
func TestForwardingWithTLS(t *testing.T) {
	server := fleet.StartRedis(t)
	cert, key := certificate.Files(t)
	settings := []string{"ADAPTER", "pubsub", "REDIS_URL", server.URL(), "LOG_LEVEL", "error"}
	secure := append(settings, "TLS_CERT_FILE", cert, "TLS_KEY_FILE", key)
	a, b, plain := start(t, secure...), start(t, secure...), start(t, settings...)
	for _, n := range []*node{a, b, plain} {
		eventually(t, "the nodes find each other", func() bool { return n.forward.Stats().Nodes == 2 })
	}
	for _, way := range []struct{ opens, serves *node }{{a, b}, {b, a}, {a, plain}, {plain, a}} {
		// A session that is opened on one node, and everything else of it on the other.
		first := secureClient(t, way.opens.url(), client.Options{
			TLSConfig: trusting(t, cert), Transports: []string{"polling"},
		})
		sid := first.Conn().SessionID()
		h := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(t, cert)}, Timeout: gatewaytest.Patience}
		defer h.CloseIdleConnections()
		answer, err := h.Post(way.serves.url()+"/socket.io/?EIO=4&transport=polling&sid="+sid, "text/plain",
			strings.NewReader(`42["say","hi"]`))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s for %s: %d", way.serves.url(), way.opens.url(), answer.StatusCode)
		}
	}
	if s := a.forward.Stats(); s.Answered == 0 || s.Failed > 0 || s.Received == 0 {
		t.Errorf("%+v", s)
	}
	// Who only knows the name gets nothing with it but a certificate that no client trusts.
	config := trusting(t, cert)
	config.ServerName = forward.ServerName
	if conn, err := tls.Dial("tcp", a.Address, config); err == nil {
		conn.Close()
		t.Error("a client trusts the nodes' certificate")
	}
}

func TestSettingsOfTLS(t *testing.T) {
	cert, key := certificate.Files(t)
	_, otherKey := certificate.Files(t)
	for _, c := range []struct {
		settings []string
		wrong    string
	}{
		{[]string{"TLS_CERT_FILE", cert, "TLS_KEY_FILE", key}, ""},
		{[]string{"TLS_CERT_FILE", cert}, "TLS_KEY_FILE"},
		{[]string{"TLS_KEY_FILE", key}, "TLS_KEY_FILE"},
		{[]string{"TLS_CERT_FILE", cert, "TLS_KEY_FILE", otherKey}, "TLS_KEY_FILE"},
		{[]string{"TLS_CERT_FILE", key, "TLS_KEY_FILE", key}, "TLS_KEY_FILE"},
		{[]string{"TLS_CERT_FILE", filepath.Join(t.TempDir(), "none"), "TLS_KEY_FILE", key}, "TLS_CERT_FILE"},
	} {
		_, err := load(c.settings...)
		if (err != nil) != (c.wrong != "") || err != nil && !strings.HasPrefix(err.Error(), c.wrong+"=") {
			t.Errorf("%q: %v", c.settings, err)
		}
	}
}
