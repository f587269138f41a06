package gateway

// The Admin UI's page and its files, which are another project's script in a frame that is ours: it may load nothing
// from elsewhere, and connect to nobody but this host.

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/gzipfiles"
	"github.com/brunossouza/websocket-escalonavel/public"
)

// An adminPage is the page and its files by path. A nil one has nothing.
type adminPage struct {
	root   string // with a slash at its end
	files  map[string]adminFile
	plain  *gzipfiles.Files // for whoever takes nothing compressed
	policy string           // all of the Content-Security-Policy but the host
}

type adminFile struct {
	body        []byte
	zipped      bool
	contentType string
	etag        string
	named       bool // its name changes with its content
}

// newAdminPage reads the embedded files, if the build has some.
func newAdminPage(root string, noAuth bool) (*adminPage, error) {
	p := &adminPage{root: root, files: make(map[string]adminFile)}
	p.policy = "default-src 'none'; script-src 'self'; style-src 'self' " + public.AdminStyles +
		"; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"connect-src 'self'"
	files, embedded := public.AdminUI()
	if !embedded {
		return p, nil
	}
	p.plain = gzipfiles.New(files)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || path.Ext(name) == ".md" {
			return err
		}
		body, err := fs.ReadFile(files, name)
		plain, zipped := strings.CutSuffix(name, gzipfiles.Suffix)
		p.add(plain, body, zipped)
		return err
	})
	if err != nil {
		return nil, err
	}
	page, err := public.AdminPage(AdminNamespace, strings.TrimSuffix(SocketPath, "/"), noAuth)
	if err != nil {
		return nil, err
	}
	p.add("", page, false)
	delete(p.files, root+"index.html")
	p.add(public.AdminDefaultsName, public.AdminDefaults(), false)
	return p, nil
}

// hashedName is a file's name as the UI's build makes it.
var hashedName = regexp.MustCompile(`\.[0-9a-f]{8}\.(css|js|svg)$`)

func (p *adminPage) add(name string, body []byte, zipped bool) {
	sum := sha256.Sum256(body)
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // the system's table may say something else
	case "":
		kind = "text/html; charset=utf-8"
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".woff2":
		kind = "font/woff2"
	}
	p.files[p.root+name] = adminFile{
		body: body, zipped: zipped, contentType: kind, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		named: hashedName.MatchString(name),
	}
}

// route answers a GET or HEAD for something below the page's path; it reports false for any other.
func (p *adminPage) route(w http.ResponseWriter, r *http.Request) bool {
	if p == nil {
		return false
	}
	asked := r.URL.EscapedPath()
	if asked == strings.TrimSuffix(p.root, "/") {
		http.Redirect(w, r, p.root, http.StatusPermanentRedirect)
		return true
	}
	if !strings.HasPrefix(asked, p.root) {
		return false
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	f, found := p.files[asked]
	switch {
	case !found && len(p.files) == 0:
		h.Set("Cache-Control", "no-store")
		http.Error(w, "This build has no Admin UI. `make client` fetches it for the next build; the UI of another "+
			"place can connect meanwhile.", http.StatusNotFound)
		return true
	case !found:
		return false
	}
	h.Set("Content-Security-Policy", p.policy+webSocketsOf(r.Host))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache") // kept, but asked for again each time
	if f.named {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("ETag", f.etag)
	h.Set("Content-Type", f.contentType)
	body := f.body
	if f.zipped {
		h.Set("Vary", "Accept-Encoding")
		if gzipfiles.Accepted(r.Header.Values("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
		} else {
			h.Set("ETag", strings.TrimSuffix(f.etag, `"`)+`-plain"`)
			body, _ = p.plain.Plain(strings.TrimPrefix(asked, p.root)) // what is embedded can be read
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return true
}

// plainHost is a Host header without anything that could break out of the policy.
var plainHost = regexp.MustCompile(`^[\w.:\[\]-]+$`)

// webSocketsOf names this very host for WebSocket connections, which 'self' does not cover in Safari before 15.4.
func webSocketsOf(host string) string {
	if !plainHost.MatchString(host) {
		return ""
	}
	return " ws://" + host + " wss://" + host
}
