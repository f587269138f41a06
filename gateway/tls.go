package gateway

// TLS for clients, where there is no proxy that ends it. Certificates are read again when their files change: who
// renews them replaces the files, and no connection is cut.
//
// HTTP/2 is left off. A WebSocket handshake is HTTP/1.1's (RFC 6455), so that a browser with HTTP/2 for polling opens a
// second connection to upgrade; many polls on one connection would slip through the limits on connections, and wait for
// each other in one TCP stream.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
)

// certificateEvery is how often the files are looked at.
const certificateEvery = 10 * time.Second

// tlsSettings declares what TLS needs.
func (c *Config) tlsSettings() []Setting {
	return []Setting{
		fileSetting("TLS_CERT_FILE",
			"certificate with which the gateway speaks TLS itself, and those of its issuers behind it; read again "+
				"when it changes; none: no TLS", c.setCertificate),
		fileSetting("TLS_KEY_FILE", "its key", c.setKey),
	}
}

// setCertificate keeps TLS_CERT_FILE until its key is known.
func (c *Config) setCertificate(file string) bool {
	if file == none {
		return true
	}
	c.TLSCertFile = file
	_, err := os.Stat(file)
	return err == nil
}

// setKey keeps TLS_KEY_FILE, with which TLS_CERT_FILE must go.
func (c *Config) setKey(file string) bool {
	if file == none || c.TLSCertFile == "" {
		return file == none && c.TLSCertFile == ""
	}
	c.TLSKeyFile = file
	_, err := tls.LoadX509KeyPair(c.TLSCertFile, file)
	return err == nil
}

// A serverCertificate is one that is in two files.
type serverCertificate struct {
	certFile, keyFile string
	log               *slog.Logger
	forNodes          *tls.Certificate // that other nodes ask for; see package forward
	current           atomic.Pointer[tls.Certificate]
	cert, key         []byte // what the files had when they were last looked at

	stop    context.CancelFunc
	running sync.WaitGroup
}

// readCertificate reads the certificate, where there is one.
func (g *Gateway) readCertificate() (err error) {
	if g.cfg.TLSCertFile != "" {
		g.certificate, err = newCertificate(g.cfg.TLSCertFile, g.cfg.TLSKeyFile, g.log)
	}
	return err
}

// newCertificate reads a certificate. The error has no part of the key.
func newCertificate(certFile, keyFile string, log *slog.Logger) (*serverCertificate, error) {
	forNodes, err := forward.NewCertificate()
	if err != nil {
		return nil, err
	}
	c := &serverCertificate{certFile: certFile, keyFile: keyFile, log: log, forNodes: forNodes}
	if _, err := c.read(); err != nil {
		return nil, fmt.Errorf("gateway: TLS_CERT_FILE and TLS_KEY_FILE: %w", err)
	}
	return c, nil
}

// read reads the files, and reports whether they are others than before. Files that cannot be used are not looked at
// again until they change.
func (c *serverCertificate) read() (changed bool, err error) {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := os.ReadFile(c.keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		changed = c.cert != nil
		c.cert, c.key = nil, nil
		return changed, err
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return false, nil
	}
	c.cert, c.key = cert, key
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return true, err
	}
	c.current.Store(&pair)
	return true, nil
}

// watch reads the files whenever they have changed, until end. Of files that cannot be used it says so when they are
// still the same the next time: one of them may have been written, and the other not yet.
func (c *serverCertificate) watch(every time.Duration) {
	if c == nil {
		return
	}
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	c.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		var broken error
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			changed, err := c.read()
			switch {
			case changed && err == nil:
				c.log.Info("a new certificate", "not_after", c.current.Load().Leaf.NotAfter)
				broken = nil
			case changed:
				broken = err
			case broken != nil:
				c.log.Error("the new certificate cannot be used, and the old one serves on", "error", broken)
				broken = nil
			}
		}
	})
}

// end ends watch.
func (c *serverCertificate) end() {
	if c != nil && c.stop != nil {
		c.stop()
		c.running.Wait()
	}
}

// listen is a listener that speaks TLS on l. Without a certificate it is l.
func (c *serverCertificate) listen(l net.Listener) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == forward.ServerName {
				return c.forNodes, nil
			}
			return c.current.Load(), nil
		},
	})
}

// scheme is that of the gateway's URL.
func (c Config) scheme() string {
	if c.TLSCertFile != "" {
		return "https"
	}
	return "http"
}

// BaseURL is where a program finds the gateway at host:port.
func (c Config) BaseURL(address string) string { return c.scheme() + "://" + address }
