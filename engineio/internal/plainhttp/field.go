package plainhttp

// Field lines: which names mean something here, and what may stand in them.

import (
	"bytes"
	"strconv"
	"strings"
)

// A field is a set of the fields that the parser takes notice of.
type field uint16

const (
	host field = 1 << iota
	upgrade
	connection
	key
	version
	acceptEncoding
	contentType
	contentLength
	forwardedFor
	pragma
	cacheControl
	origin
	extensions
	requestHeaders
	unwanted // any that makes a request not plain

	// once are those of which a request has one at most.
	once = host | upgrade | key | version | acceptEncoding | contentType | contentLength | origin |
		requestHeaders
)

// fieldNamed is the field of a name in canonical form, 0 for one that changes nothing.
func fieldNamed(name []byte) field {
	switch string(name) {
	case "Host":
		return host
	case "Upgrade":
		return upgrade
	case "Connection":
		return connection
	case "Sec-Websocket-Key":
		return key
	case "Sec-Websocket-Version":
		return version
	case "Accept-Encoding":
		return acceptEncoding
	case "Content-Type":
		return contentType
	case "Content-Length":
		return contentLength
	case "X-Forwarded-For":
		return forwardedFor
	case "Pragma":
		return pragma
	case "Cache-Control":
		return cacheControl
	case "Origin":
		return origin
	case "Sec-Websocket-Extensions":
		return extensions
	case "Access-Control-Request-Headers":
		return requestHeaders
	case "Transfer-Encoding", "Expect", "Trailer", "Content-Encoding", "Sec-Websocket-Protocol":
		return unwanted
	}
	return 0
}

// appendCanonical appends a valid name in net/http's canonical form: capitals at the beginning and behind hyphens.
func appendCanonical(b, name []byte) []byte {
	capital := true
	for _, c := range name {
		switch {
		case capital && c >= 'a' && c <= 'z', !capital && c >= 'A' && c <= 'Z':
			c ^= 'a' ^ 'A'
		}
		b = append(b, c)
		capital = c == '-'
	}
	return b
}

func trim(value []byte) []byte { return bytes.Trim(value, " \t") }

// validName reports whether a field may have that name (RFC 9110, section 5.6.2).
func validName[T string | []byte](name T) bool {
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return len(name) > 0
}

// validValue reports whether a field's value has no control characters but tabs. It may have bytes beyond ASCII, as
// cookies do.
func validValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isASCII reports whether a value has no bytes beyond ASCII. Where one means something to the parser it may not: some
// letters beyond ASCII are others' capitals.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// validTarget reports whether a request's target is one that net/http leaves as it is.
func validTarget(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("#\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	return true
}

// validHost reports whether s is a host with or without a port. Names of services, such as those of Docker and of
// nginx's upstreams, have underscores.
func validHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte(".:-[]_", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// HasToken reports whether a token stands in the values of a field, such as Connection. Case does not matter.
func HasToken(values []string, token string) bool {
	for _, v := range values {
		if hasToken(v, token) {
			return true
		}
	}
	return false
}

func hasToken(value, token string) bool {
	for t := range strings.SplitSeq(value, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}

// AcceptsGzip reports whether a client that sends these values of Accept-Encoding takes gzip (RFC 9110, section
// 12.5.3).
func AcceptsGzip(values []string) bool {
	others := false // what is not named
	for _, v := range values {
		for coding := range strings.SplitSeq(v, ",") {
			name, params, _ := strings.Cut(coding, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip":
				return accepted(params)
			case "*":
				others = accepted(params)
			}
		}
	}
	return others
}

// accepted reports whether the parameters of a coding leave it a weight above 0.
func accepted(params string) bool {
	q, weighted := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(params, " ", "")), "q=")
	if !weighted {
		return true
	}
	weight, err := strconv.ParseFloat(q, 64)
	return err == nil && weight > 0
}
