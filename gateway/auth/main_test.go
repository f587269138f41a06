package auth

// What the tests share: keys of each kind, and tokens that are signed with them.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is not a measure of anything.
const patience = 30 * time.Second

var secret = []byte("thirty-two bytes of a test secret")

// An RSA key takes a while to find.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// publicPEM is the public half of a key.
func publicPEM(t testing.TB, k crypto.Signer) []byte {
	t.Helper()
	text, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: text})
}

// claims are those of a token that is valid for an hour, with more of them; nil takes one away.
func claims(more map[string]any) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "ann", "iss": "issuer", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, more)
	for name, value := range c {
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign signs claims. header are fields of the header, in turn.
func sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.Claims, header ...any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	for i := 0; i < len(header); i += 2 {
		token.Header[header[i].(string)] = header[i+1]
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// hs256 is a token that is signed with the secret.
func hs256(t testing.TB, more map[string]any) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, secret, claims(more))
}

// in is a time as claims have it.
func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// verifier returns a Verifier that ends with the test.
func verifier(t testing.TB, opts Options) *Verifier {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	v, err := NewVerifier(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// verify returns the code of the refusal, "" for a token that is valid.
func verify(t testing.TB, v *Verifier, token string) Code {
	t.Helper()
	c, err := v.Verify(t.Context(), token)
	if (c == nil) == (err == nil) {
		t.Fatalf("claims %v and error %v", c, err)
	}
	if err != nil {
		return codeOf(err)
	}
	return ""
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	if !await.Until(patience, done) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// signBody signs a body as it stands with the secret.
func signBody(t testing.TB, body string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(body))
	signature, err := jwt.SigningMethodHS256.Sign(text, secret)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}
