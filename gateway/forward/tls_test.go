package forward

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A node sends its key, and clients' requests, to who has the certificate that is in the registry, and to nobody else.
func TestDialKnowsTheOwner(t *testing.T) {
	own, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*own}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for _, listener := range []net.Listener{l, plain} {
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, "hello")
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
	}
	n := New(Options{Registry: new(memoryRegistry).shared(), Address: func() string { return "" }})
	defer n.Close(t.Context())
	for name, test := range map[string]struct {
		addr        net.Addr
		certificate []byte
		ok          bool
	}{
		"its own":     {l.Addr(), own.Certificate[0], true},
		"another's":   {l.Addr(), other.Certificate[0], false},
		"without TLS": {plain.Addr(), own.Certificate[0], false},
		"without any": {plain.Addr(), nil, true},
	} {
		o := &owner{Record: Record{Address: test.addr.String()}}
		if test.certificate != nil {
			o.Certificate = fingerprint(test.certificate)
		}
		conn, err := n.dial(t.Context(), o)
		if (err == nil) != test.ok || name == "another's" && !errors.Is(err, errNotOwner) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if _, isTLS := conn.(*tls.Conn); isTLS != (test.certificate != nil) {
				t.Errorf("%s: %T", name, conn)
			}
			conn.Close()
		}
	}
}
