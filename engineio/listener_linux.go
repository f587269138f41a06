package engineio

// The listener that keeps plain requests from net/http: it accepts connections in batches, straight into the loops.

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

const (
	// silence is how long a new connection may say nothing, or half a request, before it is net/http's, with its limits.
	silence = time.Second
	// quiet is how long a connection is kept between two requests: longer than balancers keep theirs by default (Traefik 90 s),
	// since they answer 502 to a POST whose connection ends under it.
	quiet = 2 * time.Minute
	// acceptBatch is how many connections are accepted before those are looked after.
	acceptBatch = 64
	// acceptPause is the longest wait before accepting is tried again, where there are too many open files.
	acceptPause = time.Second
)

// Listener returns a listener for an http.Server whose handler has srv in it. It is l but for one thing: requests at
// Options.Path that are for srv's own sessions and have nothing wrong with them are answered without net/http, which costs
// a fraction. All others, and their connections from there on, are handed on as they came, TLS included.
//
// A program whose handlers see, change or refuse requests before srv gets them must do without it, or name the header
// fields that such requests have in except. On systems other than Linux, where l is not TCP, and where Options ask for
// more (AllowRequest, Cookie, PerMessageDeflate, CORS for particular origins, one transport only), Listener returns l.
// Otherwise l is taken over: it is the listener returned that is to be closed. Connections between two requests are then
// closed as well, and those with a poll when it has been answered.
func (srv *Server) Listener(l net.Listener, except ...string) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok || !srv.plainRequests() {
		return l
	}
	file, err := tcp.File() // the net package lets nobody wait for a listener but by its own accepting
	if err != nil {
		return l
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return l
	}
	addr := l.Addr()
	_ = l.Close()
	// What Go sets on each connection that it accepts is inherited from the listening socket.
	_ = raw.Control(func(fd uintptr) {
		for _, o := range [][3]int{
			{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 9},
		} {
			_ = syscall.SetsockoptInt(int(fd), o[0], o[1], o[2])
		}
	})
	f := &front{file: file, raw: raw, addr: addr, srv: srv, headers: srv.plainHeaders(), parser: srv.plainParser(except)}
	f.noStore = plainhttp.AppendField(slices.Clone(f.headers), "Cache-Control", "no-store")
	f.changed.L = &f.mu
	return f
}

// plainHeaders are the lines that every answer to a plain request has besides its own.
func (srv *Server) plainHeaders() []byte {
	if srv.opts.CORS == nil {
		return nil
	}
	w := headerOnly{}
	srv.opts.CORS.Handle(w, &http.Request{Method: http.MethodGet})
	return plainhttp.AppendHeader(nil, w.Header())
}

// headerOnly is an answer of which only the header is wanted.
type headerOnly http.Header

func (h headerOnly) Header() http.Header         { return http.Header(h) }
func (h headerOnly) WriteHeader(int)             {}
func (h headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// A front is what Listener returns.
type front struct {
	file    *os.File // the listening socket
	raw     syscall.RawConn
	addr    net.Addr
	srv     *Server
	parser  *plainhttp.Parser
	headers []byte // of every answer
	noStore []byte // the same, for answers that are not to be cached
	start   sync.Once

	mu       sync.Mutex // taken before plainConn.mu and loop.mu
	changed  sync.Cond
	handed   []net.Conn   // for Accept
	conns    []*plainConn // with some that have left since
	sweeping bool
	closed   bool
	err      error // why there will be no more
}

// Addr is the address that it listens on.
func (f *front) Addr() net.Addr { return f.addr }

// Accept returns the next connection that is for net/http.
func (f *front) Accept() (net.Conn, error) {
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

// Close closes the listener and the connections that nobody has taken over yet.
func (f *front) Close() error {
	err := f.file.Close()
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
		c.leave()
	}
	f.handed, f.conns = nil, nil
	f.changed.Broadcast()
	return err
}

// accept accepts connections until the listener is closed.
func (f *front) accept() {
	type accepted struct {
		fd   int
		addr netip.AddrPort
	}
	batch := make([]accepted, 0, acceptBatch)
	var pause time.Duration
	for {
		batch = batch[:0]
		var failure error
		err := f.raw.Read(func(listener uintptr) bool {
			for len(batch) < acceptBatch {
				fd, from, err := syscall.Accept4(int(listener), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
				switch err {
				case nil:
					batch = append(batch, accepted{fd, addrPort(from)})
				case syscall.EINTR, syscall.ECONNABORTED:
				case syscall.EAGAIN:
					return len(batch) > 0
				default:
					failure = os.NewSyscallError("accept4", err)
					return true
				}
			}
			return true
		})
		for _, a := range batch {
			f.welcome(a.fd, a.addr)
		}
		switch {
		case err != nil:
			f.mu.Lock()
			if f.err == nil { // Close has not said so
				f.err = err
			}
			f.changed.Broadcast()
			f.mu.Unlock()
			return
		case failure != nil: // too many open files, most likely: some will be closed
			pause = min(max(2*pause, 5*time.Millisecond), acceptPause)
			f.srv.opts.Logger.Warn("cannot accept connections for the moment", "error", failure, "retry_in", pause)
			time.Sleep(pause)
		default:
			pause = 0
		}
	}
}

func addrPort(from syscall.Sockaddr) netip.AddrPort {
	switch from := from.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port))
	case *syscall.SockaddrInet6:
		addr := netip.AddrFrom16(from.Addr).Unmap()
		if from.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(from.ZoneId)); err == nil {
				addr = addr.WithZone(i.Name)
			}
		}
		return netip.AddrPortFrom(addr, uint16(from.Port))
	}
	return netip.AddrPort{}
}

// welcome gives a new connection to a loop.
func (f *front) welcome(fd int, addr netip.AddrPort) {
	flusher := f.srv.nextFlusher()
	c := &plainConn{front: f, flusher: flusher, addr: addr, since: time.Now()}
	c.sock = &socket{fd: fd, loop: &flusher.loop, owner: c}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		f.conns = append(f.conns, c)
		if !f.sweeping {
			f.sweeping = true
			time.AfterFunc(silence, f.sweep)
		}
	}
	f.mu.Unlock()
	c.sock.join()
	if closed {
		c.sock.cut()
	}
}

// sweep looks after the connections that keep too quiet, as long as there are any.
func (f *front) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.conns = slices.DeleteFunc(f.conns, func(c *plainConn) bool { return c.check(now) })
	if f.sweeping = len(f.conns) > 0; f.sweeping {
		time.AfterFunc(silence, f.sweep)
	} else {
		f.conns = nil
	}
}

// A replayConn is a connection of which something has been read already.
type replayConn struct {
	net.Conn
	early []byte
}

func (c *replayConn) Read(b []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}

// CloseWrite is what net/http ends a connection with that it has not read to the end.
func (c *replayConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }
