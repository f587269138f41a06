package engineio

// The listener that keeps plain WebSocket handshakes from net/http: it accepts connections in batches, straight into the
// loops, and looks at the first bytes of each.

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// silence is how long a new connection may say nothing before it is net/http's, with its limits.
	silence = time.Second
	// acceptBatch is how many connections are accepted before those are looked after.
	acceptBatch = 64
	// acceptPause is the longest wait before accepting is tried again, where there are too many open files.
	acceptPause = time.Second
)

// Listener returns a listener for an http.Server whose handler has srv in it. It is l but for one thing: plain WebSocket
// handshakes at Options.Path are answered before net/http sees them, which makes a new connection about twice as cheap.
// All other connections are handed on as they came, TLS included.
//
// A program whose handlers change or refuse such requests before srv gets them must do without it. On systems other than
// Linux, where l is not TCP, and where Options ask for more (AllowRequest, PerMessageDeflate, CORS for particular
// origins), Listener returns l. Otherwise l is taken over: it is the listener returned that is to be closed.
func (srv *Server) Listener(l net.Listener) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok || !srv.plainHandshakes() {
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
	f := &front{file: file, raw: raw, addr: addr, srv: srv, headers: srv.plainHeaders()}
	f.changed.L = &f.mu
	return f
}

// plainHeaders are the lines that every answer to a plain handshake has besides its own.
func (srv *Server) plainHeaders() (lines []byte) {
	if srv.opts.CORS == nil {
		return nil
	}
	w := headerOnly{}
	srv.opts.CORS.Handle(w, &http.Request{Method: http.MethodGet})
	for name, values := range w {
		for _, v := range values {
			lines = appendHeader(lines, name, v)
		}
	}
	return lines
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
	headers []byte
	start   sync.Once

	mu      sync.Mutex // taken before loop.mu
	changed sync.Cond
	handed  []net.Conn  // for Accept
	silent  []*newcomer // in the order in which they came, with some that have spoken since
	closed  bool
	err     error // why there will be no more
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
	for _, n := range f.silent {
		if !n.spoken.Load() {
			n.sock.cut()
		}
	}
	f.handed, f.silent = nil, nil
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
	n := &newcomer{front: f, flusher: flusher, addr: addr, since: time.Now()}
	n.sock = &socket{fd: fd, loop: &flusher.loop, owner: n}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		if f.silent = append(f.silent, n); len(f.silent) == 1 {
			time.AfterFunc(silence, f.sweep)
		}
	}
	f.mu.Unlock()
	n.sock.join()
	if closed {
		n.sock.cut()
	}
}

// sweep gives connections that have said nothing to net/http.
func (f *front) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	due := time.Now().Add(-silence)
	i := 0
	for ; i < len(f.silent) && (f.silent[i].spoken.Load() || !f.silent[i].since.After(due)); i++ {
		if n := f.silent[i]; !n.spoken.Load() {
			n.sock.wake()
		}
		f.silent[i] = nil
	}
	if f.silent = f.silent[i:]; len(f.silent) > 0 {
		time.AfterFunc(time.Until(f.silent[0].since.Add(silence)), f.sweep)
	} else {
		f.silent = nil
	}
}

// A newcomer is a connection that has not said yet what it is for.
type newcomer struct {
	front   *front
	flusher *flusher
	sock    *socket
	addr    netip.AddrPort
	since   time.Time
	spoken  atomic.Bool // or gone
}

func (n *newcomer) paused() bool { return false }

// received makes a session of a plain handshake, and hands everything else on.
func (n *newcomer) received(b []byte) {
	n.spoken.Store(true)
	srv := n.front.srv
	h, ok := srv.parsePlain(b, n.addr.String())
	if !ok || srv.isClosing() {
		n.handOn(b)
		return
	}
	c := &wsConn{sock: n.sock}
	n.sock.owner = c
	srv.openPlain(c, n.flusher, h, n.front.headers)
	c.received(h.early)
}

// woken gives up waiting for the first bytes.
func (n *newcomer) woken() {
	n.spoken.Store(true)
	n.handOn(nil)
}

func (n *newcomer) gone() { n.spoken.Store(true) }

// handOn gives the connection to Accept, with the bytes that have been read.
func (n *newcomer) handOn(early []byte) {
	n.sock.loop.remove(n.sock)
	file := os.NewFile(uintptr(n.sock.fd), "tcp")
	conn, err := net.FileConn(file)
	_ = file.Close()
	f := n.front
	if err != nil {
		f.srv.opts.Logger.Warn("cannot take a connection", "error", err, "remote", n.addr)
		return
	}
	if len(early) > 0 {
		conn = &replayConn{Conn: conn, early: append([]byte(nil), early...)}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = conn.Close()
		return
	}
	f.handed = append(f.handed, conn)
	f.changed.Signal()
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
