package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestTrustedProxiesTellTheClient(t *testing.T) {
	var trusted []netip.Prefix
	if !parseProxies("10.1.0.0/16, 192.0.2.7,fd00::/8", &trusted) {
		t.Fatal("not parsed")
	}
	tests := []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no proxy", "203.0.113.5:4711", nil, "203.0.113.5:4711"},
		{"a stranger's word", "203.0.113.5:4711", []string{"198.51.100.1"}, "203.0.113.5:4711"},
		{"a proxy without a word", "10.1.2.3:80", nil, "10.1.2.3:80"},
		{"one proxy", "10.1.2.3:80", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"what the client made up stands before what the proxy saw", "10.1.2.3:80", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1:0"},
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
		var got string
		trustProxies(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(nil, r)
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "127.0.0.1:80"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	trustProxies(nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.RemoteAddr != "127.0.0.1:80" {
			t.Errorf("got %s", r.RemoteAddr)
		}
	})).ServeHTTP(nil, r)
}
