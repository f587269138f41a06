package netloop_test

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// The kernel keeps little for a peer that reads nothing, also where it would have more room.
func TestSocketKeepsLittleUnsent(t *testing.T) {
	conn, peer := tcpPair(t)
	// A buffer that does not grow: what the peer's kernel takes has been sent.
	if err := peer.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	h := newHandler()
	c := netloop.New(conn, new(netloop.Loop), h)
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
