package auth

import (
	"crypto/elliptic"
	"fmt"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// BenchmarkVerify is what a token costs that has not been seen before, and one that has.
func BenchmarkVerify(b *testing.B) {
	p256, ed := ecKey(b, elliptic.P256()), edKey(b)
	for _, kind := range []struct {
		method jwt.SigningMethod
		key    any
		opts   Options
	}{
		{jwt.SigningMethodHS256, secret, Options{Secret: secret}},
		{jwt.SigningMethodES256, p256, Options{Keys: publicPEM(b, p256)}},
		{jwt.SigningMethodEdDSA, ed, Options{Keys: publicPEM(b, ed)}},
		{jwt.SigningMethodRS256, rsaKey(), Options{Keys: publicPEM(b, rsaKey())}},
	} {
		v := verifier(b, kind.opts)
		tokens := make([]string, 1000)
		for i := range tokens {
			tokens[i] = sign(b, kind.method, kind.key, claims(map[string]any{"sub": fmt.Sprint(i)}))
		}
		b.Run(kind.method.Alg()+"/new", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if i%len(tokens) == 0 {
					v.cache = cache{}
				}
				if _, err := v.Verify(b.Context(), tokens[i%len(tokens)]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(kind.method.Alg()+"/again", func(b *testing.B) {
			for b.Loop() {
				if _, err := v.Verify(b.Context(), tokens[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
