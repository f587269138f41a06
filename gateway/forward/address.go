package forward

// Where other nodes reach this one.

import (
	"net"
	"net/netip"
	"strconv"
)

// AddressOf is the "host:port" at which other hosts reach a listener: its own address, or where it listens on all of
// this machine's, the one that this machine has in the network which leads to local's other end, such as that of a
// connection to Redis (adapter.Redis.LocalAddr). It is "" while that is nil, and not known. Where local is a Unix
// socket it is the first private address of this machine, or else the loopback one.
func AddressOf(listener, local net.Addr) string {
	port, err := netip.ParseAddrPort(listener.String())
	if err != nil {
		return ""
	}
	host := port.Addr().Unmap()
	if host.IsUnspecified() {
		switch a := local.(type) {
		case nil:
			return ""
		case *net.TCPAddr:
			host = a.AddrPort().Addr().Unmap()
		default:
			host = ownAddress()
		}
	}
	return net.JoinHostPort(host.String(), strconv.Itoa(int(port.Port())))
}

// ownAddress is the first private address of this machine, or else the loopback one.
func ownAddress() netip.Addr {
	addresses, _ := net.InterfaceAddrs() // none on an error
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(network.IP); ok && addr.Unmap().IsPrivate() {
				return addr.Unmap()
			}
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
