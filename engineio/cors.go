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
	Origins []string
	// Methods are listed in the answer to a preflight request. Default: GET,HEAD,PUT,PATCH,POST,DELETE.
	Methods []string
	// AllowedHeaders are listed in the answer to a preflight request. Default: those that it asks for.
	AllowedHeaders []string
	// ExposedHeaders are those of an answer that the page may read. Default: none.
	ExposedHeaders []string
	// Credentials allows requests with cookies.
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
	case c.anyOrigin():
		h.Set("Access-Control-Allow-Origin", "*")
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

func (c *CORS) anyOrigin() bool { return len(c.Origins) == 0 || slices.Contains(c.Origins, "*") }
