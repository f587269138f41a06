package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// certificate writes a certificate for 127.0.0.1 that stands for itself, and its key, to files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: public}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

// A Redis that wants a certificate of the gateway's, and has one of an authority of one's own.
func TestRedisWithTLS(t *testing.T) {
	cert, key := certificate(t)
	addr := freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(addr)
	fleet.StartRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert)
	n := start(t, "ADAPTER", "pubsub", "REDIS_URL", "rediss://"+addr, "REDIS_CA_FILE", cert, "REDIS_CERT_FILE", cert,
		"REDIS_KEY_FILE", key, "LOG_LEVEL", "error")
	n.WantSamples(t, gatewaytest.Samples{`gateway_redis_up`: 1})
}

func TestSettingsOfRedisTLS(t *testing.T) {
	cert, key := certificate(t)
	for _, c := range []struct {
		settings []string
		wrong    string
	}{
		{[]string{"REDIS_URL", "rediss://h", "REDIS_CA_FILE", cert}, ""},
		{[]string{"REDIS_URL", "rediss://h", "REDIS_CERT_FILE", cert, "REDIS_KEY_FILE", key}, ""},
		{[]string{"REDIS_URL", "rediss://h", "REDIS_CA_FILE", cert + "?"}, "REDIS_CA_FILE"},
		{[]string{"REDIS_URL", "rediss://h", "REDIS_CA_FILE", key}, "REDIS_CA_FILE"},
		{[]string{"REDIS_URL", "rediss://h", "REDIS_CERT_FILE", cert}, "REDIS_KEY_FILE"},
		{[]string{"REDIS_URL", "rediss://h", "REDIS_CERT_FILE", cert, "REDIS_KEY_FILE", cert}, "REDIS_KEY_FILE"},
		{[]string{"REDIS_URL", "rediss://h", "REDIS_KEY_FILE", key}, "REDIS_KEY_FILE"},
		{[]string{"REDIS_URL", "redis://h", "REDIS_CA_FILE", cert}, "REDIS_URL"},
	} {
		_, err := load(c.settings...)
		if (err != nil) != (c.wrong != "") || err != nil && !strings.HasPrefix(err.Error(), c.wrong+"=") {
			t.Errorf("%q: %v", c.settings, err)
		}
	}
}
