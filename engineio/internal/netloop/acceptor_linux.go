package netloop

// Accepting on Linux: connections go from accept4(2) to a loop without Go's poller in between.

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// AcceptBatch is how many connections are accepted before those are looked after.
	AcceptBatch = 64
	// The shortest and the longest wait before accepting is tried again, where there are too many open files.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// An Acceptor accepts TCP connections as descriptors for NewSocket.
type Acceptor struct {
	file      *os.File // the listening socket
	raw       syscall.RawConn
	closed    chan struct{}
	closeOnce sync.Once
}

// NewAcceptor takes l over, which is closed. Where that fails l is as it was.
func NewAcceptor(l *net.TCPListener) (*Acceptor, error) {
	file, err := l.File() // the net package lets nobody wait for a listener but by its own accepting
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
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
	return &Acceptor{file: file, raw: raw, closed: make(chan struct{})}, nil
}

// Run calls welcome with each connection and its peer, until Close; the error says why it ended. trouble is told where
// nothing can be accepted for a while, most likely because of too many open files.
func (a *Acceptor) Run(
	welcome func(fd int, peer netip.AddrPort), trouble func(err error, retryIn time.Duration),
) error {
	type accepted struct {
		fd   int
		peer netip.AddrPort
	}
	batch := make([]accepted, 0, AcceptBatch)
	var pause time.Duration
	for {
		batch = batch[:0]
		var failure error
		err := a.raw.Read(func(listener uintptr) bool {
			for len(batch) < AcceptBatch {
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
		for _, c := range batch {
			welcome(c.fd, c.peer)
		}
		runtime.Gosched() // in a flood of connections, those that there are have their turn
		if err != nil {
			return err
		}
		if failure == nil {
			pause = 0
			continue
		}
		pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
		trouble(failure, pause)
		select {
		case <-time.After(pause):
		case <-a.closed:
		}
	}
}

// Refuse ends a connection that has been accepted, with some last words to a client that may not have said anything.
func Refuse(fd int, words []byte) {
	_, _ = syscall.Write(fd, words) // a new connection takes them
	var b [4096]byte
	_, _ = syscall.Read(fd, b[:]) // or what has come would have the connection reset, and them lost
	_ = syscall.Shutdown(fd, syscall.SHUT_WR)
	_ = syscall.Close(fd)
}

// LocalAddr is the address at which a connection has been accepted.
func LocalAddr(fd int) netip.AddrPort {
	local, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(local)
}

// Close ends Run.
func (a *Acceptor) Close() error {
	a.closeOnce.Do(func() { close(a.closed) })
	return a.file.Close()
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
