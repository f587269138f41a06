package socketio

// Serving and ending in one call, because the order matters.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	defaultDrainWindow     = 5 * time.Second
	defaultShutdownTimeout = 10 * time.Second
)

// ServeOptions say how Serve listens, and how long its end may take. The zero value is usable.
type ServeOptions struct {
	// Listener is where connections come from. Default: TCP at the http.Server's Addr, through Server.ListenerFor where
	// its Handler is the Server itself.
	Listener net.Listener
	// CertFile and KeyFile are those of http.Server.ServeTLS. Without them, and without certificates in the
	// http.Server's TLSConfig, connections are not encrypted.
	CertFile, KeyFile string
	// DrainWindow is over how long the clients are let go, one after the other (Server.Drain). Default 5 s; negative:
	// all at once.
	DrainWindow time.Duration
	// ShutdownTimeout is how long the end may take beyond DrainWindow before what is left is cut. Default 10 s.
	ShutdownTimeout time.Duration
}

// Serve serves server, whose Handler serves io beside whatever else it does, until ctx is done. Then it ends both in
// the order that keeps promises: clients are let go while they can still fetch what waits for them (Server.Drain),
// then io is shut down, with its adapters, then server, which waits for requests that are being answered. The other
// way round, http.Server.Shutdown would wait for polls that nobody ends.
//
// Serve returns nil when all have left, or an error that matches context.DeadlineExceeded where some had to be cut.
// Other errors say why it could not listen, or could serve no longer; io and server are shut down then too. So they
// are after server.Shutdown, which a program need not call, and Serve then returns nil.
func Serve(ctx context.Context, server *http.Server, io *Server, opts ServeOptions) error {
	window := cmp.Or(opts.DrainWindow, defaultDrainWindow)
	timeout := cmp.Or(max(opts.ShutdownTimeout, 0), defaultShutdownTimeout)
	end := func(drain bool) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(window, 0)+timeout)
		defer cancel()
		if drain && window > 0 {
			_ = io.Drain(ctx, window) // Shutdown cuts what has not left in time, and says so
		}
		err := io.Shutdown(ctx)
		if httpErr := server.Shutdown(ctx); httpErr != nil {
			_ = server.Close()
			err = errors.Join(err, httpErr)
		}
		return err
	}

	listener := opts.Listener
	if listener == nil {
		var err error
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(server.Addr, ":http"))
		if err != nil {
			return errors.Join(fmt.Errorf("socketio: serve: %w", err), end(false))
		}
		if server.Handler == http.Handler(io) && !encrypted(server, opts) {
			listener = io.ListenerFor(server, listener)
		}
	}
	closing := make(chan struct{})
	var once sync.Once
	server.RegisterOnShutdown(func() { once.Do(func() { close(closing) }) })
	served := make(chan error, 1)
	go func() {
		if encrypted(server, opts) {
			served <- server.ServeTLS(listener, opts.CertFile, opts.KeyFile)
		} else {
			served <- server.Serve(listener)
		}
	}()

	select {
	case <-ctx.Done():
		err := end(true)
		<-served
		return err
	case <-closing: // and no poll comes any more
		err := end(false)
		<-served
		return err
	case err := <-served:
		if errors.Is(err, http.ErrServerClosed) {
			return end(false)
		}
		return errors.Join(fmt.Errorf("socketio: serve: %w", err), end(false))
	}
}

// readHeaderTimeout is how long the clients of ListenAndServe may take over the header of a request.
const readHeaderTimeout = 10 * time.Second

// ListenAndServe serves io, and nothing else, on a TCP address such as ":3000" until ctx is done, and then lets its
// clients go (Node.js: new Server(3000), io.listen(3000)). It is Serve with an http.Server of its own, on io's
// Listener. Requests for anything else get 404.
func ListenAndServe(ctx context.Context, addr string, io *Server) error {
	server := &http.Server{Addr: addr, Handler: io, ReadHeaderTimeout: readHeaderTimeout}
	return Serve(ctx, server, io, ServeOptions{})
}

// encrypted reports whether server is to speak TLS.
func encrypted(server *http.Server, opts ServeOptions) bool {
	tls := server.TLSConfig
	return opts.CertFile != "" || opts.KeyFile != "" ||
		tls != nil && (len(tls.Certificates) > 0 || tls.GetCertificate != nil || tls.GetConfigForClient != nil)
}
