package netloop_test

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/internal/turns"
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

// A gate is a handler that keeps its loop until it is opened.
type gate struct {
	*handler
	reached, open chan struct{}
}

func (g *gate) Received([]byte) {
	close(g.reached)
	<-g.open
}

// A slow handler takes its time for each read, and counts them.
type slow struct {
	*handler
	reads *atomic.Int64
}

func (s *slow) Received([]byte) {
	for began := time.Now(); time.Since(began) < 200*time.Microsecond; {
		runtime.Gosched()
	}
	s.reads.Add(1)
}

// A crowd of newcomers, or of connections that send much, does not stand before one that has been there for a while
// and says little.
func TestTheCrowdWaits(t *testing.T) {
	for _, crowd := range []string{"newcomers", "much"} {
		t.Run(crowd, func(t *testing.T) {
			loop := new(netloop.Loop)
			var ends []func()
			start := func(h netloop.Handler, own *handler) (*netloop.Socket, *net.TCPConn) {
				conn, peer := tcpPair(t)
				s := netloop.New(conn, loop, h).(*netloop.Socket)
				if crowd == "newcomers" && len(ends) > 1 {
					s.Newcomer()
				}
				s.Start()
				ends = append(ends, func() {
					s.Close()
					own.awaitClosed(t)
				})
				return s, peer
			}
			g := &gate{newHandler(), make(chan struct{}), make(chan struct{})}
			_, door := start(g, g.handler)
			var reads atomic.Int64
			known := newHandler()
			_, quiet := start(known, known)
			var peers []*net.TCPConn
			for range 100 {
				h := newHandler()
				_, peer := start(&slow{h, &reads}, h)
				peers = append(peers, peer)
			}
			defer func() {
				for _, end := range ends {
					end()
				}
			}()
			piece := make([]byte, 32<<10)
			if crowd == "much" {
				var writing sync.WaitGroup
				for _, peer := range peers {
					writing.Go(func() { peer.Write(make([]byte, 512<<10)) })
				}
				writing.Wait()
			}
			door.Write(piece[:1])
			<-g.reached
			for _, peer := range peers {
				peer.Write(piece)
			}
			quiet.Write(piece[:1])
			before := reads.Load()
			close(g.open)
			known.await(t, "the quiet one", func() bool { return known.received.Len() > 0 })
			if n := reads.Load() - before; n > 50 {
				t.Errorf("%d of %d were read before", n, len(peers))
			}
		})
	}
}

// Who computes for long, and yields, has what comes read in its next pauses, not when Go's watch of the network looks.
func TestLongWorkLetsTheLoopRead(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	conn, peer := tcpPair(t)
	h := newHandler()
	c := netloop.New(conn, new(netloop.Loop), h)
	c.Start()
	defer func() {
		c.Close()
		h.awaitClosed(t)
	}()
	received := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.received.Len()
	}
	if peer.Write([]byte("a")); received() != 0 {
		t.Fatal("it is read before anybody had a turn")
	}
	h.awaitBytes(t, "a")
	for said := 2; said < 100; said++ {
		time.Sleep(time.Millisecond) // the loop waits
		if _, err := peer.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
		for pauses := 0; received() < said; pauses++ {
			if pauses == 5 {
				t.Fatalf("message %d has not been read after %d pauses", said, pauses)
			}
			turns.Yield()
		}
	}
}
