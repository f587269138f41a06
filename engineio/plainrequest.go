package engineio

// Which requests are answered without net/http: the protocol's own, if nothing is wrong with them. The package
// plainhttp parses them.

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// maxPlainBody bounds the body of a POST that is read without net/http, in bytes.
const maxPlainBody = 64 << 10

// A plainRequest is a request of the protocol's, read without net/http.
type plainRequest struct {
	plainhttp.Request
	query query
}

// plainParser returns the parser of the server's requests. One that has a header field named in except is not plain.
func (srv *Server) plainParser(except []string) *plainhttp.Parser {
	p := &plainhttp.Parser{
		Path:         srv.opts.Path,
		MaxBody:      min(maxPlainBody, srv.opts.MaxHTTPBufferSize),
		ForwardedFor: len(srv.opts.TrustedProxies) > 0,
		Origin:       srv.opts.CORS != nil && !srv.opts.CORS.same(),
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
			verdict = plainhttp.NotPlain
		}
	}
	return r, verdict
}

// ofProtocol reports whether the parameters suit the kind of request.
func (r *plainRequest) ofProtocol(anyRevision bool) bool {
	switch {
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

// plainOpening is what a session that r opens keeps of it.
func plainOpening(r *plainRequest, client netip.AddrPort, from *origin) opening {
	lines := make([]byte, 0, len("[]:65535\n")+40+r.Size)
	lines = append(client.AppendTo(lines), '\n')
	lines = append(append(lines, r.URI...), '\n')
	lines = append(append(lines, r.Host...), '\n')
	return opening{lines: string(r.AppendFields(lines)), at: time.Now().UnixNano(), origin: from}
}
