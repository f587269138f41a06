package engineio

// What the answers of a server carry besides what the protocol asks for: the fields of CORS, the session's cookie, and
// what the program adds. It is the same whichever way a request came.

import (
	"errors"
	"net/http"
)

// varies reports whether what answers carry differs from request to request.
func (srv *Server) varies() bool {
	o := &srv.opts
	return o.CORS != nil && !o.CORS.same() || o.Cookie != nil || o.OnInitialHeaders != nil || o.OnHeaders != nil
}

// decorate adds to the header of the answer to r, which opens a session of that id, or is for one where id is "". r is
// not looked at unless the program has its say.
func (srv *Server) decorate(h http.Header, r *http.Request, id string, upgrade bool) {
	o := &srv.opts
	if o.Cookie != nil && id != "" && !upgrade {
		h.Add("Set-Cookie", srv.cookie(id))
	}
	initial := o.OnInitialHeaders != nil && id != ""
	if initial {
		o.OnInitialHeaders(h, r)
	}
	if o.OnHeaders != nil {
		o.OnHeaders(h, r)
	}
	if initial || o.OnHeaders != nil {
		for _, name := range transportFields {
			h.Del(name)
		}
	}
}

// decorateUpgrade is decorate for the answer that accepts a WebSocket handshake, which alone has the fields of CORS.
// allowed is what that says of r's origin.
func (srv *Server) decorateUpgrade(h http.Header, r *http.Request, id string, allowed bool) {
	if cors := srv.opts.CORS; cors != nil {
		cors.setHeader(h, r.Header.Get("Origin"), allowed)
	}
	srv.decorate(h, r, id, true)
}

// transportFields are the fields of answers that are the transports' alone.
var transportFields = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Sec-Websocket-Accept",
	"Sec-Websocket-Extensions", "Sec-Websocket-Protocol", "Transfer-Encoding", "Upgrade",
}

// cookie is the cookie of a session, as a field's value.
func (srv *Server) cookie(id string) string {
	cookie := *srv.opts.Cookie
	cookie.Value = id
	return cookie.String()
}

// newID returns the id of the session that r opens. r is not looked at without Options.GenerateID.
func (srv *Server) newID(r *http.Request) (string, *refusal) {
	if srv.opts.GenerateID == nil {
		return srv.opts.NewID(), nil
	}
	id, err := srv.opts.GenerateID(r)
	if err == nil && (id == "" || srv.session(id) != nil) {
		err = errNoID
		srv.limited.Warn("GenerateID has returned no id, or that of another session")
	}
	if err != nil {
		return "", refuse(BadRequest).about(ErrorContext{Name: NameIDGeneration, Err: err})
	}
	return id, nil
}

// hasSay reports whether the program has its say in the answer to a request, one that opens a session or another. About
// an origin it is asked besides.
func (o *Options) hasSay(opens bool) bool {
	return o.OnHeaders != nil || opens && (o.AllowRequest != nil || o.GenerateID != nil || o.OnInitialHeaders != nil)
}

var errNoID = errors.New("engineio: no id, or that of another session")
