package engineio

// Which requests are answered without net/http: those that clients of the protocol send, if there is nothing wrong with
// them. See the package plainhttp.

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// maxPlainBody is the longest body of a POST, in bytes, that is read without net/http.
const maxPlainBody = 64 << 10

// A plainRequest is one of the protocol's requests.
type plainRequest struct {
	plainhttp.Request
	query query
}

// plainRequests reports whether the server's requests may be answered without net/http: not if somebody else has to see
// them, or if they decide more of the answer than is known here.
func (srv *Server) plainRequests() bool {
	o := &srv.opts
	return o.AllowRequest == nil && o.PerMessageDeflate == nil && o.Cookie == nil &&
		o.allows(transportPolling) && o.allows(transportWebSocket) && (o.CORS == nil || o.CORS.same())
}

// plainParser reads the server's requests. One that has a field named in except is not plain.
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

// parsePlain reads the request that b begins with. One that is not the protocol's is not plain either.
func parsePlain(p *plainhttp.Parser, b []byte) (r plainRequest, verdict plainhttp.Verdict) {
	r.Request, verdict = p.Parse(b)
	if verdict == plainhttp.Plain || verdict == plainhttp.BodyToCome {
		if r.query = parseQuery(r.Query); !r.ofProtocol() {
			verdict = plainhttp.NotPlain
		}
	}
	return r, verdict
}

// ofProtocol reports whether the parameters are right for the kind of request.
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
func (srv *Server) plainOpening(r *plainRequest, peer netip.AddrPort) opening {
	lines := make([]byte, 0, r.Size) // the head was longer
	lines = append(append(lines, r.URI...), '\n')
	lines = append(append(lines, r.Host...), '\n')
	return opening{
		lines:      string(r.AppendFields(lines)),
		remoteAddr: srv.clientOf(peer, r.ForwardedFor).String(),
		at:         time.Now(),
	}
}
