package auth

// Where a client has its token.

import (
	"net/http"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// MaxTokenBytes is the longest token that is looked at, which is as long as the header of a request may be.
const MaxTokenBytes = 16 << 10

// findToken is the token of a client: auth.token of its CONNECT packet, else that of the header Authorization, else the
// cookie of that name, "" where there is none. The first of them that is there counts, whether or not it is valid.
// headers puts the header together, which is asked for only where it may have one.
func findToken(auth socketio.Raw, headers func() http.Header, cookie string) (string, error) {
	if token, found := authToken(auth); found {
		return bounded(token)
	}
	header := headers()
	if token, found := bearer(header.Get("Authorization")); found {
		return bounded(token)
	}
	if cookie == "" {
		return "", nil
	}
	for _, line := range header["Cookie"] {
		cookies, _ := http.ParseCookie(line) // where one is malformed, none of the line counts
		for _, c := range cookies {
			if c.Name == cookie && c.Value != "" {
				return bounded(c.Value)
			}
		}
	}
	return "", nil
}

// authToken is auth.token. One that is null or empty is none, and one that is no string is found, but no token.
func authToken(auth socketio.Raw) (token string, found bool) {
	fields, ok := auth.Fields()
	if !ok {
		return "", false
	}
	raw, found := fields["token"]
	if !found || string(raw.JSON()) == "null" {
		return "", false
	}
	if raw.Bind(&token) != nil {
		return "?", true
	}
	if inside, is := bearer(token); is { // what is made for the header is often given here
		return inside, true
	}
	return token, token != ""
}

// bearer is the token of credentials of that scheme (RFC 6750, section 2.1).
func bearer(credentials string) (token string, found bool) {
	const scheme = "bearer "
	if len(credentials) < len(scheme) || !strings.EqualFold(credentials[:len(scheme)], scheme) {
		return "", false
	}
	token = strings.TrimSpace(credentials[len(scheme):])
	return token, token != ""
}

func bounded(token string) (string, error) {
	if len(token) > MaxTokenBytes {
		return "", refused(Invalid, errTooLong)
	}
	return token, nil
}
