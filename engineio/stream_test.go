package engineio

// Sessions on every kind of connection.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// certificate makes a certificate for "server.example" and a pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "server.example"},
		DNSNames:     []string{"server.example"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// opaqueListener hides that its connections are TCP, so that the server reads and writes them the portable way.
type opaqueListener struct{ net.Listener }

func (l opaqueListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

func listen(t testing.TB, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// tlsHost is a host that speaks HTTP/1.1 over TLS, on the listener of the setup if it has one.
func tlsHost(t testing.TB, s setup) *host {
	t.Helper()
	cert, pool := certificate(t)
	l := s.listener
	if l == nil {
		l = listen(t, "tcp", "127.0.0.1:0")
	}
	addr := l.Addr().String()
	s.listener = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := tls.Dialer{NetDialer: new(net.Dialer), Config: &tls.Config{RootCAs: pool, ServerName: "server.example"}}
		return d.DialContext(ctx, "tcp", addr)
	}
	return start(t, s)
}

// Messages both ways on either transport, the upgrade, and a client that stops reading: the same on every kind of
// connection.
func TestEveryConn(t *testing.T) {
	kinds := map[string]func(testing.TB, setup) *host{
		"tcp": start,
		"unix": func(t testing.TB, s setup) *host {
			s.listener = listen(t, "unix", filepath.Join(t.TempDir(), "socket"))
			return start(t, s)
		},
		"opaque": func(t testing.TB, s setup) *host {
			s.listener = opaqueListener{listen(t, "tcp", "127.0.0.1:0")}
			return start(t, s)
		},
		"tls": tlsHost,
	}
	for kind, host := range kinds {
		t.Run(kind, func(t *testing.T) {
			h := host(t, setup{opts: Options{MaxQueueBytes: 8 << 20}, message: echo})
			c := h.openWS()
			big := "4" + strings.Repeat("x", 300_000)
			for _, m := range []string{"4hello", "4", big} {
				c.send(m)
				c.want(ws.OpText, m)
			}
			c.write(ws.OpBinary, "\x00\x01")
			c.want(ws.OpBinary, "\x00\x01")
			if secure := h.peer(c.sid).Handshake().Secure; secure && kind != "tls" {
				t.Errorf("secure: %v", secure)
			}
			for i := range 200 {
				h.peer(c.sid).Send(text(fmt.Sprint(i)))
			}
			for i := range 200 {
				c.want(ws.OpText, fmt.Sprint("4", i))
			}
			h.peer(c.sid).Close(ReasonForcedClose)
			c.wantEnd(0)

			poll := h.openPoll()
			poll.post(big)
			poll.wantPoll(big)
			w := poll.upgrade()
			w.send("4up")
			w.want(ws.OpText, "4up")
			w.write(ws.OpClose, "\x03\xe8")
			w.wantEnd(1000)
			poll.peer().wantClose(t, ReasonTransportClose)

			w = h.openWS()
			_ = w.tryWriteRaw([]byte("\x81\x01x"))
			w.wantEnd(1002)

			slow := h.openWS()
			p := h.peer(slow.sid)
			m := text(strings.Repeat("m", 100_000))
			for p.Send(m) { // it reads nothing
			}
			p.wantClose(t, ReasonSlowClient)

			gone := h.openWS()
			_ = gone.conn.Close()
			h.peer(gone.sid).wantClose(t, ReasonTransportClose)
		})
	}
}

// Where writes cannot tell whether they would block, volatile messages are dropped once there is a backlog.
func TestVolatileOnPortableConn(t *testing.T) {
	h := start(t, setup{
		opts:     Options{PingInterval: time.Hour},
		listener: opaqueListener{listen(t, "tcp", "127.0.0.1:0")},
	})
	c := h.openWS()
	p := h.peer(c.sid)
	m := NewTextMessage([]byte(strings.Repeat("m", 10_000)), nil, MessageOptions{Volatile: true})
	for range 100 {
		if !p.Send(m) {
			t.Fatal("dropped for a client that keeps up")
		}
		c.read()
		eventually(t, "the account", func() bool {
			p.Session.mu.Lock()
			defer p.Session.mu.Unlock()
			return p.queued == 0
		})
	}
	eventually(t, "a volatile message to be dropped", func() bool { return !p.Send(m) })
}
