package chat

// What the chat answers over HTTP: the page with its files to browsers, and to everything else what Nest answered.

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/public"
)

// hello is what the Nest service answers at /, with the tag that Express makes of it.
var hello = document{
	body: []byte("Hello World!"), contentType: "text/html; charset=utf-8", etag: `W/"c-Lve95gjOVATpfV8EL5X4nxwjKHE"`,
}

// assetTypes are the page's files and their media types. They are served below assetPath, which no path of the Nest
// service and of Socket.IO begins with.
var assetTypes = map[string]string{
	"app.js":    "text/javascript; charset=utf-8",
	"style.css": "text/css; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

const assetPath = "/chat/"

// A site is the page and its files.
type site struct {
	page    document
	assets  map[string]document // by path
	scripts string              // the sources of scripts that the page's policy allows
}

// newSite reads the embedded files; fromCDN is whether the page loads the client from the public CDN.
func newSite(fromCDN bool) (*site, error) {
	s := &site{assets: make(map[string]document), scripts: "'self'"}
	if fromCDN {
		s.scripts += " " + public.CDNOrigin
	}
	html, err := public.Page(fromCDN)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	s.page = newDocument(html, "text/html; charset=utf-8")
	for name, contentType := range assetTypes {
		body, err := public.Asset(name)
		if err != nil {
			return nil, fmt.Errorf("chat: %w", err)
		}
		s.assets[assetPath+name] = newDocument(body, contentType)
	}
	return s, nil
}

// route answers the requests for what is here; it is a gateway.Parts.Route.
func (s *site) route(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	path := r.URL.EscapedPath()
	if path == "/" || path == "//" { // Express takes both for the root, and no more slashes
		w.Header().Add("Vary", "Accept")
		if prefersHTML(strings.Join(r.Header.Values("Accept"), ",")) {
			s.servePage(w, r)
		} else {
			hello.serve(w, r)
		}
		return true
	}
	asset, found := s.assets[path]
	if found {
		serveOwn(w, r, asset)
	}
	return found
}

// servePage answers with the chat page. Its policy allows what the page has and nothing else, so that even markup that
// slipped into the document could neither run nor load anything.
func (s *site) servePage(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src "+s.scripts+"; style-src 'self'; "+
		"img-src 'self' data:; connect-src 'self'"+webSocketSources(r.Host)+"; base-uri 'none'; form-action 'none'; "+
		"frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	serveOwn(w, r, s.page)
}

// serveOwn answers with a document that the Nest service did not have.
func serveOwn(w http.ResponseWriter, r *http.Request, d document) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache") // kept, but asked for again each time: a new build shows at once
	d.serve(w, r)
}

// plainHost is a Host header without anything that could break out of the policy.
var plainHost = regexp.MustCompile(`^[\w.:\[\]-]+$`)

// webSocketSources names this very host for WebSocket connections, which 'self' does not cover in Safari before 15.4.
func webSocketSources(host string) string {
	if !plainHost.MatchString(host) {
		return ""
	}
	return " ws://" + host + " wss://" + host
}
