package engineio

// What a session remembers of the request that opened it.

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Handshake is the request that opened a session.
type Handshake struct {
	Method     string // GET, but for what Server.ServeStream is given
	Proto      string // "HTTP/1.1"
	Header     http.Header
	URL        *url.URL             // as requested: path and query
	Host       string               // the Host header
	RemoteAddr string               // "IP:port" of the peer, or of the client behind TrustedProxies
	TLS        *tls.ConnectionState // nil where the connection is not TLS; must not be changed
	Secure     bool                 // the connection is TLS
	Time       time.Time            // when the session began
}

// Request is the request as net/http has it, with ctx and without its body. All but TLS is the handshake's.
func (h *Handshake) Request(ctx context.Context) *http.Request {
	r := (&http.Request{
		Method: h.Method, URL: h.URL, Header: h.Header, Body: http.NoBody, Host: h.Host,
		RemoteAddr: h.RemoteAddr, TLS: h.TLS, Proto: h.Proto,
	}).WithContext(ctx)
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(h.Proto)
	if h.URL != nil {
		r.RequestURI = h.URL.RequestURI()
	}
	return r
}

// An opening is a packed Handshake. Every session keeps one for life, and a parsed header takes three times the space.
type opening struct {
	// lines are, one to a line: the peer's address, the URL, the host, then the name and the value of each header.
	lines string
	at    int64 // ns, Unix time
	*origin
}

// An origin is the part of an opening that is no text. All sessions that a fast listener opens have the same one.
type origin struct {
	method, proto string
	values        context.Context // of the request: for its values, as it may have ended
	tls           *tls.ConnectionState
}

// remoteAddr is Handshake.RemoteAddr.
func (o *opening) remoteAddr() string {
	address, _, _ := strings.Cut(o.lines, "\n")
	return address
}

// openingSize is the length of an opening's lines, in bytes, but for the peer's address.
func openingSize(r *http.Request) int {
	size := len(r.URL.RequestURI()) + len(r.Host) + 2
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 2
		}
	}
	return size
}

func newOpening(r *http.Request) opening {
	uri := r.URL.RequestURI()
	var b strings.Builder
	b.Grow(len(r.RemoteAddr) + 1 + openingSize(r))
	line := func(s string) { b.WriteString(s); b.WriteByte('\n') } // net/http lets no line end through
	line(r.RemoteAddr)
	line(uri)
	line(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			line(name)
			line(v)
		}
	}
	return opening{
		lines: b.String(), at: time.Now().UnixNano(),
		origin: &origin{method: r.Method, proto: r.Proto, values: r.Context(), tls: r.TLS},
	}
}

func (o *opening) handshake() *Handshake {
	h := &Handshake{
		Method: o.method, Proto: o.proto, Header: make(http.Header), TLS: o.tls,
		Secure: o.tls != nil, Time: time.Unix(0, o.at),
	}
	var uri, rest string
	h.RemoteAddr, rest, _ = strings.Cut(o.lines, "\n")
	uri, rest, _ = strings.Cut(rest, "\n")
	h.Host, rest, _ = strings.Cut(rest, "\n")
	for rest != "" {
		var name, value string
		name, rest, _ = strings.Cut(rest, "\n")
		value, rest, _ = strings.Cut(rest, "\n")
		h.Header[name] = append(h.Header[name], value)
	}
	if u, err := url.ParseRequestURI(uri); err == nil { // it was one when it came
		h.URL = u
	} else {
		h.URL = &url.URL{Path: uri}
	}
	return h
}
