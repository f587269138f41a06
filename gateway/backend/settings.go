package backend

// The service's settings.

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway"
)

// settings are what the environment says.
type settings struct {
	url         *url.URL // that of requests; of a Unix socket's its host is localhost
	network     string   // to dial: tcp or unix
	address     string   // host:port, or the socket's path
	secrets     []string // at most two; requests are signed with each
	timeout     time.Duration
	retries     int
	concurrency int
	waiting     int
	maxAnswer   int
	namespaces  []namespacePattern
	protocol    string
	idle        time.Duration
	tls         *tls.Config // nil: Go's default
}

const (
	protocolAuto  = "auto"
	protocolHTTP1 = "http1"
	protocolH2C   = "h2c"

	none = "none"

	// unixPrefix begins the URL of a Unix socket. Its path ends with a colon, before the requests', or with the URL.
	unixPrefix = "http://unix:/"
	// longestSocket is how long the path may be: the system has 108 bytes for it, the last of them zero (unix(7)).
	longestSocket = 107

	// minSecret is how many bytes a secret has at least: of fewer, who has seen a signature could find it.
	minSecret  = 16
	maxSecrets = 2
)

// Settings implements gateway.Service.
func (s *Service) Settings() []gateway.Setting {
	c := &s.settings
	return []gateway.Setting{
		{
			Name:    "BACKEND_URL",
			Meaning: "where connects, events and disconnects are sent to; required",
			Valid: "an http:// or https:// URL, without user and fragment; of a Unix socket " +
				"http://unix:/path/of/the/socket:/path",
			Set: c.setURL,
		},
		{
			Name: "BACKEND_SECRET", Default: none,
			Meaning: "what requests are signed with, or two secrets separated by a comma while one takes the " +
				"other's place; none: they are not signed",
			Valid:  "none, or one or two secrets of at least 16 bytes each, separated by a comma",
			Secret: true,
			Set:    c.setSecrets,
		},
		{
			Name: "BACKEND_SECRET_FILE", Default: none,
			Meaning: "file with what BACKEND_SECRET has, in one line or two",
			Valid:   "none, or a readable file with one or two secrets of at least 16 bytes, without BACKEND_SECRET",
			Set:     c.setSecretFile,
		},
		{
			Name: "BACKEND_NAMESPACES", Default: "/",
			Meaning: "namespaces that clients may connect to, separated by commas; * stands for any characters, and " +
				"such namespaces are made when a client asks for one",
			Valid: "names such as /, /orders or /orders-*, separated by commas",
			Set:   c.setNamespaces,
		},
		gateway.DurationSetting("BACKEND_TIMEOUT", "10s",
			"how long a request may take, and before that how long it may wait for others", &c.timeout),
		gateway.IntSetting("BACKEND_RETRIES", "2",
			"how often a request is tried again that has surely not reached the backend", 0, 10, &c.retries),
		gateway.IntSetting("BACKEND_CONCURRENCY", "256",
			"requests at once, and connections to the backend", 1, 65536, &c.concurrency),
		gateway.IntSetting("BACKEND_WAITING", "10000",
			"connects and events that may wait while so many requests are under way; further ones fail at once",
			0, 1_000_000, &c.waiting),
		gateway.IntSetting("BACKEND_MAX_ANSWER", "2000000",
			"largest answer, in bytes", 1, 1<<30, &c.maxAnswer),
		gateway.ChoiceSetting("BACKEND_PROTOCOL",
			"auto is HTTP/1.1, and with https HTTP/2 where the backend has it; h2c is HTTP/2 without TLS",
			&c.protocol, protocolAuto, protocolHTTP1, protocolH2C),
		gateway.DurationSetting("BACKEND_IDLE_TIMEOUT", "4s",
			"how long a connection is kept for the next request; less than the backend keeps it (Node.js: 5s), or "+
				"a request is lost now and then", &c.idle),
		{
			Name: "BACKEND_CA_FILE", Default: none,
			Meaning: "authorities that the certificate of an https:// BACKEND_URL comes from; none: the system's",
			Valid:   "none, or a readable PEM file",
			Set:     c.setCA,
		},
	}
}

func (c *settings) setURL(v string) bool {
	rest, isSocket := strings.CutPrefix(v, unixPrefix)
	socket, path, _ := strings.Cut("/"+rest, ":")
	if isSocket {
		if len(socket) > longestSocket || path != "" && path[0] != '/' {
			return false
		}
		v = "http://localhost" + path
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Host == "unix:" ||
		u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	c.url, c.network, c.address = u, "tcp", net.JoinHostPort(u.Hostname(), port)
	if isSocket {
		c.network, c.address = "unix", socket
	}
	return true
}

func (c *settings) setSecrets(v string) bool {
	if v == none {
		return true
	}
	return c.addSecrets(strings.Split(v, ","))
}

func (c *settings) setSecretFile(file string) bool {
	if file == none {
		return true
	}
	text, err := os.ReadFile(file)
	if err != nil || len(c.secrets) > 0 {
		return false
	}
	between := func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }
	return c.addSecrets(strings.FieldsFunc(string(text), between))
}

func (c *settings) addSecrets(list []string) bool {
	c.secrets = nil
	for _, secret := range list {
		secret = strings.TrimSpace(secret)
		if len(secret) < minSecret {
			return false
		}
		c.secrets = append(c.secrets, secret)
	}
	return len(c.secrets) >= 1 && len(c.secrets) <= maxSecrets
}

func (c *settings) setCA(file string) bool {
	if file == none {
		return true
	}
	text, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	c.tls = &tls.Config{RootCAs: pool}
	return err == nil && pool.AppendCertsFromPEM(text)
}
