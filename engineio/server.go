package engineio

import (
	"context"
	"net/http"
)

// A Server speaks the server side of Engine.IO; it is an http.Handler for everything under Options.Path.
type Server struct{}

// NewServer returns a Server. connect is called for every new session, before its first message; the Handler that it
// returns gets what the session receives. Messages that connect sends follow the open packet.
func NewServer(opts Options, connect func(*Session) Handler) *Server { panic("stub") }

func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("stub") }

// Sessions is the number of open sessions.
func (srv *Server) Sessions() int { panic("stub") }

// Shutdown refuses new sessions, closes those there are with ReasonShutdown after what is queued for them, and waits
// until they are gone or ctx is done, when it cuts the rest and returns ctx's error. The flushers end with it.
func (srv *Server) Shutdown(ctx context.Context) error { panic("stub") }
