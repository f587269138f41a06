package engineio

// What requests say beside their form: parameters, and where they come from.

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// Where net/url can read a query, the parameters are what it reads, the last of each.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{
		"EIO=4&transport=polling&sid=x&b64=1", "sid=a&sid=%62", "sid=%zz", "b64", "&&=&EIO", "transport=a+b%20c",
		"s%69d=x",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := parseQuery(raw)
		want, err := url.ParseQuery(raw)
		if err != nil || strings.Contains(strings.Join(keysOf(raw), ""), "%") { // names are compared as they are sent
			return
		}
		last := func(name string) string {
			if v := want[name]; len(v) > 0 {
				return v[len(v)-1]
			}
			return ""
		}
		w := query{last("transport"), last("sid"), last("EIO"), last("b64") != "", want.Has("j"), last("j")}
		if got != w {
			t.Fatalf("%q: %+v, want %+v", raw, got, w)
		}
	})
}

func keysOf(raw string) (keys []string) {
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		keys = append(keys, key)
	}
	return keys
}

// Whatever stands in X-Forwarded-For, a peer that is no trusted proxy keeps its own address, and a client behind one
// gets one that is in there, or the proxy's.
func FuzzForwardedFor(f *testing.F) {
	for _, v := range []string{
		"198.51.100.1", "198.51.100.1, 192.0.2.9", "[2001:db8::1]:5", "x, ,", "::ffff:10.0.0.1", "fe80::1%eth0",
	} {
		f.Add(v)
	}
	srv := NewServer(Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, nil)
	stranger, proxy := netip.MustParseAddrPort("203.0.113.1:5"), netip.MustParseAddrPort("192.0.2.1:5")
	f.Fuzz(func(t *testing.T, value string) {
		if got := srv.clientOf(stranger, []string{value}); got != stranger {
			t.Fatalf("a stranger becomes %v", got)
		}
		got := srv.clientOf(proxy, []string{value})
		if !got.IsValid() || got != proxy && got.Port() != 0 {
			t.Fatalf("%q: %v", value, got)
		}
		if got == proxy {
			return
		}
		for hop := range strings.SplitSeq(value, ",") {
			if addr, ok := parseHop(strings.TrimSpace(hop)); ok && addr == got.Addr() {
				return
			}
		}
		t.Fatalf("%q: %v is nowhere in it", value, got)
	})
}

// No Origin but those allowed and the host's own gets past a list, and a handshake comes out of its packing as it went
// in.
func FuzzOrigin(f *testing.F) {
	for _, o := range []string{
		"https://a.example", "http://h", "null", "https://a.example.evil", "HTTPS://H", "https://h@evil", "",
	} {
		f.Add(o, "h")
	}
	f.Fuzz(func(t *testing.T, origin, host string) {
		c := &CORS{Origins: []string{"https://a.example"}}
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/"}, Host: host, Header: http.Header{"Origin": {origin}}}
		if c.admits(r, c.allows(origin)) && origin != "https://a.example" {
			scheme, rest, _ := strings.Cut(origin, "://")
			if s := strings.ToLower(scheme); s != "http" && s != "https" || !strings.EqualFold(rest, host) {
				t.Fatalf("%q is admitted to %q", origin, host)
			}
		}
		if strings.ContainsAny(origin+host, "\r\n") { // which no request has
			return
		}
		o := newOpening(r)
		if h := o.handshake(); h.Host != host || h.Header.Get("Origin") != origin {
			t.Fatalf("%q, %q came out as %+v", origin, host, h)
		}
	})
}
