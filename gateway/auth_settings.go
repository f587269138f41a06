package gateway

// Settings of who may connect.

import (
	"os"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
)

// authConfig is what the settings say about who may connect.
type authConfig struct {
	On      bool // tokens are asked for
	JWT     auth.Options
	Cookie  string
	Notice  time.Duration
	sources int // of keys
}

// maxKeyFile is the longest file with a secret or keys, in bytes.
const maxKeyFile = 64 << 10

func (c *Config) authSettings() []Setting {
	a := &c.auth
	return []Setting{
		{
			Name: "AUTH", Default: "off",
			Meaning: "who may connect: off is everybody, jwt is who has a token, which takes one of AUTH_JWT_SECRET, " +
				"AUTH_JWT_SECRET_FILE, AUTH_JWT_KEY_FILE and AUTH_JWKS_URL",
			Valid: "off or jwt",
			Set:   func(v string) bool { a.On = v == "jwt"; return a.On || v == "off" },
		},
		{
			Name: "AUTH_JWT_SECRET", Default: none, Secret: true,
			Meaning: "secret that tokens are signed with (HS256, HS384, HS512)",
			Valid:   "none, or at least 32 bytes that are no key in PEM form",
			Show:    hidden,
			Set: func(v string) bool {
				if v == none {
					return true
				}
				return a.source(&a.JWT.Secret, []byte(v))
			},
		},
		keyFileSetting("AUTH_JWT_SECRET_FILE", "file with that secret; a newline at its end is not counted",
			"none, or a readable file with at least 32 bytes", a, &a.JWT.Secret),
		keyFileSetting("AUTH_JWT_KEY_FILE",
			"public keys or certificates that tokens are verified with (RS, PS, ES, EdDSA, by the kind of key)",
			"none, or a readable PEM file with 1 to 4 public keys, RSA of at least 2048 bits", a, &a.JWT.Keys),
		{
			Name: "AUTH_JWKS_URL", Default: none,
			Meaning: "where the issuer publishes such keys (JWKS)",
			Valid:   "none, or a URL of https or http without a user",
			Set: func(v string) bool {
				if v == none {
					return true
				}
				a.JWT.JWKSURL = v
				a.sources++
				return auth.CheckJWKSURL(v) == nil
			},
		},
		DurationSetting("AUTH_JWKS_REFRESH", "15m",
			"how often they are fetched; one that is not known is asked for at once, every 10s at most",
			&a.JWT.JWKSRefresh),
		nameSetting("AUTH_JWT_ISSUER", "whom tokens must come from (iss); none: anybody with the key", &a.JWT.Issuer),
		{
			Name: "AUTH_JWT_AUDIENCE", Default: none,
			Meaning: "whom tokens must be for: one of these must be among theirs (aud); none: anybody",
			Valid:   "none, or names separated by commas",
			Set:     func(v string) bool { return parseNames(v, &a.JWT.Audience) },
		},
		{
			Name: "AUTH_JWT_LEEWAY", Default: "10s",
			Meaning: "how far clocks may be apart: so long before nbf and behind exp a token is valid",
			Valid:   "0, or a duration from 1ms to 24h, such as 30s or 30000 (milliseconds)",
			Set:     func(v string) bool { return v == "0" || parseDuration(v, &a.JWT.Leeway) },
		},
		{
			Name: "AUTH_JWT_REQUIRE_EXP", Default: "true",
			Meaning: "whether tokens must end (exp)",
			Valid:   "true or false",
			Set:     func(v string) bool { a.JWT.NoExpiry = v == "false"; return v == "true" || v == "false" },
		},
		{
			Name: "AUTH_USER_CLAIM", Default: "sub",
			Meaning: "claim that is the user, a string or a whole number",
			Valid:   "a name",
			Set:     func(v string) bool { a.JWT.UserClaim = v; return true },
		},
		nameSetting("AUTH_ROOMS_CLAIM", "claim that is the rooms which the user's sockets join, a string or a list",
			&a.JWT.RoomsClaim),
		{
			Name: "AUTH_COOKIE", Default: none,
			Meaning: "cookie that may have the token, beside auth.token and Authorization; it takes CORS_ORIGINS, as " +
				"browsers send it from any page",
			Valid: "none, or a cookie's name",
			Set: func(v string) bool {
				if v != none {
					a.Cookie = v
				}
				return strings.IndexFunc(v, func(r rune) bool { return !isWord(r) && r != '.' }) < 0
			},
		},
		{
			Name: "AUTH_EXPIRY_NOTICE", Default: "30s",
			Meaning: "how long before a token ends its client is told, at least half of it",
			Valid:   "0 for never, or a duration from 1ms to 24h, such as 30s or 30000 (milliseconds)",
			Set:     func(v string) bool { return v == "0" || parseDuration(v, &a.Notice) },
		},
	}
}

// nameSetting declares a setting that is any text, or none.
func nameSetting(name, meaning string, to *string) Setting {
	return Setting{Name: name, Default: none, Meaning: meaning, Valid: "none, or a name", Set: func(v string) bool {
		if v != none {
			*to = v
		}
		return true
	}}
}

// parseNames reads a list of names, or none.
func parseNames(v string, to *[]string) bool {
	if v == none {
		return true
	}
	for name := range strings.SplitSeq(v, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			return false
		}
		*to = append(*to, name)
	}
	return true
}

// keyFileSetting declares a file that is a source of keys, or none.
func keyFileSetting(name, meaning, valid string, a *authConfig, to *[]byte) Setting {
	return Setting{Name: name, Default: none, Meaning: meaning, Valid: valid, Set: func(file string) bool {
		if file == none {
			return true
		}
		if info, err := os.Stat(file); err != nil || info.Size() > maxKeyFile {
			return false
		}
		text, err := os.ReadFile(file)
		return err == nil && a.source(to, text)
	}}
}

// source takes a secret or keys, and reports whether they can be used.
func (a *authConfig) source(to *[]byte, text []byte) bool {
	*to = text
	a.sources++
	alone := auth.Options{Secret: a.JWT.Secret}
	if to == &a.JWT.Keys {
		alone = auth.Options{Keys: text}
	}
	v, err := auth.NewVerifier(alone)
	if err != nil {
		return false
	}
	v.Close()
	return true
}

// hidden is what the log shows of a secret.
func hidden(v string) string {
	if v == none {
		return v
	}
	return "***"
}

// checkAuth returns an error where settings do not go together. One that is missing must not leave the door open: a key
// without AUTH is a mistake, and so is AUTH without a key.
func (c *Config) checkAuth() error {
	a := &c.auth
	if !a.On {
		if a.sources > 0 || a.Cookie != "" || a.JWT.Issuer != "" || len(a.JWT.Audience) > 0 {
			return &SettingError{Name: "AUTH", Value: "off", Valid: "jwt, as other AUTH_ settings are set"}
		}
		return nil
	}
	if a.sources != 1 {
		return &SettingError{
			Name: "AUTH", Value: "jwt",
			Valid: "one, and no more, of AUTH_JWT_SECRET, AUTH_JWT_SECRET_FILE, AUTH_JWT_KEY_FILE and AUTH_JWKS_URL " +
				"with it",
		}
	}
	if a.Cookie != "" && len(c.CORSOrigins) == 1 && c.CORSOrigins[0] == "*" {
		return &SettingError{
			Name: "AUTH_COOKIE", Value: a.Cookie,
			Valid: "none, as CORS_ORIGINS is *: any page could connect as whoever has that cookie",
		}
	}
	return nil
}
