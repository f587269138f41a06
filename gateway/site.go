package gateway

// The chat page and its files, as they are sent.

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/public"
)

// assetTypes are the page's files and their media types. They are served below assetPath, which no path of the Nest
// service and of Socket.IO begins with.
var assetTypes = map[string]string{
	"app.js":    "text/javascript; charset=utf-8",
	"style.css": "text/css; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

const assetPath = "/chat/"

// A document is something to send, made once.
type document struct {
	body        []byte
	contentType string
	etag        string
}

// site is what the gateway serves besides Socket.IO and the Nest service's routes.
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
		return nil, fmt.Errorf("gateway: %w", err)
	}
	s.page = newDocument(html, "text/html; charset=utf-8")
	for name, contentType := range assetTypes {
		body, err := public.Asset(name)
		if err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
		s.assets[assetPath+name] = newDocument(body, contentType)
	}
	return s, nil
}

func newDocument(body []byte, contentType string) document {
	sum := sha256.Sum256(body)
	return document{body, contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// servePage answers with the chat page. Its policy allows what the page has and nothing else, so that even markup that
// slipped into the document could neither run nor load anything.
func (s *site) servePage(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src "+s.scripts+"; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'"+webSocketSources(r.Host)+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	s.serve(w, r, s.page)
}

// serveAsset answers with one of the page's files; it reports false where there is none at the path.
func (s *site) serveAsset(w http.ResponseWriter, r *http.Request, path string) bool {
	asset, found := s.assets[path]
	if !found {
		return false
	}
	s.serve(w, r, asset)
	return true
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, d document) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache") // kept, but asked for again each time: a new build shows at once
	writeCacheable(w, r, d)
}

// webSocketSources names this very host for WebSocket connections, which 'self' does not cover in Safari before 15.4.
// A Host header that could break out of the policy is left out.
func webSocketSources(host string) string {
	safe := func(r rune) bool { return !isWord(r) && r != '.' && r != ':' && r != '[' && r != ']' }
	if host == "" || strings.ContainsFunc(host, safe) {
		return ""
	}
	return " ws://" + host + " wss://" + host
}

// writeCacheable answers 200 with the document, or 304 to a client that has it.
func writeCacheable(w http.ResponseWriter, r *http.Request, d document) {
	h := w.Header()
	h.Set("ETag", d.etag)
	if notModified(r, d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Length", strconv.Itoa(len(d.body)))
	w.WriteHeader(http.StatusOK)
	// A client that left is no error of ours, and net/http closes its connection.
	_, _ = w.Write(d.body)
}
