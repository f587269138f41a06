package engineio

// Cross-origin resource sharing (the Fetch standard, "CORS protocol").

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS configures cross-origin resource sharing. Options and answers are those of the npm package cors. The zero value
// lets every origin in.
type CORS struct {
	// Origins are those that may use the server, such as "https://chat.example". "*", or none where neither
	// OriginPatterns nor AllowOrigin is set: any.
	//
	// A Server refuses requests of pages of other origins, on every transport, with 403 and code 4. Node.js's server
	// only leaves out the header that lets the page read the answer, which stops neither a WebSocket nor a POST. A
	// request whose Origin has its own Host is served, and so is one without Origin: programs send none. To leave the
	// decision to AllowRequest, allow any origin here.
	Origins []string
	// OriginPatterns are origins that may use the server besides Origins. A pattern matches anywhere in an origin, so
	// anchor it: ^https://([a-z]+\.)?chat\.example$ (Node.js: a RegExp in origin).
	OriginPatterns []*regexp.Regexp
	// AllowOrigin, if not nil, decides about origins that are neither in Origins nor match a pattern. It is asked at
	// each request that has such an Origin, on a goroutine of the request, and may block (Node.js: a function as
	// origin).
	AllowOrigin func(origin string) bool
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
	return c.handle(w, r, c.allows(r.Header.Get("Origin")))
}

// setHeader sets the Access-Control headers of an answer to a request from origin, which may use the server or not.
func (c *CORS) setHeader(h http.Header, origin string, allowed bool) {
	switch {
	case c.same():
		h.Set("Access-Control-Allow-Origin", "*")
	case allowed && origin != "":
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
}

// handle is Handle for a request whose origin may use the server or not.
func (c *CORS) handle(w http.ResponseWriter, r *http.Request, allowed bool) bool {
	h := w.Header()
	c.setHeader(h, r.Header.Get("Origin"), allowed)
	if r.Method != http.MethodOptions {
		return false
	}
	c.setPreflight(h, r.Header.Get("Access-Control-Request-Headers"))
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// setPreflight sets the headers that only the answer to a preflight request has; asked are those that the page wants to
// send.
func (c *CORS) setPreflight(h http.Header, asked string) {
	methods := "GET,HEAD,PUT,PATCH,POST,DELETE"
	if len(c.Methods) > 0 {
		methods = strings.Join(c.Methods, ",")
	}
	h.Set("Access-Control-Allow-Methods", methods)
	if len(c.AllowedHeaders) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowedHeaders, ","))
	} else {
		h.Add("Vary", "Access-Control-Request-Headers")
		if asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
}

// same reports whether every origin gets the same answer.
func (c *CORS) same() bool { return c.anyOrigin() && !c.Credentials }

// OriginNotAllowed is what OnConnectionError, and the client, are told of a request of a page of another origin.
const OriginNotAllowed = "Origin not allowed"

// allows reports whether pages of an origin may use the server; "" is that of no page.
func (c *CORS) allows(origin string) bool {
	return c.names(origin) || origin != "" && c.AllowOrigin != nil && c.AllowOrigin(origin)
}

// names reports whether an origin may use the server whatever AllowOrigin says.
func (c *CORS) names(origin string) bool {
	return c == nil || c.anyOrigin() || slices.Contains(c.Origins, origin) || origin != "" && c.matches(origin)
}

// mustAsk reports whether AllowOrigin decides about an origin.
func (c *CORS) mustAsk(origin string) bool {
	return c != nil && c.AllowOrigin != nil && origin != "" && !c.names(origin)
}

// refuses reports whether a request with that Origin and Host is refused over it, whatever AllowOrigin says.
func (c *CORS) refuses(origin, host string) bool {
	return origin != "" && !c.names(origin) && !c.mustAsk(origin) && !isOwnOrigin(origin, host)
}

func (c *CORS) matches(origin string) bool {
	return slices.ContainsFunc(c.OriginPatterns, func(p *regexp.Regexp) bool { return p.MatchString(origin) })
}

// admits reports whether a request comes from a page that may use the server, or from no page. allowed is what allows
// says of its Origin. A request with two is none of a browser's, and both count.
func (c *CORS) admits(r *http.Request, allowed bool) bool {
	if c == nil || c.anyOrigin() {
		return true
	}
	for i, origin := range r.Header["Origin"] {
		if i > 0 {
			allowed = c.allows(origin)
		}
		if !allowed && !isOwnOrigin(origin, r.Host) {
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
func refuseOrigin(origin string) *refusal {
	return refuseWith(http.StatusForbidden, OriginNotAllowed).about(ErrorContext{
		Name: NameInvalidOrigin, Origin: origin,
	})
}

func (c *CORS) anyOrigin() bool {
	return len(c.Origins)+len(c.OriginPatterns) == 0 && c.AllowOrigin == nil || slices.Contains(c.Origins, "*")
}
