package engineio

// WebSocket handshakes read without net/http, which costs a new connection a goroutine, two buffers and a parsed request
// that are all thrown away as soon as it is taken over.
//
// Only the plain case is read here: a request that came whole and leaves no question open. Everything else is for
// net/http, so that there is one place that answers faults.

import (
	"bytes"
	"encoding/base64"
	"net/textproto"
	"strings"
	"time"
)

// maxPlainHead is the longest request, in bytes, that is read here.
const maxPlainHead = 8 << 10

// A plainHandshake is a request for a new WebSocket session.
type plainHandshake struct {
	opening opening
	key     string // Sec-WebSocket-Key
	early   []byte // what the client has sent behind it
}

// plainHandshakes reports whether requests may be read here: not where somebody else has to see them, or where they
// decide more of the answer than that.
func (srv *Server) plainHandshakes() bool {
	o := &srv.opts
	return o.AllowRequest == nil && o.PerMessageDeflate == nil && o.allows(transportWebSocket) &&
		(o.CORS == nil || o.CORS.anyOrigin())
}

// parsePlain takes a request apart that asks for a new WebSocket session as browsers and clients do (RFC 6455, section
// 4.1). It reports false for every other one, and for one with anything wrong or out of the ordinary.
func (srv *Server) parsePlain(b []byte, remoteAddr string) (h plainHandshake, ok bool) {
	head, early, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok || len(head) > maxPlainHead {
		return h, false
	}
	request, head, _ := bytes.Cut(head, crlf)
	request, ok = bytes.CutPrefix(request, []byte("GET "))
	if !ok {
		return h, false
	}
	request, ok = bytes.CutSuffix(request, []byte(" HTTP/1.1"))
	uri := string(request)
	path, parameters, _ := strings.Cut(uri, "?")
	if !ok || !plainURI(uri) || path != srv.opts.Path ||
		parseQuery(parameters) != (query{transport: transportWebSocket, revision: "4"}) {
		return h, false
	}

	fields := make([]byte, 0, len(head))
	var host, version string
	var upgrade, connection, pragma, cacheControl bool
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, crlf)
		rawName, rawValue, found := bytes.Cut(line, []byte(":"))
		name, value := plainName(rawName), string(bytes.Trim(rawValue, " \t"))
		if !found || name == "" || !plainValue(value) {
			return h, false
		}
		once := true
		switch name {
		case "Host":
			once, host = host == "", value
			if !once || value == "" {
				return h, false
			}
			continue // net/http keeps it apart too
		case "Upgrade":
			upgrade = strings.EqualFold(value, "websocket")
		case "Connection":
			connection = connection || hasToken([]string{value}, "upgrade")
		case "Sec-Websocket-Key":
			once, h.key = h.key == "", value
		case "Sec-Websocket-Version":
			once, version = version == "", value
		case "Pragma":
			pragma = true
		case "Cache-Control":
			cacheControl = true
		case "Content-Length", "Transfer-Encoding", "Expect", "Trailer", "Sec-Websocket-Protocol":
			return h, false
		}
		if !once {
			return h, false
		}
		fields = append(append(fields, name...), '\n')
		fields = append(append(fields, value...), '\n')
	}
	key, err := base64.StdEncoding.DecodeString(h.key)
	switch {
	case !plainHost(host), !upgrade, !connection, version != "13", err != nil, len(key) != 16:
		return h, false
	case pragma && !cacheControl: // net/http makes the second of the first
		return h, false
	}
	h.opening = opening{lines: uri + "\n" + host + "\n" + string(fields), remoteAddr: remoteAddr, at: time.Now()}
	h.early = early
	return h, true
}

var crlf = []byte("\r\n")

// plainURI reports whether a request's target is one that net/http leaves as it is.
func plainURI(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("#\"<>\\^`{|}", r) })
}

// plainHost reports whether s is a host with or without a port.
func plainHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(".:-[]", r)
	})
}

// plainName is a field's name in the canonical form, "" where it is not made of letters, digits and hyphens.
func plainName(b []byte) string {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
			return ""
		}
	}
	return textproto.CanonicalMIMEHeaderKey(string(b))
}

// plainValue reports whether a field's value is made of visible ASCII, spaces and tabs.
func plainValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// openPlain opens a session on c, whose handshake has been read. headers are lines that the answer has besides its own.
func (srv *Server) openPlain(c *wsConn, f *flusher, h plainHandshake, headers []byte) {
	s := &Session{srv: srv, flusher: f, id: srv.opts.NewID(), opened: h.opening, ws: c}
	c.session = s
	c.frames = frameReader{sink: c, limit: srv.opts.MaxHTTPBufferSize}
	answer := appendAccept(make([]byte, 0, 192+len(headers)), h.key)
	s.enqueue(newControl(append(append(answer, headers...), crlf...)))
	srv.open(s)
}
