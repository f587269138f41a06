package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// An issuer publishes keys.
type issuer struct {
	*httptest.Server
	asked  atomic.Int64
	mu     sync.Mutex
	answer http.HandlerFunc
}

func newIssuer(t testing.TB, answer http.HandlerFunc) *issuer {
	t.Helper()
	i := &issuer{answer: answer}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		i.mu.Lock()
		answer := i.answer
		i.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) set(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// publishes answers with keys, each under its id.
func publishes(t testing.TB, keys map[string]any) http.HandlerFunc {
	t.Helper()
	var set []json.RawMessage
	for id, k := range keys {
		if raw, is := k.(json.RawMessage); is {
			set = append(set, raw)
			continue
		}
		if signer, is := k.(crypto.Signer); is {
			k = signer.Public()
		}
		jwk, err := jwkset.NewJWKFromKey(k, jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: id}, Marshal: jwkset.JWKMarshalOptions{Private: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(jwk.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, text)
	}
	text, err := json.Marshal(map[string]any{"keys": set})
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }
}

func fails(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) }

// es256 is a token that is signed with a key of that id.
func es256(t testing.TB, key *ecdsa.PrivateKey, id string) string {
	t.Helper()
	return sign(t, jwt.SigningMethodES256, key, claims(nil), "kid", id)
}

func TestJWKS(t *testing.T) {
	a, b := ecKey(t, elliptic.P256()), rsaKey()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	i := newIssuer(t, publishes(t, map[string]any{
		"a": a, "b": b, "secret": secret, "small": small,
		"odd": json.RawMessage(`{"kty":"EC","kid":"odd","crv":"P-256","x":"AA","y":"AA"}`),
		"new": json.RawMessage(`{"kty":"AKP","kid":"new"}`),
		"enc": json.RawMessage(`{"kty":"RSA","use":"enc","kid":"enc"}`),
	}))
	v := verifier(t, Options{JWKSURL: i.URL, jwksPause: 1})
	until(t, "the keys are there", func() bool { return v.keys.generation() > 0 })
	for name, test := range map[string]struct {
		token string
		want  Code
	}{
		"by its id":               {es256(t, a, "a"), ""},
		"without an id":           {sign(t, jwt.SigningMethodES256, a, claims(nil)), ""},
		"of RSA":                  {sign(t, jwt.SigningMethodPS384, b, claims(nil), "kid", "b"), ""},
		"of another's id":         {es256(t, a, "b"), Invalid},
		"with a published secret": {sign(t, jwt.SigningMethodHS256, secret, claims(nil), "kid", "secret"), Invalid},
		"of HMAC without id":      {sign(t, jwt.SigningMethodHS256, secret, claims(nil)), Invalid},
		"alg none": {
			sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), "kid", "a"), Invalid,
		},
	} {
		if code := verify(t, v, test.token); code != test.want {
			t.Errorf("%s: %q, want %q", name, code, test.want)
		}
	}
	if code := verify(t, v, sign(t, jwt.SigningMethodRS256, small, claims(nil), "kid", "small")); code == "" {
		t.Error("a key of 1024 bits will do")
	}
}

// A key that is for one algorithm is for no other of its kind.
func TestJWKSAlgorithm(t *testing.T) {
	n := base64.RawURLEncoding.EncodeToString(rsaKey().N.Bytes())
	i := newIssuer(t, publishes(t, map[string]any{
		"a": json.RawMessage(`{"kty":"RSA","alg":"RS512","kid":"a","e":"AQAB","n":"` + n + `"}`),
		"b": json.RawMessage(`{"kty":"RSA","alg":"HS256","kid":"b","e":"AQAB","n":"` + n + `"}`),
	}))
	v := verifier(t, Options{JWKSURL: i.URL, jwksPause: 1})
	for _, test := range []struct {
		method jwt.SigningMethod
		id     string
		ok     bool
	}{{jwt.SigningMethodRS512, "a", true}, {jwt.SigningMethodRS256, "a", false}, {jwt.SigningMethodRS256, "b", false}} {
		code := verify(t, v, sign(t, test.method, rsaKey(), claims(nil), "kid", test.id))
		if (code == "") != test.ok {
			t.Errorf("%s of %s: %q", test.method.Alg(), test.id, code)
		}
	}
}

// A new key works without a restart, and what the old one has signed ends with it, though it had been remembered.
func TestJWKSRotation(t *testing.T) {
	a, b := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	i := newIssuer(t, publishes(t, map[string]any{"a": a}))
	v := verifier(t, Options{JWKSURL: i.URL, jwksPause: time.Millisecond})
	old := es256(t, a, "a")
	if code := verify(t, v, old); code != "" {
		t.Fatalf("%q", code)
	}
	i.set(publishes(t, map[string]any{"b": b}))
	until(t, "the new key is known", func() bool { return verify(t, v, es256(t, b, "b")) == "" })
	if code := verify(t, v, old); code != Invalid && code != KeysUnavailable {
		t.Errorf("the old key's: %q", code)
	}
}

// Keys are renewed though no token names another: one that the issuer takes back does not count for long.
func TestJWKSIsRenewed(t *testing.T) {
	a, b := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	i := newIssuer(t, publishes(t, map[string]any{"a": a}))
	v := verifier(t, Options{JWKSURL: i.URL, JWKSRefresh: 5 * time.Millisecond})
	if code := verify(t, v, es256(t, a, "a")); code != "" {
		t.Fatalf("%q", code)
	}
	i.set(publishes(t, map[string]any{"b": b}))
	until(t, "the old key counts no more", func() bool { return verify(t, v, es256(t, a, "a")) != "" })
}

// While the issuer is away, or answers nonsense, the old keys serve.
func TestJWKSStale(t *testing.T) {
	a := ecKey(t, elliptic.P256())
	var log syncBuffer
	i := newIssuer(t, publishes(t, map[string]any{"a": a}))
	v := verifier(t, Options{
		JWKSURL: i.URL, JWKSRefresh: time.Millisecond, jwksPause: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if code := verify(t, v, es256(t, a, "a")); code != "" {
		t.Fatalf("%q", code)
	}
	failed := v.stats.fetchesFailed.Load()
	for name, answer := range map[string]http.HandlerFunc{
		"502":          fails,
		"no keys":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) },
		"another body": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"error":"try later"}`) },
		"HTML":         func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html>`) },
		"secrets only": publishes(t, map[string]any{"s": secret}),
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), maxSetBytes+1))
		},
		"in circles": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
		"nothing":    func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		i.set(answer)
		until(t, name, func() bool { return v.stats.fetchesFailed.Load() > failed+2 })
		failed = v.stats.fetchesFailed.Load()
		if code := verify(t, v, es256(t, a, "a")); code != "" {
			t.Errorf("%s: %q", name, code)
		}
		if code := verify(t, v, es256(t, a, "b")); code != KeysUnavailable {
			t.Errorf("%s: an unknown key: %q", name, code)
		}
	}
	if text := log.String(); !strings.Contains(text, "old_keys_serve=true") {
		t.Errorf("the log: %s", text)
	}
	i.Close()
	if code := verify(t, v, es256(t, a, "a")); code != "" {
		t.Errorf("away: %q", code)
	}
}

// A start does not wait for the issuer; nobody gets in before the keys are there.
func TestJWKSAwayAtTheStart(t *testing.T) {
	a := ecKey(t, elliptic.P256())
	i := newIssuer(t, fails)
	v := verifier(t, Options{JWKSURL: i.URL, jwksPause: time.Millisecond})
	until(t, "it has failed", func() bool { return v.stats.fetchesFailed.Load() > 0 })
	if code := verify(t, v, es256(t, a, "a")); code != KeysUnavailable {
		t.Errorf("%q", code)
	}
	i.set(publishes(t, map[string]any{"a": a}))
	until(t, "the keys are there", func() bool { return verify(t, v, es256(t, a, "a")) == "" })
}

// Whatever keys tokens name, the issuer is asked once, and then not for a while; who knows the key is not in the way.
func TestFloodOfUnknownKeys(t *testing.T) {
	a := ecKey(t, elliptic.P256())
	i := newIssuer(t, publishes(t, map[string]any{"a": a}))
	v := verifier(t, Options{JWKSURL: i.URL, jwksPause: time.Hour})
	known := es256(t, a, "a")
	until(t, "the keys are there", func() bool { return verify(t, v, known) == "" })
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			for m := range 10 {
				if code := verify(t, v, es256(t, a, fmt.Sprint(n, m))); code != KeysUnavailable {
					t.Errorf("%q", code)
				}
				if code := verify(t, v, known); code != "" {
					t.Errorf("a known key: %q", code)
				}
			}
		})
	}
	all.Wait()
	if n := i.asked.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// An issuer that does not answer holds up few, and those not for ever.
func TestSilentIssuer(t *testing.T) {
	quiet := make(chan struct{})
	i := newIssuer(t, func(http.ResponseWriter, *http.Request) { <-quiet })
	defer close(quiet)
	v := verifier(t, Options{JWKSURL: i.URL})
	token := es256(t, ecKey(t, elliptic.P256()), "a")
	remote := v.keys.(*remoteKeys)
	var waiting sync.WaitGroup
	for range maxWaiting {
		waiting.Go(func() {
			if code := verify(t, v, token); code != KeysUnavailable {
				t.Errorf("%q", code)
			}
		})
	}
	until(t, "all wait", func() bool { return remote.waiting.Load() == maxWaiting })
	if code := verify(t, v, token); code != KeysUnavailable { // at once
		t.Errorf("%q", code)
	}
	waiting.Wait() // fetchTimeout
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
