package gateway

// Entity tags as Express makes and compares them.

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// weakETag is Express's default ETag of a body: its length in hexadecimal and the first 27 characters, which leaves out
// the padding, of its SHA-1 in base64.
func weakETag(body []byte) string {
	sum := sha1.Sum(body)
	return `W/"` + strconv.FormatInt(int64(len(body)), 16) + "-" + base64.StdEncoding.EncodeToString(sum[:])[:27] + `"`
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
