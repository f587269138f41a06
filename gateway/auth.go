package gateway

// Who may connect: package auth does the work, and this file gives it what it needs of the gateway.

import (
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
)

// Claims are what the token of a socket says.
type Claims = auth.Claims

// ClaimsOf are the claims that a socket of this node was let in with, or that it has brought since: nil without AUTH,
// and in a namespace that has an authentication of its own. See auth.ClaimsOf.
func ClaimsOf(s *socketio.Socket) *Claims { return auth.ClaimsOf(s) }

// guardDoor has the server ask clients for tokens, where the settings say so.
func (g *Gateway) guardDoor(opts *socketio.Options) error {
	a := g.cfg.auth
	if !a.On {
		return nil
	}
	a.JWT.Logger = g.log
	a.JWT.ReservedRooms = userRoomPrefix
	verifier, err := auth.NewVerifier(a.JWT)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	g.verifier = verifier
	g.guard = auth.NewGuard(auth.GuardOptions{
		Verifier: verifier, Cookie: a.Cookie, Notice: a.Notice, Identify: Node{}.Identify, Open: g.openNamespaces(),
		Logger: g.log,
	})
	opts.Gate = g.guard
	return nil
}

// openNamespaces have an authentication of their own: who comes to them needs no token. Every other namespace asks for
// one, also one that is made later.
func (g *Gateway) openNamespaces() []string {
	if !g.cfg.Admin.On {
		return nil
	}
	return []string{admin.DefaultNamespace}
}

// warnOfAuth says what an operator should know about these settings.
func (g *Gateway) warnOfAuth() {
	if a := g.cfg.auth; a.On && a.JWT.JWKSURL != "" && len(a.JWT.Audience) == 0 {
		g.log.Warn("AUTH_JWT_AUDIENCE is none: tokens that the issuer of AUTH_JWKS_URL has made for others let in")
	}
}

// endAuth ends what fetches keys.
func (g *Gateway) endAuth() {
	if g.verifier != nil {
		g.verifier.Close()
	}
}

// authMetrics are those of a gateway that asks for tokens.
var authMetrics = []metrictable.Metric[auth.Stats]{
	{
		Name: "auth_tokens_total", Kind: metrictable.Counter, Labels: []string{"result"},
		Help: "Tokens that sockets have come with or brought to stay: admitted, refreshed, or the code of the refusal.",
		Read: func(s *auth.Stats, put metrictable.Put) {
			put(float64(s.Admitted), "admitted")
			put(float64(s.Refreshed), "refreshed")
			for _, code := range auth.Codes {
				put(float64(s.Refused[code]), string(code))
			}
		},
	},
	{
		Name: "auth_remembered_total", Kind: metrictable.Counter,
		Help: "Tokens that had been verified before, and were not again.",
		Read: func(s *auth.Stats, put metrictable.Put) { put(float64(s.Remembered)) },
	},
	{
		Name: "auth_ends_total", Kind: metrictable.Counter, Labels: []string{"cause"},
		Help: "Sockets that were ended with their tokens, and connections that have tried too many.",
		Read: func(s *auth.Stats, put metrictable.Put) {
			put(float64(s.Expired), "expired")
			put(float64(s.StruckOut), "too many tokens")
		},
	},
	{
		Name: "auth_key_fetches_total", Kind: metrictable.Counter, Labels: []string{"result"},
		Help: "Requests for the keys of AUTH_JWKS_URL.",
		Read: func(s *auth.Stats, put metrictable.Put) {
			put(float64(s.Fetches), "answered")
			put(float64(s.FetchesFailed), "failed")
		},
	},
	{
		Name: "auth_keys_age_seconds", Kind: metrictable.Gauge,
		Help: "Time since the keys of AUTH_JWKS_URL were fetched; 0 where they have not been.",
		Read: func(s *auth.Stats, put metrictable.Put) { put(s.KeysAge.Seconds()) },
	},
}
