package forward

import (
	"net"
	"net/netip"
	"testing"
)

func TestAddressOf(t *testing.T) {
	tcp := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	unix := &net.UnixAddr{Name: "/run/redis.sock", Net: "unix"}
	for _, c := range []struct {
		listener, local net.Addr
		want            string
	}{
		{tcp("127.0.0.1:3000"), nil, "127.0.0.1:3000"},
		{tcp("10.1.2.3:3000"), tcp("10.9.9.9:41234"), "10.1.2.3:3000"},
		{tcp("0.0.0.0:3000"), nil, ""},
		{tcp("[::]:3000"), tcp("10.9.9.9:41234"), "10.9.9.9:3000"},
		{tcp("[::]:3000"), tcp("[fd00::1]:41234"), "[fd00::1]:3000"},
		{tcp("[::ffff:10.1.2.3]:3000"), nil, "10.1.2.3:3000"},
		{tcp("0.0.0.0:3000"), unix, net.JoinHostPort(ownAddress().String(), "3000")},
		{unix, nil, ""},
	} {
		if got := AddressOf(c.listener, c.local); got != c.want {
			t.Errorf("%v, %v: %q, want %q", c.listener, c.local, got, c.want)
		}
	}
}
