package main

// gateway healthcheck as Docker meets it: one line and an exit code.

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// portOf is the port of "host:port".
func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// unused is a port of 127.0.0.1 on which nobody listens.
func unused(t *testing.T) string { return portOf(t, freeaddr.Need(t)) }

func TestHealthcheckOfARunningGateway(t *testing.T) {
	cert, key := certificate.Files(t) // for 127.0.0.1, as one for clients' name is for no address
	secure := []string{"TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key}
	for _, test := range []struct {
		host, scheme string
		env          []string
	}{
		{"127.0.0.1", "http", nil}, {"0.0.0.0", "http", nil}, {"localhost", "http", nil},
		{"localhost", "https", secure},
	} {
		host := test.host
		cmd, addr := startUntilListening(t, append(test.env, "HOST="+host)...)
		port := portOf(t, addr)
		code, stdout, stderr := finish(t, []string{"healthcheck"}, append(test.env, "HOST="+host, "PORT="+port,
			"HTTP_PROXY=http://127.0.0.1:"+unused(t))...)
		asked := strings.Replace(host, "0.0.0.0", "127.0.0.1", 1)
		want := "gateway: healthy: " + test.scheme + "://" + asked + ":" + port + "/healthz\n"
		if code != 0 || stdout != want || stderr != "" {
			t.Errorf("HOST=%s: exit code %d, stdout %q, stderr %q, want %q", host, code, stdout, stderr, want)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it says that it was killed
	}
}

func TestHealthcheckOfWhatIsNotWell(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/healthz" || r.Method != http.MethodGet:
			t.Errorf("it asked for %s %s", r.Method, r.URL)
		case r.Host[:strings.LastIndex(r.Host, ":")] == "localhost": // it is told apart by the name it was asked under
			<-release
		default:
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}))
	defer server.Close()
	defer close(release)
	port, nobody := portOf(t, server.Listener.Addr().String()), unused(t)
	ending := portOf(t, cutting(t))

	tests := []struct{ name, host, port, want string }{
		{"nobody there", "127.0.0.1", nobody, "http://127.0.0.1:" + nobody + "/healthz: connection refused"},
		{"another status", "127.0.0.1", port, "http://127.0.0.1:" + port + "/healthz: answered 302 Found"},
		{"no answer", "localhost", port, "http://localhost:" + port + "/healthz: no answer within 2s"},
		{"cut", "127.0.0.1", ending, "http://127.0.0.1:" + ending + "/healthz: EOF"},
	}
	for _, test := range tests {
		began := time.Now()
		code, stdout, stderr := finish(t, []string{"healthcheck"}, "HOST="+test.host, "PORT="+test.port)
		if code != 1 || stdout != "" || stderr != "gateway: unhealthy: "+test.want+"\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", test.name, code, stdout, stderr, test.want)
		}
		if test.name == "no answer" && time.Since(began) < healthTimeout {
			t.Errorf("%s: it gave up after %v", test.name, time.Since(began))
		}
	}
}

// cutting listens at the address that it returns, and closes every connection after its first bytes.
func cutting(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// All of the request has to be read, or the close would be a reset.
			_, _ = conn.Read(make([]byte, 4096))
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

func TestHealthcheckMistakesEndWithCode2(t *testing.T) {
	tests := []struct {
		args []string
		env  string
		want string
	}{
		{[]string{"healthcheck"}, "PORT=0", "gateway: PORT=0 is any free port: healthcheck needs to know which"},
		{[]string{"healthcheck"}, "PORT=abc", `gateway: PORT="abc" is not valid: want a whole number from 0 to 65535`},
		{[]string{"healthcheck", "now"}, "PORT=3000",
			`gateway: unknown argument "now": want healthcheck, hash-password, --help, --version or nothing`},
	}
	for _, test := range tests {
		code, stdout, stderr := finish(t, test.args, test.env)
		if code != 2 || stdout != "" || stderr != test.want+"\n" {
			t.Errorf("%v %s: exit code %d, stdout %q, stderr %q", test.args, test.env, code, stdout, stderr)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]string{
		"0.0.0.0": "127.0.0.1", "::": "::1", "0:0::0": "::1", "::ffff:0.0.0.0": "127.0.0.1",
		"127.0.0.2": "127.0.0.2", "::1": "::1", "10.0.0.7": "10.0.0.7", "gateway.internal": "gateway.internal",
	} {
		if got := loopback(host); got != want {
			t.Errorf("loopback(%q) is %q, want %q", host, got, want)
		}
	}
}
