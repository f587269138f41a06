package engineio

// Which requests are answered without net/http: the protocol's own, if nothing is wrong with them. The package
// plainhttp parses them.

import (
	"net/http"
	"net/netip"
	"time"
	"unsafe"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// maxPlainBody bounds the body of a POST that is read without net/http, in bytes.
const maxPlainBody = 64 << 10

// A plainRequest is a request of the protocol's, read without net/http.
type plainRequest struct {
	plainhttp.Request
	query  query
	faulty bool // its parameters are not the protocol's
}

// plainParser returns the parser of the server's requests. One that has a header field named in except is not plain.
func (srv *Server) plainParser(except []string) *plainhttp.Parser {
	p := &plainhttp.Parser{
		Path:         srv.opts.Path,
		MaxBody:      min(maxPlainBody, srv.opts.MaxHTTPBufferSize),
		ForwardedFor: len(srv.opts.TrustedProxies) > 0,
		Origin:       srv.opts.CORS != nil && !srv.opts.CORS.same(),
		Preflight:    srv.opts.CORS != nil,
		Extensions:   srv.deflater != nil,
	}
	for _, name := range except {
		p.Except = append(p.Except, http.CanonicalHeaderKey(name))
	}
	return p
}

// parsePlain parses the request that b begins with. One whose parameters are not the protocol's, of any revision or of
// the current one, is not plain either.
func parsePlain(p *plainhttp.Parser, b []byte, anyRevision bool) (r plainRequest, verdict plainhttp.Verdict) {
	r.Request, verdict = p.Parse(b)
	if verdict == plainhttp.Plain || verdict == plainhttp.BodyToCome {
		if r.query = parseQuery(r.Query); !r.ofProtocol(anyRevision) {
			r.faulty, verdict = true, plainhttp.NotPlain
		}
	}
	return r, verdict
}

// tlsHandshake is the first byte of a connection with TLS (RFC 8446, section 5.1).
const tlsHandshake = 0x16

// whyNotPlain is why r, which b begins with, is net/http's.
func (r *plainRequest) whyNotPlain(b []byte) handedOn {
	switch {
	case r.faulty:
		return handedFault
	case b[0] == tlsHandshake:
		return handedTLS
	case r.Reason == plainhttp.Path:
		return handedPath
	case r.Reason == plainhttp.Method:
		return handedMethod
	case r.Reason == plainhttp.Excepted:
		return handedExcepted
	}
	return handedForm
}

// opens reports whether the request opens a session.
func (r *plainRequest) opens() bool { return r.query.sid == "" && !r.preflight() }

// preflight reports whether the request is one of CORS, ahead of another.
func (r *plainRequest) preflight() bool { return r.Method == http.MethodOptions }

// ofProtocol reports whether the parameters suit the kind of request.
func (r *plainRequest) ofProtocol(anyRevision bool) bool {
	switch {
	case r.preflight(): // whatever they are
		return true
	case r.query.protocol() == revision3 && (!anyRevision || r.query.jsonp):
		return false
	case r.Upgrade:
		return r.query.transport == transportWebSocket
	case r.Method == http.MethodPost && r.query.sid == "":
		return false
	default:
		return r.query.transport == transportPolling
	}
}

// openingSize is the length of an opening's lines, in bytes, but for the peer's address.
func (r *plainRequest) openingSize() int { return len(r.URI) + len(r.Host) + 2 + r.FieldsSize }

// plainOpening is what a session that r opens keeps of it.
func plainOpening(r *plainRequest, client netip.AddrPort, from *origin) opening {
	var address [len("[]:65535\n") + 40]byte
	peer := append(client.AppendTo(address[:0]), '\n')
	lines := append(make([]byte, 0, len(peer)+r.openingSize()), peer...)
	lines = append(append(lines, r.URI...), '\n')
	lines = append(append(lines, r.Host...), '\n')
	lines = r.AppendFields(lines)
	text := unsafe.String(unsafe.SliceData(lines), len(lines)) // nobody has lines any more; a copy may be 16 KB
	return opening{lines: text, at: time.Now().UnixNano(), origin: from}
}
