package engineio

// Whose word counts on where a client comes from.

import (
	"net/http"
	"net/netip"
	"strings"
)

const forwardedFor = "X-Forwarded-For"

// throughProxies returns r with the client's address in RemoteAddr, as far as trusted proxies give it.
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

// clientOf is where a request comes from that a peer has sent: the address in X-Forwarded-For that the last trusted
// proxy saw and that is no such proxy itself, or the peer's, where that is no trusted proxy or has said nothing. A
// peer that is not trusted may write there what it likes. The port of a client behind a proxy, which nobody says, is
// 0.
func (srv *Server) clientOf(peer netip.AddrPort, values []string) netip.AddrPort {
	if len(values) == 0 || !srv.trusts(peer.Addr()) {
		return peer
	}
	client := peer
	hops := strings.Split(strings.Join(values, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // each proxy appends whom it got the request from
		hop, valid := parseHop(strings.TrimSpace(hops[i]))
		if !valid {
			break // what is before it is no better
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

// parseHop reads an address as proxies write it: with or without a port, IPv6 in brackets or not.
func parseHop(s string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return withPort.Addr().Unmap(), true
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil
}
