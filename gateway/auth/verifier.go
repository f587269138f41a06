package auth

// Whether a token is valid.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Options say which tokens count. One of Secret, Keys and JWKSURL is required.
type Options struct {
	// Secret is what tokens are signed with (HS256, HS384, HS512): at least MinSecretBytes; a newline at its end is not
	// counted.
	Secret []byte
	// Keys are one to four public keys or certificates in PEM form: RSA of at least 2048 bits (RS256 and so on,
	// PS256 and so on), ECDSA (ES256, ES384, ES512, by the curve) or Ed25519 (EdDSA).
	Keys []byte
	// JWKSURL is where the issuer publishes such keys (RFC 7517).
	JWKSURL string
	// JWKSRefresh is how often they are fetched. Default 15 minutes.
	JWKSRefresh time.Duration

	// Issuer, if not "", is whom tokens must come from (iss).
	Issuer string
	// Audience, if not empty, is whom they are for: one of these must be among theirs (aud).
	Audience []string
	// Leeway is how far clocks may be apart: so long before nbf, and so long behind exp, a token is valid.
	Leeway time.Duration
	// NoExpiry lets in tokens that do not end (without exp).
	NoExpiry bool
	// UserClaim names the claim that is the user, a string or a whole number. Default "sub".
	UserClaim string
	// RoomsClaim, if not "", names the claim that is the user's rooms, a string or a list of at most 100 strings.
	RoomsClaim string
	// ReservedRooms begins names of rooms that no token may give.
	ReservedRooms string

	// Logger gets what goes wrong with JWKSURL. Default slog.Default().
	Logger *slog.Logger

	jwksPause time.Duration // fetchPause, but in tests
}

// A Verifier makes Claims of tokens. Its methods may be called from any goroutine; Close ends it.
type Verifier struct {
	opts   Options
	keys   keySource
	parser *jwt.Parser
	cache  cache
	stats  counters
}

// counters are what Stats has.
type counters struct {
	fetches, fetchesFailed, remembered atomic.Int64
}

// NewVerifier returns a Verifier. The error says what is wrong with the options; it never has the secret.
func NewVerifier(opts Options) (*Verifier, error) {
	opts.UserClaim = cmp.Or(opts.UserClaim, "sub")
	opts.JWKSRefresh = cmp.Or(opts.JWKSRefresh, 15*time.Minute)
	opts.jwksPause = cmp.Or(opts.jwksPause, fetchPause)
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	v := &Verifier{opts: opts}
	var err error
	switch given := [...]bool{len(opts.Secret) > 0, len(opts.Keys) > 0, opts.JWKSURL != ""}; given {
	case [...]bool{true, false, false}:
		v.keys, err = parseSecret(opts.Secret)
	case [...]bool{false, true, false}:
		v.keys, err = parsePEM(opts.Keys)
	case [...]bool{false, false, true}:
		if err = CheckJWKSURL(opts.JWKSURL); err == nil {
			v.keys = newRemoteKeys(opts, &v.stats)
		}
	default:
		err = errors.New("want one of a secret, public keys and a JWKS URL")
	}
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	rules := []jwt.ParserOption{jwt.WithLeeway(opts.Leeway), jwt.WithStrictDecoding()}
	if !opts.NoExpiry {
		rules = append(rules, jwt.WithExpirationRequired())
	}
	if opts.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(opts.Issuer))
	}
	if len(opts.Audience) > 0 {
		rules = append(rules, jwt.WithAudience(opts.Audience...))
	}
	v.parser = jwt.NewParser(rules...)
	return v, nil
}

// CheckJWKSURL returns an error where that is no URL of http or https.
func CheckJWKSURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return errors.New("a JWKS URL that is none of http or https")
	}
	return nil
}

// Close ends what fetches the keys.
func (v *Verifier) Close() { v.keys.close() }

// Verify returns what a token says. It may wait for the issuer's keys, 5 s at most, until ctx ends. The error is an
// *Error.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	switch {
	case token == "":
		return nil, refused(Missing, nil)
	case len(token) > MaxTokenBytes:
		return nil, refused(Invalid, errTooLong)
	}
	keys, hash := v.keys.generation(), sha256.Sum256([]byte(token))
	if c := v.cache.get(hash, keys, time.Now()); c != nil {
		v.stats.remembered.Add(1)
		return c, nil
	}
	var body payload
	_, err := v.parser.ParseWithClaims(token, &body, func(t *jwt.Token) (any, error) { return v.keysFor(ctx, t) })
	if err != nil {
		return nil, explained(err)
	}
	c, err := body.claims(&v.opts)
	if err != nil {
		return nil, refused(Invalid, err)
	}
	v.cache.put(hash, verified{claims: c, until: v.end(c), keys: keys, size: len(token) + len(c.JSON)})
	return c, nil
}

// end is when claims no longer count, zero where they always do.
func (v *Verifier) end(c *Claims) time.Time {
	if c.Expires.IsZero() {
		return time.Time{}
	}
	return c.Expires.Add(v.opts.Leeway)
}

// keysFor is what package jwt is to try a token with.
func (v *Verifier) keysFor(ctx context.Context, t *jwt.Token) (any, error) {
	if _, found := t.Header["crit"]; found { // RFC 7515, section 4.1.11: nothing that it may name is known here
		return nil, refused(Invalid, errors.New("it has critical fields"))
	}
	id, is := t.Header["kid"].(string)
	if _, found := t.Header["kid"]; found && !is {
		return nil, refused(Invalid, errors.New("its key's id is no string"))
	}
	found, err := v.keys.find(ctx, t.Method.Alg(), id)
	if err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	set := jwt.VerificationKeySet{Keys: make([]jwt.VerificationKey, len(found))}
	for i, k := range found {
		set.Keys[i] = k
	}
	return set, nil
}

// explained is the *Error for one of package jwt. A token that is wrong in several ways is not valid rather than
// expired: another one like it will not do.
func explained(err error) *Error {
	if own := new(Error); errors.As(err, &own) {
		return own
	}
	for _, lasting := range []error{
		jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenInvalidIssuer, jwt.ErrTokenRequiredClaimMissing,
	} {
		if errors.Is(err, lasting) {
			return refused(Invalid, err)
		}
	}
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return refused(Expired, err)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return refused(NotYetValid, err)
	}
	return refused(Invalid, err)
}
