package engineio

// Where a client comes from, when its requests come through proxies.

import (
	"net/http"
	"net/netip"
	"strings"
)

const forwardedFor = "X-Forwarded-For"

// throughProxies returns r with the client's address in RemoteAddr, where a trusted proxy gives it.
func (srv *Server) throughProxies(r *http.Request) *http.Request {
	if len(srv.opts.TrustedProxies) == 0 {
		return r
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r
	}
	client := srv.clientOf(peer, r.Header.Values(forwardedFor))
	if client == peer {
		return r
	}
	r = r.WithContext(r.Context()) // a copy: the request is the caller's
	r.RemoteAddr = client.String()
	return r
}

// clientOf finds the client of a request that came from peer with these values of X-Forwarded-For. Each proxy appends
// the address that it got the request from, so clientOf reads backwards, as far as the first address that is no trusted
// proxy: whatever stands before it, that client may have made up. The client's port is not known, and 0. Where peer
// itself is not trusted, or sent no such header, it is the client.
func (srv *Server) clientOf(peer netip.AddrPort, values []string) netip.AddrPort {
	if len(values) == 0 || !srv.trusts(peer.Addr()) {
		return peer
	}
	client := peer
	hops := strings.Split(strings.Join(values, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, valid := parseHop(strings.TrimSpace(hops[i]))
		if !valid {
			break // nobody to trust for what stands before it
		}
		client = netip.AddrPortFrom(hop, 0)
		if !srv.trusts(hop) {
			break
		}
	}
	return client
}

func (srv *Server) trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range srv.opts.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads an address as proxies write it: with a port or without, IPv6 in brackets or not.
func parseHop(s string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return withPort.Addr().Unmap(), true
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil
}
