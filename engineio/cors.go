package engineio

// Cross-origin resource sharing (the Fetch standard, "CORS protocol").

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS configures cross-origin resource sharing. Options and answers are those of the npm package cors. The zero value
// lets every origin in.
type CORS struct {
	// Origins are those that may use the server, such as "https://chat.example". None, or "*": any.
	//
	// A Server refuses requests of pages of other origins, on every transport, with 403 and code 4. Node.js's server
	// only leaves out the header that lets the page read the answer, which stops neither a WebSocket nor a POST. A
	// request whose Origin has its own Host is served, and so is one without Origin: programs send none. To leave the
	// decision to AllowRequest, allow any origin here.
	Origins []string
	// Methods are listed in the answer to a preflight request. Default: GET,HEAD,PUT,PATCH,POST,DELETE.
	Methods []string
	// AllowedHeaders are listed in the answer to a preflight request. Default: those that it asks for.
	AllowedHeaders []string
	// ExposedHeaders are those of an answer that the page may read. Default: none.
	ExposedHeaders []string
	// Credentials allows requests with cookies. Browsers take no "*" with it: where any origin may use the server, an
	// answer then names the origin that asks, so that every page may act with its visitor's cookies: set Origins.
	Credentials bool
	// MaxAge is how long the answer to a preflight request may be cached, in whole seconds. Default: left to the
	// browser.
	MaxAge time.Duration
}

// Handle sets the Access-Control headers of the answer to r. Where r is a preflight request, Handle answers it and
// reports true.
func (c *CORS) Handle(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	switch origin := r.Header.Get("Origin"); {
	case c.same():
		h.Set("Access-Control-Allow-Origin", "*")
	case c.anyOrigin() && origin != "":
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	case slices.Contains(c.Origins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	default:
		h.Add("Vary", "Origin")
	}
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposedHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposedHeaders, ","))
	}
	if r.Method != http.MethodOptions {
		return false
	}
	methods := "GET,HEAD,PUT,PATCH,POST,DELETE"
	if len(c.Methods) > 0 {
		methods = strings.Join(c.Methods, ",")
	}
	h.Set("Access-Control-Allow-Methods", methods)
	if len(c.AllowedHeaders) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowedHeaders, ","))
	} else {
		h.Add("Vary", "Access-Control-Request-Headers")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// same reports whether every origin gets the same answer.
func (c *CORS) same() bool { return c.anyOrigin() && !c.Credentials }

// OriginNotAllowed is what OnConnectionError, and the client, are told of a request of a page of another origin.
const OriginNotAllowed = "Origin not allowed"

// admits reports whether a request comes from a page that may use the server, or from no page.
func (c *CORS) admits(r *http.Request) bool {
	if c == nil || c.anyOrigin() {
		return true
	}
	for _, origin := range r.Header["Origin"] {
		if !slices.Contains(c.Origins, origin) && !isOwnOrigin(origin, r.Host) {
			return false
		}
	}
	return true
}

// isOwnOrigin reports whether an origin is that of the host that its page asks. The scheme is not compared: behind a
// proxy that ends TLS nobody knows it.
func isOwnOrigin(origin, host string) bool {
	scheme, rest, found := strings.Cut(origin, "://")
	return found && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")) &&
		host != "" && strings.EqualFold(rest, host)
}

// refuseOrigin refuses a request that is not admitted.
func (srv *Server) refuseOrigin(w http.ResponseWriter, r *http.Request, upgrade bool) {
	srv.connectionError(r, Forbidden, OriginNotAllowed)
	if upgrade {
		refuseUpgrade(w, http.StatusForbidden, OriginNotAllowed)
		return
	}
	(&refusal{code: Forbidden, message: OriginNotAllowed, status: http.StatusForbidden}).write(w)
}

func (c *CORS) anyOrigin() bool { return len(c.Origins) == 0 || slices.Contains(c.Origins, "*") }
