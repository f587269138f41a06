package gateway

// Settings of the TLS connections to Redis.

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
)

// fileSetting declares a setting that is a file in PEM, or none.
func fileSetting(name, meaning string, set func(file string) bool) Setting {
	return Setting{Name: name, Default: none, Meaning: meaning, Valid: "none, or a readable PEM file", Set: set}
}

// setRedisCA reads REDIS_CA_FILE.
func (c *Config) setRedisCA(file string) bool {
	if file == none {
		return true
	}
	text, err := os.ReadFile(file)
	c.redisTLS().RootCAs = x509.NewCertPool()
	return err == nil && c.RedisTLS.RootCAs.AppendCertsFromPEM(text)
}

// setRedisCertificate keeps REDIS_CERT_FILE until its key is known.
func (c *Config) setRedisCertificate(file string) bool {
	if file == none {
		return true
	}
	c.redisCertFile = file
	_, err := os.Stat(file)
	return err == nil
}

// setRedisKey reads REDIS_KEY_FILE, and REDIS_CERT_FILE, with which it must go.
func (c *Config) setRedisKey(file string) bool {
	if file == none || c.redisCertFile == "" {
		return file == none && c.redisCertFile == ""
	}
	pair, err := tls.LoadX509KeyPair(c.redisCertFile, file)
	c.redisTLS().Certificates = []tls.Certificate{pair}
	return err == nil
}

// redisTLS is RedisTLS, made where there is none.
func (c *Config) redisTLS() *tls.Config {
	if c.RedisTLS == nil {
		c.RedisTLS = new(tls.Config)
	}
	return c.RedisTLS
}

// checkRedisTLS returns an error where there is TLS to configure that REDIS_URL does not ask for.
func (c *Config) checkRedisTLS() error {
	if c.RedisTLS == nil || strings.HasPrefix(c.RedisURL, "rediss://") {
		return nil
	}
	return &SettingError{
		Name: "REDIS_URL", Value: "(hidden)", Valid: "rediss://, as there is a REDIS_CA_FILE or REDIS_CERT_FILE",
	}
}
