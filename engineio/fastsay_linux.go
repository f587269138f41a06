package engineio

// What is to be said about a plain request before it is served: by CORS, about the session's cookie, and by the
// program, which is asked on a goroutine of its own, as a loop has other connections to read. Requests that come
// through net/http meet the same functions in ServeHTTP.

import (
	"bytes"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// A say is what has been said about one request.
type say struct {
	refused *refusal // why it is refused; nil: it is not
	id      string   // of the session that it opens, if that has been made
	headers []byte   // the lines that its answer has besides its own
	noStore []byte   // the same, for answers that are not to be cached
}

// consider finds out what is to be said about a request, if anything is. It reports true while the program is being
// asked: the request is kept, and comes again with the answer.
func (c *fastConn) consider(r *plainRequest, b []byte) (later bool) {
	srv, opens := c.listener.srv, r.query.sid == ""
	asks := srv.opts.hasSay(opens)
	switch {
	case c.said != nil || c.spare || opens && srv.isClosing(): // which refuses it
		return false
	case !asks && !c.listener.varies:
		return false
	case !asks:
		c.said = srv.say(r, nil)
		return false
	}
	b = bytes.Clone(b)
	asked, request := *r, c.httpRequest(r, b, srv.clientOf(c.peer, r.ForwardedFor))
	if request == nil { // net/http would refuse it
		c.said = &say{refused: refuse(BadRequest)}
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.busy, c.asking, c.buf = true, true, true, b
	go func() {
		defer c.survive()
		said := srv.say(&asked, request)
		c.mu.Lock()
		c.said = said
		c.mu.Unlock()
		c.sock.Wake(c)
	}()
	return true
}

// survive is deferred while the program is being asked. Where that panics it ends the connection, and the log says so,
// as with net/http.
func (c *fastConn) survive() {
	if v := recover(); v != nil {
		c.listener.srv.limited.Error("the program panicked over a request", "panic", v, "remote", c.peer,
			"stack", string(debug.Stack()))
		c.sock.Close()
	}
}

// say is what is to be said about r. request is r for the program, nil where that is not asked. Of what r refers to
// say reads only strings: the loop's bytes change meanwhile.
func (srv *Server) say(r *plainRequest, request *http.Request) *say {
	s, opens, cors := new(say), r.query.sid == "", srv.opts.CORS
	h := make(http.Header)
	if cors != nil {
		allowed := cors.allows(r.Origin)
		cors.setHeader(h, r.Origin, allowed)
		if !allowed && r.Origin != "" && !isOwnOrigin(r.Origin, r.Host) {
			s.refused = refuseOrigin(r.Origin)
		}
	}
	if s.refused == nil && opens {
		s.refused = srv.askProgram(request)
	}
	if s.refused == nil && opens {
		s.id, s.refused = srv.newID(request)
	}
	if s.refused == nil {
		srv.decorate(h, request, s.id, r.Upgrade)
	}
	s.headers = plainhttp.AppendHeader(nil, h)
	s.noStore = withNoStore(s.headers)
	return s
}

func withNoStore(headers []byte) []byte {
	return plainhttp.AppendField(slices.Clone(headers), "Cache-Control", "no-store")
}

// headers are the lines that the answer has besides its own.
func (c *fastConn) headers() []byte {
	if c.said != nil {
		return c.said.headers
	}
	return c.listener.headers
}

// noStore are those of an answer that is not to be cached.
func (c *fastConn) noStore() []byte {
	if c.said != nil {
		return c.said.noStore
	}
	return c.listener.noStore
}
