package engineio

// What is to be said about a plain request before it is served: by CORS, about the session's cookie, and by the
// program, which is asked on a goroutine of its own, as a loop has other connections to read. Requests that come
// through net/http meet the same functions in ServeHTTP.

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
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
	srv, opens := c.listener.srv, r.opens()
	if c.said != nil || c.spare || !srv.mayServe(r) {
		return false
	}
	asks := srv.asks(r)
	if !asks && !c.listener.varies && !r.preflight() {
		return false
	}
	if !asks {
		if c.said = c.listener.usual(r); c.said != nil {
			return false
		}
	}
	client := srv.clientOf(c.peer, r.ForwardedFor)
	if !asks || srv.opts.CORS.refuses(r.Origin, r.Host) { // which comes first
		c.said = new(say)
		srv.say(c.said, r, client.Addr(), nil)
		return false
	}
	b = bytes.Clone(b)
	asked, request := *r, c.httpRequest(r, b, client)
	if request == nil { // net/http would refuse it
		c.said = &say{refused: refuse(BadRequest)}
		return false
	}
	said := new(say)
	if opens && !srv.opts.CORS.mustAsk(r.Origin) {
		said.guest, said.refused = srv.admit(client.Addr(), r.openingSize())
		if said.holds = said.refused == nil; !said.holds {
			c.said = said
			srv.say(said, r, client.Addr(), nil)
			return false
		}
	}
	ctx, forget := context.WithCancel(request.Context()) // net/http's ends with the connection too
	request = request.WithContext(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.busy, c.asking, c.buf, c.forget = true, true, true, b, forget
	go func() {
		defer forget()
		answered := c.ask(said, &asked, client.Addr(), request)
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
func (c *fastConn) ask(s *say, r *plainRequest, from netip.Addr, request *http.Request) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			c.listener.srv.limited.Error("the program panicked over a request", "panic", v, "remote", c.peer,
				"stack", string(debug.Stack()))
			c.sock.Close()
		}
	}()
	c.listener.srv.say(s, r, from, request)
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

// say finds out what is to be said about r, unless that is refused already. Where r opens a session that is also
// whether its client is let in, unless it has been. request is r for the program, nil where that is not asked. Of what
// r refers to say reads only strings: the loop's bytes change meanwhile.
func (srv *Server) say(s *say, r *plainRequest, from netip.Addr, request *http.Request) {
	opens, cors := r.opens(), srv.opts.CORS
	h := make(http.Header)
	if cors != nil {
		allowed := cors.allows(r.Origin)
		cors.setHeader(h, r.Origin, allowed)
		switch {
		case r.preflight():
			cors.setPreflight(h, r.AsksHeaders)
		case !allowed && r.Origin != "" && !isOwnOrigin(r.Origin, r.Host):
			s.refused = refuseOrigin(r.Origin)
		}
	}
	if s.refused == nil && opens && !s.holds {
		s.guest, s.refused = srv.admit(from, r.openingSize())
		s.holds = s.refused == nil
	}
	if s.refused == nil && opens {
		s.refused = srv.askProgram(request)
	}
	if s.refused == nil && opens {
		s.id, s.refused = srv.newID(request)
	}
	if s.refused == nil && !r.preflight() {
		srv.decorate(h, request, s.id, r.Upgrade)
	}
	s.headers = plainhttp.AppendHeader(nil, h)
	s.noStore = withNoStore(s.headers)
}

// mayServe reports whether r is not refused whatever there is to be said about it. net/http finds the same.
func (srv *Server) mayServe(r *plainRequest) bool {
	switch {
	case r.preflight():
		return true
	case !srv.opts.allows(r.query.transport):
		return false
	case r.opens():
		return !srv.isClosing()
	}
	s := srv.session(r.query.sid)
	return s != nil && s.revision == r.query.protocol()
}

// asks reports whether the program is to be asked about r.
func (srv *Server) asks(r *plainRequest) bool {
	return !r.preflight() && srv.opts.hasSay(r.opens()) || srv.opts.CORS.mustAsk(r.Origin)
}

// usualSays are what there is to say about requests from each of the origins that CORS names, and from none: it is
// always the same, but for the cookie's sake. Whoever has one of these does not change it.
func (srv *Server) usualSays() map[string]*say {
	if srv.opts.CORS == nil {
		return nil
	}
	says := make(map[string]*say)
	for _, origin := range append([]string{""}, srv.opts.CORS.Origins...) {
		r := &plainRequest{Request: plainhttp.Request{Origin: origin}, query: query{sid: "any"}}
		if !srv.asks(r) {
			says[origin] = new(say)
			srv.say(says[origin], r, netip.Addr{}, nil)
		}
	}
	return says
}

// usual is what there is to say about r, which the program is not asked about, or nil where that is to be found out.
func (f *fastListener) usual(r *plainRequest) *say {
	if r.preflight() || r.opens() && f.srv.opts.Cookie != nil {
		return nil
	}
	return f.says[r.Origin]
}

func withNoStore(headers []byte) []byte {
	return plainhttp.AppendField(slices.Clone(headers), "Cache-Control", "no-store")
}

// headers are the lines that the answer has besides its own.
func (c *fastConn) headers() []byte {
	if c.said != nil {
		return c.closing(c.said.headers)
	}
	return c.closing(c.listener.headers)
}

// noStore are those of an answer that is not to be cached.
func (c *fastConn) noStore() []byte {
	if c.said != nil {
		return c.closing(c.said.noStore)
	}
	return c.closing(c.listener.noStore)
}

// closing adds to an answer's lines that the connection ends with it, where its client wants that.
func (c *fastConn) closing(headers []byte) []byte {
	if !c.closes {
		return headers
	}
	return plainhttp.AppendField(slices.Clip(headers), "Connection", "close")
}
