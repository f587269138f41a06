package socketio

// The browser's half: the bundles of the npm package socket.io-client, served beside the protocol.

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// clientBundle serves files of a file system, compressed once.
type clientBundle struct {
	path string
	fs   fs.FS
	etag string
	cors *engineio.CORS

	mu     sync.Mutex
	zipped map[string][]byte
}

func newClientBundle(opts Options) *clientBundle {
	return &clientBundle{
		path:   strings.TrimSuffix(opts.Path, "/") + "/",
		fs:     opts.Client,
		etag:   `"` + cmp.Or(opts.ClientVersion, bundleVersion(opts.Client)) + `"`,
		cors:   opts.CORS,
		zipped: make(map[string][]byte),
	}
}

// bundleVersion is the version that a bundle names in its first line of text, or "".
func bundleVersion(bundles fs.FS) string {
	for _, name := range []string{"socket.io.min.js", "socket.io.js", "socket.io.esm.min.js"} {
		bundle, _ := fs.ReadFile(bundles, name)
		_, rest, _ := bytes.Cut(bundle[:min(len(bundle), 100)], []byte("Socket.IO v"))
		if version, _, ok := bytes.Cut(rest, []byte("\n")); ok {
			return string(bytes.TrimSpace(version))
		}
	}
	return ""
}

// isClientFile reports whether name is that of a bundle or of its source map.
func isClientFile(name string) bool {
	switch strings.TrimSuffix(name, ".map") {
	case "socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js":
		return true
	}
	return false
}

// serve answers r if it asks for a bundle that there is. As with Node.js, the method does not matter, but HEAD gets no
// body.
func (b *clientBundle) serve(w http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, b.path)
	if !ok || !isClientFile(name) {
		return false
	}
	body, err := fs.ReadFile(b.fs, name)
	if err != nil {
		return false
	}
	if b.cors != nil && b.cors.Handle(w, r) {
		return true
	}
	h := w.Header()
	if match := r.Header.Get("If-None-Match"); match == b.etag || match == "W/"+b.etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Cache-Control", "public, max-age=0")
	if strings.HasSuffix(name, ".map") {
		h.Set("Content-Type", "application/json; charset=utf-8")
	} else {
		h.Set("Content-Type", "application/javascript; charset=utf-8")
	}
	h.Set("ETag", b.etag)
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = b.gzip(name, body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return true
}

// gzip returns body compressed. It compresses each file once.
func (b *clientBundle) gzip(name string, body []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if z, ok := b.zipped[name]; ok {
		return z
	}
	var buf bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = zw.Write(body)
	_ = zw.Close()
	b.zipped[name] = buf.Bytes()
	return buf.Bytes()
}

// acceptsGzip reports whether an Accept-Encoding header lets an answer be compressed with gzip (RFC 9110,
// section 12.5.3).
func acceptsGzip(header []string) bool {
	accepted := false
	for _, value := range header {
		for item := range strings.SplitSeq(value, ",") {
			coding, params, _ := strings.Cut(item, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "x-gzip" && coding != "*" {
				continue
			}
			q := 1.0
			if v, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
				q, _ = strconv.ParseFloat(v, 64)
			}
			if coding != "*" {
				return q > 0
			}
			accepted = q > 0
		}
	}
	return accepted
}
