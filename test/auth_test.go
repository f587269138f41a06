package test

import (
	"net"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// authSettings are those of a gateway that asks for tokens which are signed with the key of a certificate.
func authSettings(cert string) []string {
	return []string{
		"ADAPTER=memory", "AUTH=jwt", "AUTH_JWT_KEY_FILE=" + cert, "AUTH_JWT_LEEWAY=0", "AUTH_EXPIRY_NOTICE=2s",
		"AUTH_COOKIE=jwt", "CORS_ORIGINS=https://chat.example",
	}
}

// TestAuth has the real socket.io-client bring tokens, good and bad, and renew them.
func TestAuth(t *testing.T) {
	t.Parallel()
	cert, key := certificate.Files(t)
	tg := startTarget(t, "gateway", authSettings(cert)...)
	eachClient(t, "js/clients/auth.test.mjs", "URL="+tg.url(), "KEY="+key)
}

// TestAuthWithTLS is the same without a proxy between: the gateway speaks TLS itself.
func TestAuthWithTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate.Files(t)
	addr := freeaddr.Need(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	env := append(authSettings(cert), "HOST="+host, "PORT="+port, "TLS_CERT_FILE="+cert, "TLS_KEY_FILE="+key)
	p, err := child.Start(env, gatewayBinary())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(p); err != nil {
			t.Error(err)
		}
	})
	if err := p.Await(30*time.Second, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"polling", "default"} {
		t.Run(transport, func(t *testing.T) {
			child.RunScript(t, "js/clients/auth.test.mjs", "URL=https://"+addr, "KEY="+key, "NODE_EXTRA_CA_CERTS="+cert,
				"CLIENT="+clientVersions[0], "TRANSPORT="+transport)
		})
	}
}
