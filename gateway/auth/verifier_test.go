package auth

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Each kind of key takes the algorithms that belong to it, and no other.
func TestAlgorithms(t *testing.T) {
	p256, p384, p521, ed := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521()), edKey(t)
	signers := []struct {
		method jwt.SigningMethod
		key    any
	}{
		{jwt.SigningMethodHS256, secret}, {jwt.SigningMethodHS384, secret}, {jwt.SigningMethodHS512, secret},
		{jwt.SigningMethodRS256, rsaKey()}, {jwt.SigningMethodRS384, rsaKey()}, {jwt.SigningMethodRS512, rsaKey()},
		{jwt.SigningMethodPS256, rsaKey()}, {jwt.SigningMethodPS384, rsaKey()}, {jwt.SigningMethodPS512, rsaKey()},
		{jwt.SigningMethodES256, p256}, {jwt.SigningMethodES384, p384}, {jwt.SigningMethodES512, p521},
		{jwt.SigningMethodEdDSA, ed},
	}
	for kind, opts := range map[string]Options{
		"HS": {Secret: secret}, "RS PS": {Keys: publicPEM(t, rsaKey())}, "ES256": {Keys: publicPEM(t, p256)},
		"ES384": {Keys: publicPEM(t, p384)}, "ES512": {Keys: publicPEM(t, p521)}, "EdDSA": {Keys: publicPEM(t, ed)},
	} {
		v := verifier(t, opts)
		for _, s := range signers {
			alg := s.method.Alg()
			own := false
			for prefix := range strings.FieldsSeq(kind) {
				own = own || strings.HasPrefix(alg, prefix)
			}
			code := verify(t, v, sign(t, s.method, s.key, claims(nil)))
			if own && code != "" || !own && code != Invalid {
				t.Errorf("a key for %s and a token of %s: %q", kind, alg, code)
			}
		}
	}
}

// What an attacker can write without the key, and what the key's owner has not meant for this service or this moment.
func TestAttacks(t *testing.T) {
	own, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	es := func(key any, more map[string]any, header ...any) string {
		return sign(t, jwt.SigningMethodES256, key, claims(more), header...)
	}
	valid := es(own, nil)
	parts := strings.Split(valid, ".")
	raw := base64.RawURLEncoding.EncodeToString
	tests := map[string]struct {
		token string
		want  Code
	}{
		"valid":                 {valid, ""},
		"of several audiences":  {es(own, map[string]any{"aud": []string{"mail", "chat"}}), ""},
		"just expired":          {es(own, map[string]any{"exp": in(-5 * time.Second)}), ""}, // within the leeway
		"not yet valid, nearly": {es(own, map[string]any{"nbf": in(5 * time.Second)}), ""},  // the same
		"none":                  {"", Missing},
		"expired":               {es(own, map[string]any{"exp": in(-time.Minute)}), Expired},
		"not yet valid":         {es(own, map[string]any{"nbf": in(time.Minute)}), NotYetValid},
		"of another issuer":     {es(own, map[string]any{"iss": "evil"}), Invalid},
		"of no issuer":          {es(own, map[string]any{"iss": nil}), Invalid},
		"of an issuer's list":   {es(own, map[string]any{"iss": []string{"issuer"}}), Invalid},
		"for another audience":  {es(own, map[string]any{"aud": "mail"}), Invalid},
		"for no audience":       {es(own, map[string]any{"aud": nil}), Invalid},
		"expired and elsewhere": {es(own, map[string]any{"aud": "mail", "exp": in(-time.Minute)}), Invalid},
		"without an end":        {es(own, map[string]any{"exp": nil}), Invalid},
		"with EXP for exp":      {es(own, map[string]any{"exp": nil, "EXP": in(time.Hour)}), Invalid},
		"ending never":          {es(own, map[string]any{"exp": "never"}), Invalid},
		"of nobody":             {es(own, map[string]any{"sub": nil}), Invalid},
		"of a user without one": {es(own, map[string]any{"sub": ""}), Invalid},
		"of a long user":        {es(own, map[string]any{"sub": strings.Repeat("x", 256)}), Invalid},
		"of a user in a list":   {es(own, map[string]any{"sub": []string{"ann"}}), Invalid},
		"with another's key":    {es(other, nil), Invalid},
		"with critical fields":  {es(own, nil, "crit", []string{"exp"}), Invalid},
		"with a kid of numbers": {es(own, nil, "kid", 7), Invalid},
		"alg none": {
			sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)), Invalid,
		},
		"alg none, signed":         {raw([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2], Invalid},
		"alg nOnE":                 {raw([]byte(`{"alg":"nOnE"}`)) + "." + parts[1] + ".", Invalid},
		"without alg":              {raw([]byte(`{}`)) + "." + parts[1] + "." + parts[2], Invalid},
		"without a signature":      {parts[0] + "." + parts[1] + ".", Invalid},
		"with another body":        {parts[0] + "." + raw([]byte(`{"sub":"root"}`)) + "." + parts[2], Invalid},
		"with a body of a list":    {parts[0] + "." + raw([]byte(`[]`)) + "." + parts[2], Invalid},
		"with a body of null":      {parts[0] + "." + raw([]byte(`null`)) + "." + parts[2], Invalid},
		"in two parts":             {parts[0] + "." + parts[1], Invalid},
		"in four parts":            {valid + ".x", Invalid},
		"garbage":                  {"?", Invalid},
		"dots":                     {strings.Repeat(".", MaxTokenBytes), Invalid},
		"too long":                 {strings.Repeat("x", MaxTokenBytes+1), Invalid},
		"with a huge body":         {es(own, map[string]any{"x": strings.Repeat("x", MaxTokenBytes)}), Invalid},
		"with a signature of zero": {parts[0] + "." + parts[1] + "." + raw(make([]byte, 64)), Invalid},
		"deep": {
			parts[0] + "." + raw([]byte(strings.Repeat("[", 9000)+strings.Repeat("]", 2000))) + "." + parts[2], Invalid,
		},
	}
	v := verifier(t, Options{
		Keys: publicPEM(t, own), Issuer: "issuer", Audience: []string{"chat", "game"}, Leeway: 10 * time.Second,
	})
	for name, test := range tests {
		for range 2 { // the second time it may be remembered
			if code := verify(t, v, test.token); code != test.want {
				t.Errorf("%s: %q, want %q", name, code, test.want)
			}
		}
	}
}

// A public key is public: who knows it can sign with it as if it were a secret.
func TestHS256WithThePublicKey(t *testing.T) {
	text := publicPEM(t, rsaKey())
	v := verifier(t, Options{Keys: text})
	for _, secret := range [][]byte{text, []byte(strings.TrimSpace(string(text)))} {
		if code := verify(t, v, sign(t, jwt.SigningMethodHS256, secret, claims(nil))); code != Invalid {
			t.Errorf("%q", code)
		}
	}
	if _, err := NewVerifier(Options{Secret: text}); err == nil {
		t.Error("a public key is taken for a secret")
	}
}

func TestOptions(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	key := string(publicPEM(t, edKey(t)))
	for name, opts := range map[string]Options{
		"nothing": {}, "two sources": {Secret: secret, Keys: []byte(key)}, "a short secret": {Secret: secret[:31]},
		"a short secret in a file": {Secret: append(secret[:31:31], '\n')},
		"no key":                   {Keys: []byte("a key")}, "a small key": {Keys: publicPEM(t, small)},
		"five keys":     {Keys: []byte(strings.Repeat(key, 5))},
		"a private key": {Keys: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY"})},
		"a file URL":    {JWKSURL: "file:///etc/passwd"}, "no host": {JWKSURL: "https://"},
		"a user": {JWKSURL: "https://u:p@h/"},
	} {
		if v, err := NewVerifier(opts); err == nil {
			v.Close()
			t.Errorf("%s is taken", name)
		} else if strings.Contains(err.Error(), string(secret[:20])) {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
	verifier(t, Options{Keys: []byte(strings.Repeat(key, 4))})
}

// While keys are being changed a file has the old and the new one.
func TestSeveralKeys(t *testing.T) {
	a, b, c := edKey(t), edKey(t), ecKey(t, elliptic.P256())
	v := verifier(t, Options{Keys: append(append(publicPEM(t, a), publicPEM(t, b)...), publicPEM(t, c)...)})
	for _, key := range []crypto.Signer{a, b} {
		if code := verify(t, v, sign(t, jwt.SigningMethodEdDSA, key, claims(nil), "kid", "any")); code != "" {
			t.Errorf("%q", code)
		}
	}
	if code := verify(t, v, sign(t, jwt.SigningMethodEdDSA, edKey(t), claims(nil))); code != Invalid {
		t.Errorf("another's: %q", code)
	}
}

// What is remembered ends with the token.
func TestRememberedTokensExpire(t *testing.T) {
	v := verifier(t, Options{Secret: secret})
	token := hs256(t, map[string]any{"exp": in(2 * time.Second)})
	for range 3 {
		if code := verify(t, v, token); code != "" {
			t.Fatalf("%q", code)
		}
	}
	if n := v.stats.remembered.Load(); n != 2 {
		t.Errorf("remembered %d times", n)
	}
	until(t, "it expires", func() bool { return verify(t, v, token) == Expired })
}

func TestErrorsSayWhy(t *testing.T) {
	v := verifier(t, Options{Secret: secret, Issuer: "x"})
	_, err := v.Verify(t.Context(), hs256(t, nil))
	if e := new(Error); !errors.As(err, &e) || e.Code != Invalid || !errors.Is(err, jwt.ErrTokenInvalidIssuer) {
		t.Errorf("%v", err)
	}
	for _, code := range Codes {
		if messages[code] == "" {
			t.Errorf("%s has no words", code)
		}
	}
}
