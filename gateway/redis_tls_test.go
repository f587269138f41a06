package gateway

import (
	"net"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// A Redis that wants a certificate of the gateway's, and has one of an authority of one's own.
func TestRedisWithTLS(t *testing.T) {
	cert, key := certificate.Files(t)
	addr := freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(addr)
	fleet.StartRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert)
	n := start(t, "ADAPTER", "pubsub", "REDIS_URL", "rediss://"+addr, "REDIS_CA_FILE", cert, "REDIS_CERT_FILE", cert,
		"REDIS_KEY_FILE", key, "LOG_LEVEL", "error")
	n.WantSamples(t, gatewaytest.Samples{`gateway_redis_up`: 1})
}

func TestSettingsOfRedisTLS(t *testing.T) {
	cert, key := certificate.Files(t)
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
