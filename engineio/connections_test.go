package engineio

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// from opens a connection to a host from a loopback address, as another client does.
func (h *host) from(source string) net.Conn {
	h.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: patience}
	conn, err := d.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// ask makes a request on a connection, and returns the status.
func ask(t *testing.T, conn net.Conn, target string) int {
	t.Helper()
	if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// wantRefused waits for the short answer to a connection that is not let in.
func wantRefused(t *testing.T, conn net.Conn) {
	t.Helper()
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") ||
		!strings.HasSuffix(string(answer), `{"code":4,"message":"too many connections"}`) {
		t.Errorf("%q, %v", answer, err)
	}
}

// bothListeners are the one that has its own loops, and the one that counts for net/http.
func bothListeners(t *testing.T, test func(t *testing.T, opts Options)) {
	t.Run("fast", func(t *testing.T) { test(t, Options{}) })
	t.Run("net/http", func(t *testing.T) {
		test(t, Options{netHTTPOnly: true})
	})
}

// Past the limit connections are refused in words, and room is made by those that end, in whatever state they were.
func TestConnectionsPastTheLimit(t *testing.T) {
	bothListeners(t, func(t *testing.T, opts Options) {
		opts.MaxConnections, opts.MaxConnectionsPerAddress = 5, -1
		h := start(t, setup{opts: opts})
		h.http.Transport.(*http.Transport).DisableKeepAlives = true
		upgraded := h.openPoll().upgrade()
		eventually(t, "the end of the polls' connections", func() bool { return h.Stats().Connections == 1 })
		silent := h.from("127.0.0.2")
		polled := h.from("127.0.0.3")
		if status := ask(t, polled, "/engine.io/?EIO=4&transport=polling"); status != 200 {
			t.Errorf("status %d", status)
		}
		elsewhere := h.from("127.0.0.4") // for net/http
		if status := ask(t, elsewhere, "/elsewhere"); status != 404 {
			t.Errorf("status %d", status)
		}
		w := h.openWS()
		eventually(t, "the connections", func() bool { return h.Stats().Connections == 5 })
		wantRefused(t, h.from("127.0.0.5"))
		if refused := h.Stats().Refused; refused.Connections != 1 || refused.ConnectionsOfAddress != 0 {
			t.Errorf("%+v", refused)
		}
		for i, conn := range []net.Conn{silent, polled, elsewhere, w.conn, upgraded.conn} {
			conn.Close()
			eventually(t, "room", func() bool { return h.Stats().Connections == 4 })
			again := h.from("127.0.0.5")
			if status := ask(t, again, "/elsewhere"); status != 404 {
				t.Errorf("in the place of %d: status %d", i, status)
			}
		}
	})
}

// One address cannot take all of them, unless a proxy is there.
func TestConnectionsOfOneAddress(t *testing.T) {
	bothListeners(t, func(t *testing.T, opts Options) {
		opts.MaxConnections = 4 // of which three are for one address
		opts.TrustedProxies = trusting("127.0.0.9/32").TrustedProxies
		h := start(t, setup{opts: opts})
		for range 3 {
			h.from("127.0.0.2")
		}
		wantRefused(t, h.from("127.0.0.2"))
		first := h.from("127.0.0.3")
		if status := ask(t, first, "/elsewhere"); status != 404 {
			t.Errorf("another address: status %d", status)
		}
		if refused := h.Stats().Refused; refused.Connections != 0 || refused.ConnectionsOfAddress != 1 {
			t.Errorf("%+v", refused)
		}
	})
	proxies := trusting("127.0.0.9/32").TrustedProxies
	h := start(t, setup{opts: Options{MaxConnectionsPerAddress: 1, TrustedProxies: proxies}})
	for range 3 {
		if status := ask(t, h.from("127.0.0.9"), "/elsewhere"); status != 404 {
			t.Errorf("a proxy: status %d", status)
		}
	}
}

// A health check of this host itself gets in past the limit, but no session, and nobody who says nothing.
func TestThisHostGetsIn(t *testing.T) {
	bothListeners(t, func(t *testing.T, opts Options) {
		opts.MaxConnections = 1
		h := start(t, setup{opts: opts})
		h.from("127.0.0.2")
		eventually(t, "the connection", func() bool { return h.Stats().Connections == 1 })
		wantRefused(t, h.from("127.0.0.3"))
		for range 2 * ownConnections {
			own := h.from("127.0.0.1")
			if status := ask(t, own, "/elsewhere"); status != 404 {
				t.Fatalf("status %d", status)
			}
			own.Close()
			eventually(t, "the end", func() bool { return h.ownConnections.Load() == 0 })
		}
		if opts.netHTTPOnly {
			return
		}
		for range ownConnections {
			if status := ask(t, h.from("127.0.0.1"), "/engine.io/?EIO=4&transport=polling"); status != 503 {
				t.Errorf("a handshake: status %d", status)
			}
		}
		wantRefused(t, h.from("127.0.0.1"))
		eventually(t, "the end", func() bool { return h.ownConnections.Load() == 0 }) // though the clients stay
		quiet := h.from("127.0.0.1")
		if b, err := io.ReadAll(quiet); err != nil || len(b) > 0 {
			t.Errorf("who says nothing: %q, %v", b, err)
		}
	})
}

func TestNoLimitOfConnections(t *testing.T) {
	door := newConnectionsDoor(&Options{MaxConnections: -1})
	for range 10 {
		if _, verdict := door.Enter(addressOf(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}), 0, time.Now()); verdict != 0 {
			t.Errorf("verdict %d without a limit", verdict)
		}
	}
}
