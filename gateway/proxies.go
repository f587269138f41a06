package gateway

// Whose word counts on where a client comes from.

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// trustProxies gives next each request with the client's address in RemoteAddr where the request comes through proxies that
// are trusted: the address in X-Forwarded-For that the last of them saw and that is no such proxy itself. A peer that is
// not trusted may write there what it likes. The port, which nobody says, is 0.
func trustProxies(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := clientThrough(trusted, r); ok {
			r.RemoteAddr = net.JoinHostPort(client.String(), "0")
		}
		next.ServeHTTP(w, r)
	})
}

// clientThrough is the client's address as trusted proxies give it; false where no trusted proxy has given one.
func clientThrough(trusted []netip.Prefix, r *http.Request) (client netip.Addr, ok bool) {
	peer, valid := parseHop(r.RemoteAddr)
	if !valid || !isTrusted(trusted, peer) {
		return netip.Addr{}, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // each proxy appends whom it got the request from
		hop, valid := parseHop(strings.TrimSpace(hops[i]))
		if !valid {
			break // what is before it is no better
		}
		if client, ok = hop, true; !isTrusted(trusted, hop) {
			break
		}
	}
	return client, ok
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

func isTrusted(trusted []netip.Prefix, addr netip.Addr) bool {
	addr = addr.WithZone("")
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseProxies reads TRUSTED_PROXIES.
func parseProxies(v string, to *[]netip.Prefix) bool {
	if v == "none" {
		return true
	}
	for entry := range strings.SplitSeq(v, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, addrErr := netip.ParseAddr(entry)
			if addrErr != nil || addr.Zone() != "" {
				return false
			}
			addr = addr.Unmap()
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() || prefix.Bits() == 0 { // never matches; trusts everybody, which is to trust nobody
			return false
		}
		*to = append(*to, prefix.Masked())
	}
	return true
}
