package plainhttp

// The parser: a request line, field after field, and a look at the whole.

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// maxHead is the longest head of a plain request, in bytes.
const maxHead = 8 << 10

var (
	crlf      = []byte("\r\n")
	endOfHead = []byte("\r\n\r\n")
	colon     = []byte(":")
)

// A Verdict says what the bytes are that a Parser has looked at.
type Verdict uint8

const (
	NotPlain   Verdict = iota // for net/http
	Incomplete                // the beginning of what may be a plain request
	BodyToCome                // a plain request without the end of its body
	Plain
)

// A Reason says why a request is not plain.
type Reason uint8

const (
	Form     Reason = iota // net/http may know what it says
	Path                   // it is for another path
	Method                 // it has another method
	Excepted               // it has a field of Parser.Except
)

// A Parser takes plain requests apart. It is set once and may then be used by many goroutines at once.
type Parser struct {
	Path         string   // of the requests that are plain, compared as it is sent
	Except       []string // canonical names of fields that make a request not plain; not Host
	MaxBody      int      // of a plain POST, in bytes
	ForwardedFor bool     // keep X-Forwarded-For: a proxy may be trusted with it
	Origin       bool     // keep Origin
	Preflight    bool     // OPTIONS is plain, with what it says of the request to come
	Extensions   bool     // keep Sec-WebSocket-Extensions
}

// Parse takes the request apart that b begins with (RFC 9112, and for WebSocket RFC 6455, section 4.1). The Request is
// whole if the Verdict is Plain; all but its Body is if that is BodyToCome. If it is NotPlain the Request has the
// Reason and nothing else.
func (p *Parser) Parse(b []byte) (Request, Verdict) {
	headSize := bytes.Index(b[:min(len(b), maxHead)], endOfHead)
	if headSize < 0 {
		return Request{}, p.unfinished(b)
	}
	line, lines, _ := bytes.Cut(b[:headSize], crlf)
	h := head{Request: Request{Size: headSize + len(endOfHead), lines: lines}}
	if !h.readRequestLine(p, line) || !h.readFields(p) || !h.check(p.MaxBody) {
		return Request{Reason: h.Reason}, NotPlain
	}
	h.Size += h.length
	if len(b) < h.Size {
		return h.Request, BodyToCome
	}
	h.Body = b[h.Size-h.length : h.Size]
	return h.Request, Plain
}

// unfinished is the verdict on b, which has no end of a head in it.
func (p *Parser) unfinished(b []byte) Verdict {
	if len(b) < maxHead && (bytes.HasPrefix(b, []byte("GET /")) || bytes.HasPrefix(b, []byte("POST /")) ||
		p.Preflight && bytes.HasPrefix(b, []byte("OPTIONS /"))) {
		return Incomplete
	}
	return NotPlain
}

// A head is a Request while it is read, with what only check wants to know.
type head struct {
	Request
	seen      field // which have been read
	upgrades  bool  // Connection names upgrade
	version13 bool  // Sec-WebSocket-Version is 13
	binary    bool  // Content-Type is application/octet-stream
	length    int   // Content-Length
}

// readRequestLine reads the request line. It reports false if the request is not plain, as the other methods do.
func (h *head) readRequestLine(p *Parser, line []byte) bool {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, ok := bytes.CutSuffix(rest, []byte(" HTTP/1.1"))
	requested, query, _ := bytes.Cut(target, []byte("?"))
	if string(requested) != p.Path {
		h.Reason = Path
		return false
	}
	if !ok || !validTarget(target) {
		return false
	}
	h.URI = string(target)
	h.Query = h.URI[len(target)-len(query):]
	switch {
	case string(method) == http.MethodGet:
		h.Method = http.MethodGet
	case string(method) == http.MethodPost:
		h.Method = http.MethodPost
	case string(method) == http.MethodOptions && p.Preflight:
		h.Method = http.MethodOptions
	default:
		h.Reason = Method
		return false
	}
	return true
}

// readFields reads the fields, each by itself.
func (h *head) readFields(p *Parser) bool {
	var name [64]byte
	for rest := h.lines; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		rawName, value, found := bytes.Cut(line, colon)
		value = trim(value)
		if !found || !validName(rawName) || !validValue(value) {
			return false
		}
		if !h.readField(p, appendCanonical(name[:0], rawName), value) {
			return false
		}
	}
	return true
}

// readField reads one field.
func (h *head) readField(p *Parser, name, value []byte) bool {
	f := fieldNamed(name)
	if f != host {
		h.FieldsSize += len(name) + len(value) + len("\n\n")
	}
	switch {
	case f != host && p.excepts(name):
		h.Reason = Excepted
		return false
	case f&unwanted != 0, h.seen&f&once != 0, f != 0 && !isASCII(value):
		return false
	}
	h.seen |= f
	switch f {
	case host:
		h.Host = string(value)
	case upgrade:
		h.Upgrade = true
		return bytes.EqualFold(value, []byte("websocket"))
	case connection:
		h.upgrades = h.upgrades || hasToken(string(value), "upgrade")
		h.Close = h.Close || hasToken(string(value), "close")
	case key:
		h.Key = string(value)
	case version:
		h.version13 = string(value) == "13"
	case acceptEncoding:
		h.Gzip = AcceptsGzip([]string{string(value)})
	case contentType:
		h.binary = string(value) == "application/octet-stream"
	case contentLength:
		return h.readLength(value)
	case forwardedFor:
		if p.ForwardedFor {
			h.ForwardedFor = append(h.ForwardedFor, string(value))
		}
	case origin:
		if p.Origin {
			h.Origin = string(value)
			return len(value) > 0
		}
	case requestHeaders:
		h.AsksHeaders = string(value)
	case extensions:
		if p.Extensions {
			h.Extensions = append(h.Extensions, string(value))
		}
	}
	return true
}

func (p *Parser) excepts(name []byte) bool {
	return slices.ContainsFunc(p.Except, func(e string) bool { return e == string(name) })
}

// readLength reads a Content-Length, which is made of digits, without a 0 before others.
func (h *head) readLength(value []byte) bool {
	n, err := strconv.ParseUint(string(value), 10, 31) // which knows no signs
	h.length = int(n)
	return err == nil && (value[0] != '0' || len(value) == 1)
}

func (h *head) has(f field) bool { return h.seen&f != 0 }

// check looks at what the fields, each right by itself, make together.
func (h *head) check(maxBody int) bool {
	switch {
	case !validHost(h.Host), h.has(pragma) && !h.has(cacheControl): // net/http makes a Cache-Control of a Pragma
		return false
	case h.Upgrade:
		return h.Method == http.MethodGet && !h.has(contentLength) && !h.Close &&
			h.upgrades && h.version13 && wsframe.ValidKey(h.Key)
	case h.Method == http.MethodPost:
		return h.has(contentLength) && h.length <= maxBody && !h.binary
	default:
		return !h.has(contentLength)
	}
}
