package netloop_test

import (
	"net"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// The kernel keeps little for a peer that reads nothing, also where it would have more room.
func TestSocketKeepsLittleUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	// A receive buffer of its own, which does not grow: what the peer's kernel takes has been sent.
	if err := dialed.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler()
	c := netloop.New(accepted, new(netloop.Loop), h)
	c.Start()
	defer func() {
		c.Close()
		h.awaitClosed(t)
	}()
	chunk, sent := make([]byte, 1<<20), 0
	for {
		n, err := c.TryWrite(chunk)
		if err != nil {
			t.Fatal(err)
		}
		if sent += n; n < len(chunk) {
			break
		}
	}
	if sent > 512<<10 {
		t.Errorf("%d bytes are taken for a peer that reads nothing", sent)
	}
}
