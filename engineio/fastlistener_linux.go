package engineio

// The listener that keeps plain requests from net/http: it accepts connections in batches, straight into the loops.

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
	"github.com/brunossouza/websocket-escalonavel/internal/openfiles"
)

const (
	// firstRequestTimeout is how long a new connection may say nothing, or half a request, before it is net/http's,
	// with its limits. Connections are looked after as often.
	firstRequestTimeout = time.Second
	// keepAliveTimeout is how long a connection is kept between two requests: longer than balancers keep theirs by
	// default (Traefik 90 s), since they answer 502 to a POST whose connection ends under it.
	keepAliveTimeout = 2 * time.Minute
)

// Listener returns a listener for an http.Server whose handler has srv in it. It is l but for one thing: requests at
// Options.Path that are for srv's own sessions and have nothing wrong with them are answered without net/http, which
// costs a fraction. All others, and their connections from there on, are handed on as they came, TLS included. And it
// takes no more than Options.MaxConnections.
//
// BaseContext and ConnContext of the http.Server do not matter to what is answered here; see ListenerFor. A program
// whose handlers see, change or refuse requests before srv gets them must do without it, or name the header fields that
// such requests have in except. No option of srv keeps requests from being served so; those by which the program has
// its say about one (AllowRequest, GenerateID, OnHeaders, OnInitialHeaders, CORS.AllowOrigin) cost a goroutine for as
// long as they take. They get a request as net/http reads it, with BaseContext's values and without net/http's own;
// its context ends when they have answered or the client is gone. Stats.HandedOn counts what goes to net/http.
//
// On systems other than Linux all requests are net/http's. Where l is not TCP, Listener returns l. Otherwise l is taken
// over: it is the listener returned that is to be closed. Connections between two requests are then closed as well, and
// those with a poll when it has been answered.
func (srv *Server) Listener(l net.Listener, except ...string) net.Listener {
	return srv.listener(l, context.Background(), except)
}

// listener is Listener for sessions whose Context has these values.
func (srv *Server) listener(l net.Listener, values context.Context, except []string) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return l
	}
	counted := &countedListener{Listener: l, srv: srv}
	if srv.opts.netHTTPOnly {
		return counted
	}
	addr := l.Addr()
	acceptor, err := netloop.NewAcceptor(tcp)
	if err != nil {
		return counted
	}
	f := &fastListener{
		acceptor: acceptor, addr: addr, srv: srv,
		parser: srv.plainParser(except), headers: srv.plainHeaders(),
		origin: &origin{method: http.MethodGet, proto: "HTTP/1.1", values: values},
	}
	f.noStore = withNoStore(f.headers)
	f.varies, f.says = srv.varies(), srv.usualSays()
	f.changed.L = &f.mu
	if files, known := openfiles.ForConnections(); known && srv.opts.MaxConnections >= 0 {
		f.files = files + netloop.AcceptBatch // those before it in a batch may be about to be refused
	}
	return f
}

// plainHeaders are the lines that every answer to a plain request has besides its own.
func (srv *Server) plainHeaders() []byte {
	if srv.opts.CORS == nil || !srv.opts.CORS.same() {
		return nil
	}
	h := make(http.Header)
	srv.opts.CORS.setHeader(h, "", true)
	return plainhttp.AppendHeader(nil, h)
}

// A fastListener is what Listener returns.
type fastListener struct {
	acceptor *netloop.Acceptor
	addr     net.Addr
	srv      *Server
	parser   *plainhttp.Parser
	headers  []byte // of every answer
	noStore  []byte // the same, for answers that are not to be cached
	varies   bool   // answers have others, see say
	says     map[string]*say
	origin   *origin
	files    int // descriptors from here on are not for connections; 0: all are
	start    sync.Once

	mu       sync.Mutex // see ARCHITECTURE.md for what is taken while it is held
	changed  sync.Cond
	handed   []net.Conn  // for Accept
	conns    []*fastConn // with some that have left since
	sweeping bool
	closed   bool
	err      error // why there will be no more
}

// Addr is the address that it listens on.
func (f *fastListener) Addr() net.Addr { return f.addr }

// Accept returns the next connection that is for net/http.
func (f *fastListener) Accept() (net.Conn, error) {
	f.start.Do(func() { go f.accept() })
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.handed) == 0 {
		if f.err != nil {
			return nil, f.err
		}
		f.changed.Wait()
	}
	conn := f.handed[0]
	f.handed[0] = nil
	f.handed = f.handed[1:]
	return conn, nil
}

// handOn gives a connection to Accept.
func (f *fastListener) handOn(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = conn.Close()
		return
	}
	f.handed = append(f.handed, conn)
	f.changed.Signal()
}

// Close closes the listener and the connections that nobody has taken over yet.
func (f *fastListener) Close() error {
	err := f.acceptor.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.err == nil {
		f.err = net.ErrClosed
	}
	for _, conn := range f.handed {
		_ = conn.Close()
	}
	for _, c := range f.conns {
		c.closeWhenIdle()
	}
	f.handed, f.conns = nil, nil
	f.changed.Broadcast()
	return err
}

// accept accepts connections until the listener is closed.
func (f *fastListener) accept() {
	err := f.acceptor.Run(f.welcome, func(err error, retryIn time.Duration) {
		f.srv.opts.Logger.Warn("cannot accept connections for the moment", "error", err, "retry_in", retryIn)
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil { // Close has not said so
		f.err = err
	}
	f.changed.Broadcast()
}

// welcome gives a new connection to a loop. Its flusher will be that of the session that it opens.
func (f *fastListener) welcome(fd int, peer netip.AddrPort) {
	// The lowest number that is free is a new descriptor's, so this many are in use.
	files := f.files == 0 || fd < f.files
	ended, spare := f.srv.admitConnection(peer.Addr(), files, func() bool {
		return netloop.LocalAddr(fd).Addr() == peer.Addr()
	})
	if ended == nil {
		netloop.Refuse(fd, connectionRefused)
		return
	}
	flusher := f.srv.nextFlusher()
	c := &fastConn{listener: f, flusher: flusher, peer: peer, since: time.Now(), spare: spare}
	c.sock = netloop.NewSocket(fd, &flusher.loop, c)
	c.sock.SetCounted(ended)
	c.sock.Newcomer()
	f.mu.Lock()
	closed := f.closed
	if !closed {
		f.conns = append(f.conns, c)
		if !f.sweeping {
			f.sweeping = true
			time.AfterFunc(firstRequestTimeout, f.sweep)
		}
	}
	f.mu.Unlock()
	c.sock.Start()
	if closed {
		c.sock.Close()
	}
}

// sweep looks after the connections that say nothing, as long as there are any.
func (f *fastListener) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.conns = slices.DeleteFunc(f.conns, func(c *fastConn) bool { return c.check(now) })
	if f.sweeping = len(f.conns) > 0; f.sweeping {
		time.AfterFunc(firstRequestTimeout, f.sweep)
	} else {
		f.conns = nil
	}
}
