package engineio

// What the fast listener leaves to net/http, and why. A connection that has been handed on stays there.

import "sync/atomic"

// HandedOn counts the connections that net/http has got from Listener, by what about a request on them was not for the
// fast listener. They stay net/http's.
type HandedOn struct {
	TLS      int64 // it speaks TLS
	Silent   int64 // no whole request has come within a second
	Path     int64 // the request is for another path
	Method   int64 // the request is neither GET nor POST, nor a preflight request that Options.CORS answers
	Excepted int64 // the request has a field that Listener was told to leave out
	Form     int64 // the request has something that only net/http reads: a body in chunks, HTTP/1.0, a subprotocol
	Fault    int64 // the request is to be refused, or is another server's: there is no such session or transport here
	Listener int64 // net/http has all requests: of another system, or of an http.Server with ConnContext
}

// A handedOn is a reason to hand a connection on.
type handedOn uint8

const (
	handedForm handedOn = iota
	handedTLS
	handedSilent
	handedPath
	handedMethod
	handedExcepted
	handedFault
	handedListener
	handedReasons // how many there are
)

// handedOnNames say for the log what the reasons are.
var handedOnNames = [handedReasons]string{
	handedForm: "form", handedTLS: "tls", handedSilent: "silent", handedPath: "path", handedMethod: "method",
	handedExcepted: "excepted", handedFault: "fault", handedListener: "listener",
}

// handsOn counts a connection that goes to net/http, and logs the first for each reason.
func (srv *Server) handsOn(why handedOn) {
	if srv.handedOn[why].Add(1) == 1 {
		srv.opts.Logger.Debug("a connection goes to net/http, the first for this reason", "reason", handedOnNames[why])
	}
}

// handedOnCounts are what HandedOn is made from.
type handedOnCounts [handedReasons]atomic.Int64

func (c *handedOnCounts) read() HandedOn {
	return HandedOn{
		TLS:      c[handedTLS].Load(),
		Silent:   c[handedSilent].Load(),
		Path:     c[handedPath].Load(),
		Method:   c[handedMethod].Load(),
		Excepted: c[handedExcepted].Load(),
		Form:     c[handedForm].Load(),
		Fault:    c[handedFault].Load(),
		Listener: c[handedListener].Load(),
	}
}
