package chat

// What is sent over HTTP: documents made once, with the tags by which clients know that their copy is still good.

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// A document is something to send, made once.
type document struct {
	body        []byte
	contentType string
	etag        string
}

// newDocument returns a document with a tag of its own.
func newDocument(body []byte, contentType string) document {
	sum := sha256.Sum256(body)
	return document{body, contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// serve answers 200 with the document, or 304 to a client that has it.
func (d document) serve(w http.ResponseWriter, r *http.Request) {
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

// notModified reports whether the client's copy, by If-None-Match (RFC 9110 section 13.1.2, weak comparison), is the
// one with this tag. Like Express it ignores the copy where the request says Cache-Control: no-cache.
func notModified(r *http.Request, etag string) bool {
	given := strings.Join(r.Header.Values("If-None-Match"), ",")
	if given == "" || strings.Contains(strings.ToLower(r.Header.Get("Cache-Control")), "no-cache") {
		return false
	}
	for tag := range strings.SplitSeq(given, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
