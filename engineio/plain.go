package engineio

// Requests read without net/http, which costs a connection two goroutines and two buffers, and a request more than the
// kernel does for it.
//
// Only plain requests are read here: those that clients of the protocol send, when there is nothing wrong with them.
// Everything else is for net/http, byte by byte as it came, so that there is one place that answers faults.

import (
	"bytes"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

const (
	// maxPlainHead is the longest head of a request, in bytes, that is read here.
	maxPlainHead = 8 << 10
	// maxPlainBody is the longest body.
	maxPlainBody = 64 << 10
)

// A plainRequest is one of the protocol's requests.
type plainRequest struct {
	method  string
	uri     string
	query   query
	host    string
	fields  []byte   // name and value in turns, each with a line end; only where a session is to be opened
	through []string // X-Forwarded-For, where somebody may be trusted with it
	upgrade bool     // to WebSocket
	key     string   // Sec-WebSocket-Key
	gzip    bool     // the client takes it
	body    []byte
	size    int // of the whole request, in bytes
}

// plainOpening is what a session that r opens keeps of it.
func (srv *Server) plainOpening(r *plainRequest, peer netip.AddrPort) opening {
	return opening{
		lines:      r.uri + "\n" + r.host + "\n" + string(r.fields),
		remoteAddr: srv.clientOf(peer, r.through).String(),
		at:         time.Now(),
	}
}

// A plainVerdict says what the bytes read so far are.
type plainVerdict uint8

const (
	notPlain   plainVerdict = iota // for net/http
	incomplete                     // the beginning of what may be a plain request
	bodyToCome                     // a plain request without the end of its body
	plain
)

// plainRequests reports whether requests may be read here at all: not where somebody else has to see them, or where they
// decide more of the answer than is known here.
func (srv *Server) plainRequests() bool {
	o := &srv.opts
	return o.AllowRequest == nil && o.PerMessageDeflate == nil && o.Cookie == nil && o.allows(transportPolling) && o.allows(transportWebSocket) &&
		(o.CORS == nil || o.CORS.anyOrigin())
}

// parsePlain takes the request apart that b begins with (RFC 9112, and for WebSocket RFC 6455, section 4.1). A request
// with one of the fields that are named is not plain.
func (srv *Server) parsePlain(b []byte, except []string) (r plainRequest, verdict plainVerdict) {
	headSize := bytes.Index(b[:min(len(b), maxPlainHead)], []byte("\r\n\r\n"))
	if headSize < 0 {
		if len(b) < maxPlainHead && (bytes.HasPrefix(b, []byte("GET /")) || bytes.HasPrefix(b, []byte("POST /"))) {
			return r, incomplete
		}
		return r, notPlain
	}
	head := b[:headSize]
	line, head, _ := bytes.Cut(head, crlf)
	if !r.parseRequestLine(line, srv.opts.Path) {
		return r, notPlain
	}
	var version, contentType string
	var hasHost, hasKey, hasVersion, hasType bool
	var connection, encoded, pragma, cacheControl, hasLength bool
	length := 0
	for len(head) > 0 {
		line, head, _ = bytes.Cut(head, crlf)
		rawName, rawValue, found := bytes.Cut(line, []byte(":"))
		name, value := plainName(rawName), bytes.Trim(rawValue, " \t")
		if !found || name == "" || !plainValue(value) {
			return r, notPlain
		}
		once := true
		switch name {
		case "Host":
			once, hasHost, r.host = !hasHost, true, string(value)
			if !once {
				return r, notPlain
			}
			continue // net/http keeps it apart too
		case "Upgrade":
			once, r.upgrade = !r.upgrade, true
			if !strings.EqualFold(string(value), "websocket") {
				return r, notPlain
			}
		case "Connection":
			tokens := []string{string(value)}
			connection = connection || hasToken(tokens, "upgrade")
			if hasToken(tokens, "close") {
				return r, notPlain
			}
		case "Sec-Websocket-Key":
			once, hasKey, r.key = !hasKey, true, string(value)
		case "Sec-Websocket-Version":
			once, hasVersion, version = !hasVersion, true, string(value)
		case "Accept-Encoding":
			once, encoded = !encoded, true
			r.gzip = acceptsGzip([]string{string(value)})
		case "Content-Type":
			once, hasType, contentType = !hasType, true, string(value)
		case "Content-Length":
			n, err := strconv.ParseUint(string(value), 10, 31) // which knows no signs
			if hasLength || err != nil || len(value) > 1 && value[0] == '0' {
				return r, notPlain
			}
			length, hasLength = int(n), true
		case forwardedFor:
			if len(srv.opts.TrustedProxies) > 0 {
				r.through = append(r.through, string(value))
			}
		case "Pragma":
			pragma = true
		case "Cache-Control":
			cacheControl = true
		case "Transfer-Encoding", "Expect", "Trailer", "Content-Encoding", "Sec-Websocket-Protocol":
			return r, notPlain
		}
		if !once || slices.Contains(except, name) {
			return r, notPlain
		}
		if r.query.sid == "" {
			if r.fields == nil {
				r.fields = make([]byte, 0, headSize)
			}
			r.fields = append(append(r.fields, name...), '\n')
			r.fields = append(append(r.fields, value...), '\n')
		}
	}
	r.size = headSize + len("\r\n\r\n") + length
	switch {
	case !plainHost(r.host), pragma && !cacheControl: // net/http makes the second of the first
		return r, notPlain
	case r.upgrade:
		if r.method != http.MethodGet || r.query.transport != transportWebSocket || !connection || version != "13" || !wsframe.ValidKey(r.key) || hasLength {
			return r, notPlain
		}
	case r.query.transport != transportPolling, connection:
		return r, notPlain
	case r.method == http.MethodGet && hasLength:
		return r, notPlain
	case r.method == http.MethodPost:
		if !hasLength || length > min(maxPlainBody, srv.opts.MaxHTTPBufferSize) || contentType == "application/octet-stream" {
			return r, notPlain
		}
		if len(b) < r.size {
			return r, bodyToCome
		}
		r.body = b[r.size-length : r.size]
	}
	return r, plain
}

// parseRequestLine takes a request line apart; it reports false for what is not one of the protocol's.
func (r *plainRequest) parseRequestLine(line []byte, path string) bool {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, ok := bytes.CutSuffix(rest, []byte(" HTTP/1.1"))
	r.uri = string(target)
	requested, parameters, _ := strings.Cut(r.uri, "?")
	r.query = parseQuery(parameters)
	if !ok || requested != path || !plainURI(r.uri) || r.query.revision != "4" {
		return false
	}
	switch string(method) {
	case http.MethodGet:
		r.method = http.MethodGet
		return true
	case http.MethodPost:
		r.method = http.MethodPost
		return r.query.sid != ""
	}
	return false
}

var crlf = []byte("\r\n")

// plainURI reports whether a request's target is one that net/http leaves as it is.
func plainURI(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("#\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	return true
}

// plainHost reports whether s is a host with or without a port.
func plainHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte(".:-[]", c) < 0 {
			return false
		}
	}
	return s != ""
}

// plainName is a field's name in the canonical form, "" where it is not made of letters, digits and hyphens.
func plainName(b []byte) string {
	for _, c := range b {
		if !isAlphanumeric(c) && c != '-' {
			return ""
		}
	}
	return textproto.CanonicalMIMEHeaderKey(string(b))
}

// plainValue reports whether a field's value is made of visible ASCII, spaces and tabs.
func plainValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// appendPlainAnswer appends an answer with a body, with the fields that net/http would write. headers are lines of others.
func appendPlainAnswer(b []byte, status, contentType string, headers []byte, gzipped bool, body []byte) []byte {
	b = append(append(append(b, "HTTP/1.1 "...), status...), crlf...)
	b = append(b, headers...)
	if gzipped {
		b = appendHeader(b, "Content-Encoding", "gzip")
	}
	b = appendHeader(b, "Content-Type", contentType)
	b = append(b, "Date: "...)
	b = append(time.Now().UTC().AppendFormat(b, http.TimeFormat), "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}
