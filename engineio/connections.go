package engineio

// How many connections are taken. Past that nobody gets in, but this host itself: its health checks are not to fail
// over clients that only take up room.

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/internal/openfiles"
)

// ownConnections is how many connections this host may have past all limits.
const ownConnections = 16

// refuseConnectionTimeout is how long it may take to tell a client that it is not let in: nobody waits for it.
const refuseConnectionTimeout = 100 * time.Millisecond

// newConnectionsDoor returns the door of connections.
func newConnectionsDoor(o *Options) *admission.Door {
	var limits admission.Limits
	if files, known := openfiles.ForConnections(); o.MaxConnections >= 0 && known {
		limits.Guests = files
	}
	if o.MaxConnections > 0 {
		limits.Guests = o.MaxConnections
	}
	switch {
	case o.MaxConnectionsPerAddress > 0:
		limits.FromAddress = o.MaxConnectionsPerAddress
	case o.MaxConnectionsPerAddress == 0 && limits.Guests > 0:
		limits.FromAddress = max(limits.Guests*3/4, 1)
	}
	return admission.NewDoor(limits)
}

// admitConnection lets in a connection from an address, and returns who is to be told of its end, or nil. files says
// that there are some for it, own whether it comes from this host; spare, that it has got in for that, past the limits.
func (srv *Server) admitConnection(from netip.Addr, files bool, own func() bool) (ended admission.Counter, spare bool) {
	counted := from
	if srv.trusts(from) {
		counted = netip.Addr{}
	}
	verdict := admission.Full
	var guest admission.Guest
	if files {
		guest, verdict = srv.connections.Enter(counted, 0, time.Now())
	}
	if verdict == admission.Welcome {
		return srv.connections.Counter(guest), false
	}
	if own() {
		if srv.ownConnections.Add(1) <= ownConnections {
			return (*ownConnection)(srv), true
		}
		srv.ownConnections.Add(-1)
	}
	srv.refused.connections[verdict].Add(1)
	srv.limited.Warn("a connection is refused: there are as many as there may be",
		"remote", from, "of_its_address", verdict == admission.AddressFull, "open", srv.connections.Guests())
	return nil, false
}

// ownConnection is the counter of this host's connections past the limits.
type ownConnection Server

// Ended implements admission.Counter.
func (srv *ownConnection) Ended() { srv.ownConnections.Add(-1) }

// connectionRefused is what a client is told that is not let in, before it has said anything.
var connectionRefused = func() []byte {
	body := refuseWith(0, "too many connections").body()
	return append([]byte("HTTP/1.1 503 "+http.StatusText(http.StatusServiceUnavailable)+"\r\nConnection: close\r\n"+
		"Content-Type: "+refusalContentType+"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
}()

// A countedListener is a TCP listener that takes so many connections and no more.
type countedListener struct {
	net.Listener
	srv *Server
}

// Accept returns the next connection that is let in.
func (l *countedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		from, local := addressOf(tcp.RemoteAddr()), addressOf(tcp.LocalAddr())
		ended, _ := l.srv.admitConnection(from, true, func() bool { return from == local })
		if ended != nil {
			l.srv.handsOn(handedListener)
			return netloop.NewCounted(tcp, ended), nil
		}
		_ = tcp.SetWriteDeadline(time.Now().Add(refuseConnectionTimeout))
		_, err = tcp.Write(connectionRefused)
		_ = errors.Join(err, tcp.Close()) // it is gone either way
	}
}

// addressOf is the IP address of a TCP address.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
