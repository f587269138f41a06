package forward

// The way between nodes where they listen with TLS. What clients get to see is a certificate for a name that leads to
// all of them, and it may change at any time. So a node has another for the others: made at its start, asked for by a
// name of its own, and known by its hash, which is in the registry. Nobody has to configure or renew it.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"time"
)

// ServerName is the name (SNI) by which nodes ask each other's listeners for Options.Certificate. It is no name of the
// DNS (RFC 6761).
const ServerName = "node.gateway.invalid"

// certificateLife is longer than a process runs; nobody looks at it.
const certificateLife = 100 * 365 * 24 * time.Hour

// NewCertificate returns a certificate for Options.Certificate, with a key that is nowhere else.
func NewCertificate() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("forward: make a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(certificateLife), DNSNames: []string{ServerName},
	}
	text, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("forward: make a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}, nil
}

// fingerprint is what a Record has of a certificate.
func fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ownFingerprint is that of this node, "" where it listens without TLS.
func (n *Node) ownFingerprint() string {
	if n.opts.Certificate == nil {
		return ""
	}
	return fingerprint(n.opts.Certificate.Certificate[0])
}

// scheme is that of requests to an owner.
func (o *owner) scheme() string {
	if o.Certificate != "" {
		return "https"
	}
	return "http"
}

// dial connects to an owner.
func (n *Node) dial(ctx context.Context, o *owner) (net.Conn, error) {
	conn, err := n.dialer.DialContext(ctx, "tcp", o.Address)
	if err != nil || o.Certificate == "" {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{
		ServerName: ServerName, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, // no authority has signed it: VerifyConnection knows it by itself
		VerifyConnection: func(s tls.ConnectionState) error {
			got := fingerprint(s.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare([]byte(got), []byte(o.Certificate)) != 1 {
				return errNotOwner
			}
			return nil
		},
	})
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// dialTLS is http.Transport.DialTLSContext, for a request with a proxiedRequest.
func (n *Node) dialTLS(ctx context.Context, _, _ string) (net.Conn, error) {
	p, _ := ctx.Value(proxiedKey{}).(*proxiedRequest)
	return n.dial(ctx, p.owner)
}
