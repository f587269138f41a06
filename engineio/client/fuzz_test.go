package client

import (
	"bufio"
	"context"
	"net"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// FuzzWhatAServerSends: whatever follows the WebSocket handshake, and whatever stands in a poll, neither panics nor
// leaves anything behind.
func FuzzWhatAServerSends(f *testing.F) {
	for _, s := range [][]byte{
		text(openPacket), append(text(openPacket), text("4hi")...), append(text(openPacket), text("bAAA=")...),
		append(text(openPacket), wsframe.AppendClose(nil, 1000)...), {0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0}, nil,
		[]byte(openPacket + "\x1e4hi\x1ebAAA="), []byte("1"), []byte("\x1e"),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			playOn(theirs, func(c net.Conn, in *bufio.Reader) {
				go untilClosed(in)
				_, _ = c.Write(said)
			})
		}()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p := newPeer(t)
		opts := Options{
			Transports: []string{WebSocket}, MaxMessageBytes: 1 << 16,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		}
		s, err := Dial(ctx, "http://fuzz.test", opts, func(*Session) Handler { return p })
		if err == nil {
			<-p.ended // the connection is closed behind what has been said
			if err := s.Wait(ctx); err != nil {
				t.Error(err)
			}
		}
		<-done

		e, err := newEndpoint("http://fuzz.test", Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		poll := &Session{endpoint: e, connect: func(*Session) Handler { return newPeer(t) },
			opened: make(chan error, 1)}
		poll.ctx, poll.cancel = context.WithCancel(context.Background())
		poll.endpoint.opts.NoUpgrade = true
		transport := newPolling(poll)
		transport.posting = true // what is to be sent has nowhere to go
		poll.transport = transport
		transport.take(said)
		poll.lockAndEnd(ReasonForcedClose, nil)
	})
}
