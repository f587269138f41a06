package engineio

// What is to be said about a plain request before it is served: by CORS, about the session's cookie, and by the
// program, which is asked on a goroutine of its own, as a loop has other connections to read. Requests that come
// through net/http meet the same functions in ServeHTTP.

import (
	"bytes"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// A say is what has been said about one request.
type say struct {
	refused *refusal // why it is refused; nil: it is not
	id      string   // of the session that it opens, if that has been made
	headers []byte   // the lines that its answer has besides its own
	noStore []byte   // the same, for answers that are not to be cached

	// Of a request that opens a session and that the program is asked about, which comes after the limits.
	guest admission.Guest
	holds bool // the guest has its place, and no session has it yet
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
		c.said = new(say)
		srv.say(c.said, r, nil)
		return false
	}
	b = bytes.Clone(b)
	client := srv.clientOf(c.peer, r.ForwardedFor)
	asked, request := *r, c.httpRequest(r, b, client)
	if request == nil { // net/http would refuse it
		c.said = &say{refused: refuse(BadRequest)}
		return false
	}
	var guest admission.Guest
	if opens {
		var refused *refusal
		if guest, refused = srv.admit(client.Addr(), r.Size); refused != nil {
			c.said = &say{refused: refused}
			return false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.busy, c.asking, c.buf = true, true, true, b
	go func() {
		said := &say{guest: guest, holds: opens}
		answered := c.ask(said, &asked, request)
		if !answered || said.refused != nil {
			said.leave(srv)
		}
		if answered && !c.hear(said) {
			said.leave(srv)
		}
	}()
	return true
}

// ask has the program say what it has to. Where that panics it ends the connection, and the log says so, as with
// net/http; it reports false then.
func (c *fastConn) ask(s *say, r *plainRequest, request *http.Request) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			c.listener.srv.limited.Error("the program panicked over a request", "panic", v, "remote", c.peer,
				"stack", string(debug.Stack()))
			c.sock.Close()
		}
	}()
	c.listener.srv.say(s, r, request)
	return true
}

// hear goes on with what has been said; it reports false where the connection has ended meanwhile.
func (c *fastConn) hear(said *say) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return false
	}
	c.said = said
	c.sock.Wake(c)
	return true
}

// leave gives up the guest's place, where it has one and no session does.
func (s *say) leave(srv *Server) {
	if s != nil && s.holds {
		s.holds = false
		srv.door.Leave(s.guest)
	}
}

// say finds out what is to be said about r. request is r for the program, nil where that is not asked. Of what r refers
// to say reads only strings: the loop's bytes change meanwhile.
func (srv *Server) say(s *say, r *plainRequest, request *http.Request) {
	opens, cors := r.query.sid == "", srv.opts.CORS
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
