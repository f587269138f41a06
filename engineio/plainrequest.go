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

// plainRequests reports whether requests may be answered without net/http. They may not where the program has to see
// them, or where the answer depends on more of a request than a plainRequest has.
func (srv *Server) plainRequests() bool {
	o := &srv.opts
	return o.AllowRequest == nil && o.PerMessageDeflate == nil && o.Cookie == nil &&
		o.allows(transportPolling) && o.allows(transportWebSocket) && (o.CORS == nil || o.CORS.same())
}

// plainParser returns the parser of the server's requests. One that has a header field named in except is not plain.
func (srv *Server) plainParser(except []string) *plainhttp.Parser {
	p := &plainhttp.Parser{
		Path:         srv.opts.Path,
		MaxBody:      min(maxPlainBody, srv.opts.MaxHTTPBufferSize),
		ForwardedFor: len(srv.opts.TrustedProxies) > 0,
	}
	for _, name := range except {
		p.Except = append(p.Except, http.CanonicalHeaderKey(name))
	}
	return p
}

// parsePlain parses the request that b begins with. One whose parameters are not the protocol's is not plain either.
func parsePlain(p *plainhttp.Parser, b []byte) (r plainRequest, verdict plainhttp.Verdict) {
	r.Request, verdict = p.Parse(b)
	if verdict == plainhttp.Plain || verdict == plainhttp.BodyToCome {
		if r.query = parseQuery(r.Query); !r.ofProtocol() {
			verdict = plainhttp.NotPlain
		}
	}
	return r, verdict
}

// ofProtocol reports whether the parameters suit the kind of request.
func (r *plainRequest) ofProtocol() bool {
	switch {
	case r.query.revision != "4":
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
func plainOpening(r *plainRequest, client netip.AddrPort) opening {
	lines := make([]byte, 0, len("[]:65535\n")+40+r.Size)
	lines = append(client.AppendTo(lines), '\n')
	lines = append(append(lines, r.URI...), '\n')
	lines = append(append(lines, r.Host...), '\n')
	return opening{lines: string(r.AppendFields(lines)), at: time.Now().UnixNano()}
}
