package api

// Who may use the API: whoever has a token.

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// admit reports whether a request has a token, or answers it.
func (a *API) admit(w http.ResponseWriter, r *http.Request) bool {
	if a.opts.Tokens == nil {
		a.conns.trust(r.Context())
		return true
	}
	peer, now := ofPeer(r.RemoteAddr), time.Now()
	if wait := a.failures.blocked(peer, now); wait > 0 {
		w.Header().Set("Connection", "close")
		problem(http.StatusTooManyRequests, "", "too many wrong tokens from this address").after(wait).write(w)
		return false
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && a.opts.Tokens.Valid(strings.TrimLeft(token, " ")) {
		a.conns.trust(r.Context())
		return true
	}
	a.failures.add(peer, now)
	a.log.LogAttrs(r.Context(), slog.LevelWarn, "a request to the server API had no valid token",
		slog.String("remote", r.RemoteAddr), slog.Bool("token", token != ""))
	w.Header().Set("WWW-Authenticate", "Bearer")
	w.Header().Set("Connection", "close")
	problem(http.StatusUnauthorized, "", "the request needs Authorization: Bearer and a token of API_TOKENS").write(w)
	return false
}
