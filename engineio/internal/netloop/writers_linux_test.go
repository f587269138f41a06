package netloop_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// Many writers that wait at the same time go on a few at a time, and each comes to its end: where its peer reads, and
// where it leaves instead.
func TestWritersThatWaitTogether(t *testing.T) {
	const writers, size = 60, 4 << 20
	loop := new(netloop.Loop)
	var waiting, all sync.WaitGroup
	var peers []*net.TCPConn
	errs := make([]error, writers)
	for i := range writers {
		conn, peer := tcpPair(t)
		_ = peer.SetReadBuffer(64 << 10)
		peers = append(peers, peer)
		h := newHandler()
		c := netloop.New(conn, loop, h)
		c.Start()
		waiting.Add(1)
		all.Go(func() {
			b := make([]byte, size)
			n, err := c.TryWrite(b)
			waiting.Done()
			if err == nil {
				err = c.WriteAll(b[n:])
			}
			errs[i] = err
			c.Close()
			h.awaitClosed(t)
		})
	}
	waiting.Wait()
	for i, peer := range peers {
		if i%3 == 0 {
			peer.Close()
			continue
		}
		all.Go(func() {
			if n, err := io.Copy(io.Discard, peer); n != size || err != nil {
				t.Errorf("the %dth peer has %d bytes, %v", i, n, err)
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if (err != nil) != (i%3 == 0) {
			t.Errorf("the %dth writer: %v", i, err)
		}
	}
}
