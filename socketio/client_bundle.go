package socketio

// The browser's half: the bundles of the npm package socket.io-client, served beside the protocol.

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/gzipfiles"
)

// clientBundle serves files of a file system.
type clientBundle struct {
	path  string
	files *gzipfiles.Files
	etag  string
	cors  *engineio.CORS
}

func newClientBundle(opts Options) *clientBundle {
	files := gzipfiles.New(opts.Client)
	return &clientBundle{
		path:  strings.TrimSuffix(opts.Path, "/") + "/",
		files: files,
		etag:  `"` + cmp.Or(opts.ClientVersion, bundleVersion(files)) + `"`,
		cors:  opts.CORS,
	}
}

// bundleVersion is the version that a bundle names in its first line of text, or "".
func bundleVersion(bundles *gzipfiles.Files) string {
	for _, name := range []string{"socket.io.min.js", "socket.io.js", "socket.io.esm.min.js"} {
		bundle, _ := bundles.Plain(name)
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
	read, zipped := b.files.Plain, gzipfiles.Accepted(r.Header.Values("Accept-Encoding"))
	if zipped {
		read = b.files.Zipped
	}
	body, err := read(name)
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
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return true
}
