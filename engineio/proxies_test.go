package engineio

import (
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
)

func trusting(networks ...string) Options {
	var o Options
	for _, n := range networks {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(n))
	}
	return o
}

func TestTrustedProxiesTellTheClient(t *testing.T) {
	srv := NewServer(trusting("10.1.0.0/16", "192.0.2.7/32", "fd00::/8"), nil)
	tests := []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no proxy", "203.0.113.5:4711", nil, "203.0.113.5:4711"},
		{"a stranger's word", "203.0.113.5:4711", []string{"198.51.100.1"}, "203.0.113.5:4711"},
		{"a proxy without a word", "10.1.2.3:80", nil, "10.1.2.3:80"},
		{"one proxy", "10.1.2.3:80", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"what the client made up", "10.1.2.3:80", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1:0"},
		{"a chain", "10.1.2.3:80", []string{"1.1.1.1, 198.51.100.1, 192.0.2.7"}, "198.51.100.1:0"},
		{"in two headers", "10.1.2.3:80", []string{"1.1.1.1", "198.51.100.1,192.0.2.7"}, "198.51.100.1:0"},
		{"proxies alone", "10.1.2.3:80", []string{"10.1.9.9, 192.0.2.7"}, "10.1.9.9:0"},
		{"IPv6", "[fd00::1]:80", []string{"2001:db8::5"}, "[2001:db8::5]:0"},
		{"IPv6 with a port", "[fd00::1]:80", []string{"[2001:db8::5]:99"}, "[2001:db8::5]:0"},
		{"IPv4 with a port", "10.1.2.3:80", []string{"198.51.100.1:99"}, "198.51.100.1:0"},
		{"a peer as IPv6", "[::ffff:10.1.2.3]:80", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"nonsense", "10.1.2.3:80", []string{"unknown"}, "10.1.2.3:80"},
		{"nonsense before a proxy", "10.1.2.3:80", []string{"198.51.100.1, unknown, 192.0.2.7"}, "192.0.2.7:0"},
	}
	for _, test := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.header
		if got := srv.throughProxies(r).RemoteAddr; got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if r.RemoteAddr != test.peer {
			t.Errorf("%s: the caller's request was changed", test.name)
		}
	}
}

// However a request is read, its session, or OnConnectionError, gets the same address.
func TestClientBehindAProxy(t *testing.T) {
	for name, test := range map[string]struct {
		opts Options
		want string // "": the peer's own
	}{
		"trusted":        {trusting("127.0.0.0/8"), "198.51.100.1:0"},
		"not trusted":    {trusting("10.0.0.0/8"), ""},
		"nobody trusted": {Options{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var refused string
			test.opts.OnConnectionError = func(e ConnectionError) {
				mu.Lock()
				refused = e.Request.RemoteAddr
				mu.Unlock()
			}
			h := start(t, setup{opts: test.opts})
			check := func(what, got string) {
				want := test.want
				if got != want && (want != "" || netip.MustParseAddrPort(got).Addr().String() != "127.0.0.1") {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			through := []string{"X-Forwarded-For", "198.51.100.1"}
			for what, header := range map[string][]string{
				"plain":       through,
				"by net/http": append(through, "X-Name", "\xe9"),
			} {
				if _, err := h.request("GET", "transport=polling", "", header...); err != nil {
					t.Fatal(err)
				}
				h.mu.Lock()
				opened := h.peers[len(h.peers)-1]
				h.mu.Unlock()
				check("polling, "+what, opened.Handshake().RemoteAddr)
			}
			ws := h.openWS(through...)
			check("WebSocket", h.peer(ws.sid).Handshake().RemoteAddr)
			if _, err := h.request("GET", "transport=polling&sid=unknown", "", through...); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			check("refused", refused)
		})
	}
}
