package socketio

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// TestClientBundle: clients get the bundles compressed or not, in whichever of the two forms the program has them.
func TestClientBundle(t *testing.T) {
	plain := fstest.MapFS{
		"socket.io.min.js":     {Data: []byte("/* min */")},
		"socket.io.min.js.map": {Data: []byte("{}")},
		"secret.js":            {Data: []byte("no")},
	}
	zipped := fstest.MapFS{}
	for name, file := range plain {
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		_, _ = zw.Write(file.Data)
		_ = zw.Close()
		zipped[name+".gz"] = &fstest.MapFile{Data: buf.Bytes()}
	}
	t.Run("plain", func(t *testing.T) { testClientBundle(t, plain) })
	t.Run("compressed", func(t *testing.T) { testClientBundle(t, zipped) })
}

func testClientBundle(t *testing.T, client fs.FS) {
	srv := NewServer(Options{
		CORS:          &engineio.CORS{},
		ClientVersion: "4.8.3",
		Client:        client,
	})
	t.Cleanup(func() { _ = srv.Shutdown(t.Context()) })
	const js, mapType = "application/javascript; charset=utf-8", "application/json; charset=utf-8"
	tests := []struct {
		method, path string
		header       string // name: value
		status       int
		contentType  string
		encoding     string
		body         string
	}{
		{"GET", "socket.io.min.js", "", 200, js, "", "/* min */"},
		{"POST", "socket.io.min.js?v=1", "", 200, js, "", "/* min */"},
		{"HEAD", "socket.io.min.js", "Origin: http://example.com", 200, js, "", ""},
		{"GET", "socket.io.min.js.map", "", 200, mapType, "", "{}"},
		{"GET", "socket.io.min.js", "Accept-Encoding: deflate, gzip;q=0.5", 200, js, "gzip", "/* min */"},
		{"GET", "socket.io.min.js", "Accept-Encoding: gzip", 200, js, "gzip", "/* min */"},
		{"GET", "socket.io.min.js", "Accept-Encoding: *", 200, js, "gzip", "/* min */"},
		{"GET", "socket.io.min.js", "Accept-Encoding: gzip;q=0, *", 200, js, "", "/* min */"},
		{"GET", "socket.io.min.js", "Accept-Encoding: br", 200, js, "", "/* min */"},
		{"GET", "socket.io.min.js", `If-None-Match: "4.8.3"`, 304, "", "", ""},
		{"GET", "socket.io.min.js", `If-None-Match: W/"4.8.3"`, 304, "", "", ""},
		{"GET", "socket.io.min.js", `If-None-Match: "4.8.2"`, 200, js, "", "/* min */"},
		// A bundle that is not there.
		{"GET", "socket.io.js", "", 400, "application/json", "", `{"code":0,"message":"Transport unknown"}`},
		{"GET", "socket.io.min.js.gz", "", 400, "application/json", "", `{"code":0,"message":"Transport unknown"}`},
		{"GET", "secret.js", "", 400, "application/json", "", `{"code":0,"message":"Transport unknown"}`},
		{"GET", "x/socket.io.min.js", "", 400, "application/json", "", `{"code":0,"message":"Transport unknown"}`},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path+" "+tt.header, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/socket.io/"+tt.path, nil)
			if name, value, ok := strings.Cut(tt.header, ": "); ok {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			res := w.Result()
			if res.StatusCode != tt.status || res.Header.Get("Content-Type") != tt.contentType ||
				res.Header.Get("Content-Encoding") != tt.encoding ||
				res.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("answered %d %v", res.StatusCode, res.Header)
			}
			if tt.status == http.StatusOK && (res.Header.Get("ETag") != `"4.8.3"` ||
				res.Header.Get("Cache-Control") != "public, max-age=0") {
				t.Errorf("headers %v", res.Header)
			}
			var body io.Reader = res.Body
			if tt.encoding == "gzip" {
				z, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			}
			if b, err := io.ReadAll(body); err != nil || string(b) != tt.body {
				t.Errorf("body %q, %v", b, err)
			}
		})
	}
}
