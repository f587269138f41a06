package gateway

// The settings of NATS.

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/adapter/nats"
)

// natsAdapter is the ADAPTER that joins nodes over NATS.
const natsAdapter = "nats"

// A NATSConfig is what the environment says about NATS.
type NATSConfig struct {
	URLs        string // separated by commas
	Given       bool   // whether NATS_URL was set
	Prefix      string
	Credentials string // a file, "" where there is none
	User        string // "" where there is none
	Password    string
	// TLS is how NATS is known, and this gateway to it; nil where NATS_URL says all.
	TLS      *tls.Config
	certFile string
}

func (c *Config) natsSettings() []Setting {
	n := &c.NATS
	return []Setting{
		{
			Name: "NATS_URL", Default: "nats://localhost:4222",
			Meaning: "NATS that joins several nodes with ADAPTER nats: some servers of one cluster; the others are " +
				"found",
			Valid: "nats://, tls://, ws:// or wss://, with user:password@ or token@, a host and a port; several are " +
				"separated by commas",
			Secret: true,
			Show:   nats.SafeName,
			Set:    func(v string) bool { n.URLs = v; return nats.CheckURLs(v) == nil },
		},
		{
			Name: "NATS_PREFIX", Default: "socket.io",
			Meaning: "beginning of all subjects, and of the name of the bucket; the same on all nodes",
			Valid:   "letters, digits, -, _ and :, with dots between them, at most 128 bytes",
			Set:     func(v string) bool { n.Prefix = v; return nats.ValidPrefix(v) },
		},
		{
			Name: "NATS_CREDS", Default: none,
			Meaning: "file with a user's JWT and seed, as nsc makes it",
			Valid:   "none, or a readable file of credentials",
			Set: func(v string) bool {
				n.Credentials = given(v)
				return v == none || nats.CheckCredentials(v) == nil
			},
		},
		{
			Name: "NATS_USER", Default: none,
			Meaning: "name to log in to NATS with, where NATS_URL has none",
			Valid:   "none, or a name",
			Set:     func(v string) bool { n.User = given(v); return true },
		},
		{
			Name: "NATS_PASSWORD", Default: none,
			Meaning: "its password",
			Valid:   "none, or a password",
			Secret:  true,
			Show:    shownHash,
			Set:     func(v string) bool { n.Password = given(v); return true },
		},
		fileSetting("NATS_CA",
			"authorities that the certificate of NATS comes from; none: the system's. With it, or NATS_CERT, the "+
				"connection has TLS whatever NATS_URL says", n.setCA),
		fileSetting("NATS_CERT", "certificate that the gateway shows to NATS; none: it shows none", n.setCertificate),
		fileSetting("NATS_KEY", "its key", n.setKey),
	}
}

// setCA reads NATS_CA.
func (n *NATSConfig) setCA(file string) bool {
	if file == none {
		return true
	}
	text, err := os.ReadFile(file)
	n.tls().RootCAs = x509.NewCertPool()
	return err == nil && n.TLS.RootCAs.AppendCertsFromPEM(text)
}

// setCertificate keeps NATS_CERT until its key is known.
func (n *NATSConfig) setCertificate(file string) bool {
	if file == none {
		return true
	}
	n.certFile = file
	_, err := os.Stat(file)
	return err == nil
}

// setKey reads NATS_KEY, and NATS_CERT, with which it must go.
func (n *NATSConfig) setKey(file string) bool {
	if file == none || n.certFile == "" {
		return file == none && n.certFile == ""
	}
	pair, err := tls.LoadX509KeyPair(n.certFile, file)
	n.tls().Certificates = []tls.Certificate{pair}
	return err == nil
}

// tls is TLS, made where there is none.
func (n *NATSConfig) tls() *tls.Config {
	if n.TLS == nil {
		n.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return n.TLS
}

// checkNATS says what does not go together.
func (c *Config) checkNATS() error {
	n := &c.NATS
	if c.Adapter != natsAdapter {
		if n.Given {
			return &SettingError{"ADAPTER", c.Adapter, "nats, as there is a NATS_URL"}
		}
		return nil
	}
	inURL := strings.Contains(n.URLs, "@")
	switch {
	case n.Password != "" && n.User == "":
		return &SettingError{"NATS_USER", none, "a name, as there is a NATS_PASSWORD"}
	case n.User != "" && n.Password == "":
		return &SettingError{"NATS_PASSWORD", none, "a password, as there is a NATS_USER"}
	case n.Credentials != "" && n.User != "":
		return &SettingError{"NATS_USER", n.User, "none, as there is a NATS_CREDS"}
	case n.Credentials != "" && inURL:
		return &SettingError{"NATS_CREDS", n.Credentials, "none, as NATS_URL says who logs in"}
	case n.User != "" && inURL:
		return &SettingError{"NATS_USER", n.User, "none, as NATS_URL says who logs in"}
	case c.RedisGiven:
		return &SettingError{"REDIS_URL", "(hidden)", "unset, as ADAPTER is nats"}
	}
	return nil
}
