package auth

// Keys, and which algorithms go with which. The kind of a key decides that, never the token: who is asked for RS256
// must not be told HS256 with the public key for its secret.

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

const (
	// MinSecretBytes is the shortest secret (RFC 7518, section 3.2): one that people can remember can be found.
	MinSecretBytes = 32
	// minRSABits is the smallest RSA key (RFC 7518, section 3.3).
	minRSABits = 2048
	// maxFileKeys is how many keys a file may have, each of which a token may be tried with.
	maxFileKeys = 4
)

// A key verifies tokens of some algorithms.
type key struct {
	id         string // of a JWKS
	material   any    // as package jwt takes it
	algorithms []string
}

// allows reports whether tokens of an algorithm may be tried with the key.
func (k key) allows(algorithm string) bool { return slices.Contains(k.algorithms, algorithm) }

// A keySource has the keys for a token whose header has this algorithm and this key's id, "" for none. The error is an
// *Error.
type keySource interface {
	find(ctx context.Context, algorithm, id string) ([]crypto.PublicKey, error)
	// generation changes with the keys: what has been verified with others does not count any more.
	generation() uint64
	close()
}

// newKey returns the key of material that is not secret.
func newKey(id string, material any) (key, error) {
	k := key{id: id, material: material}
	switch m := material.(type) {
	case *rsa.PublicKey:
		if m.N.BitLen() < minRSABits {
			return key{}, fmt.Errorf("an RSA key of %d bits: want at least %d", m.N.BitLen(), minRSABits)
		}
		k.algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		algorithm := map[elliptic.Curve]string{
			elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512",
		}[m.Curve]
		if algorithm == "" {
			return key{}, errors.New("a key on a curve that tokens do not use")
		}
		k.algorithms = []string{algorithm}
	case ed25519.PublicKey:
		k.algorithms = []string{"EdDSA"}
	default:
		return key{}, fmt.Errorf("a key of a kind that verifies no tokens: %T", material)
	}
	return k, nil
}

// A fixedKeys is a source whose keys do not change, and whose ids do not matter.
type fixedKeys []key

func (f fixedKeys) find(_ context.Context, algorithm, _ string) ([]crypto.PublicKey, error) {
	return allowing(f, algorithm)
}

func (fixedKeys) generation() uint64 { return 0 }
func (fixedKeys) close()             {}

// errAlgorithm means that no key goes with a token's algorithm.
var errAlgorithm = errors.New("its algorithm is not that of a key")

// allowing are the keys of a list that an algorithm goes with.
func allowing(keys []key, algorithm string) ([]crypto.PublicKey, error) {
	var found []crypto.PublicKey
	for _, k := range keys {
		if k.allows(algorithm) {
			found = append(found, k.material)
		}
	}
	if len(found) == 0 {
		return nil, refused(Invalid, errAlgorithm)
	}
	return found, nil
}

// ParseSecret returns the source for a shared secret: its bytes as they stand, without a newline at their end.
func parseSecret(text []byte) (keySource, error) {
	secret := bytes.TrimRight(text, "\r\n")
	switch {
	case bytes.Contains(secret, []byte("-----BEGIN")):
		return nil, errors.New("a secret that is a key in PEM form: everybody may know that key")
	case len(secret) < MinSecretBytes:
		return nil, fmt.Errorf("a secret of %d bytes: want at least %d", len(secret), MinSecretBytes)
	}
	return fixedKeys{{material: secret, algorithms: []string{"HS256", "HS384", "HS512"}}}, nil
}

// parsePEM returns the source for public keys and certificates in PEM form. Several are for the time of a change.
func parsePEM(text []byte) (keySource, error) {
	var keys fixedKeys
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		material, err := publicKey(block)
		if err != nil {
			return nil, err
		}
		k, err := newKey("", material)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 || len(keys) > maxFileKeys {
		return nil, fmt.Errorf("%d public keys in PEM form: want 1 to %d", len(keys), maxFileKeys)
	}
	return keys, nil
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	}
	return nil, fmt.Errorf("a PEM block %q: want public keys or certificates", block.Type)
}
