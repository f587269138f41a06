package engineio

// Everything at once.

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// Clients come, talk, upgrade, stop reading and go in every way. Meanwhile many goroutines send to their sessions and
// close them. In the middle of it comes a Drain, and in the middle of that a Shutdown. The race detector watches, and
// start checks that in the end all sessions are gone and each had its OnClose once.
func TestStorm(t *testing.T) {
	for name, listener := range map[string]func() setup{
		"tcp": func() setup { return setup{} },
		"net/http": func() setup {
			return setup{opts: Options{netHTTPOnly: true, PerMessageDeflate: &PerMessageDeflate{}}}
		},
		"asked": func() setup {
			return setup{opts: Options{
				PerMessageDeflate: &PerMessageDeflate{ContextTakeover: true, MaxContexts: 4},
				AllowRequest:      func(*http.Request) error { return nil },
				OnHeaders:         func(h http.Header, _ *http.Request) { h.Set("X-Storm", "1") },
				OnSession: func(s *Session) {
					s.Listen(SessionEvents{
						Packet: func(Packet) {}, PacketCreate: func(Packet) {},
						Drain: func() {}, Upgrade: func(string) {},
					})
				},
			}}
		},
		"opaque": func() setup {
			return setup{
				listener: opaqueListener{listen(t, "tcp", "127.0.0.1:0")},
				opts:     Options{PerMessageDeflate: &PerMessageDeflate{}},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := listener()
			s.opts.PingInterval, s.opts.PingTimeout = 5*time.Millisecond, 50*time.Millisecond
			s.opts.UpgradeTimeout, s.opts.MaxQueueBytes = 20*time.Millisecond, 1<<20
			s.message, s.closeTimeout = echo, 50*time.Millisecond
			h := start(t, s)
			stop := make(chan struct{})
			running := func() bool {
				select {
				case <-stop:
					return false
				default:
					return true
				}
			}
			var all sync.WaitGroup
			var opened, delivered atomic.Int64
			for i := range 16 {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), 1))
					for running() {
						if random.IntN(3) == 0 {
							h.stormWS(random)
						} else {
							h.stormPoll(random)
						}
						opened.Add(1)
					}
				})
			}
			messages := []*Message{
				text("short"),
				text(strings.Repeat("long ", 5000)),
				NewBinaryMessage(make([]byte, 3000), MessageOptions{}),
				NewTextMessage([]byte("51-"), [][]byte{{1}, make([]byte, 70_000)}, MessageOptions{}),
				NewTextMessage([]byte("v"), nil, MessageOptions{Volatile: true}),
			}
			for i := range 4 { // broadcasters, two of whom close what they meet
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), 2))
					for running() {
						for _, session := range h.all() {
							if session.Send(messages[random.IntN(len(messages))]) {
								delivered.Add(1)
							}
							if i < 2 && random.IntN(50) == 0 {
								session.Close(ReasonForcedClose)
							}
							_ = session.Transport()
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
			eventually(t, "a good deal of traffic", func() bool {
				return opened.Load() > 400 && delivered.Load() > 4000
			})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			var shutdown sync.WaitGroup
			shutdown.Go(func() { _ = h.Drain(ctx, 60*time.Millisecond) })
			time.Sleep(30 * time.Millisecond) // some sessions have had their turn, and some not
			for range 2 {
				shutdown.Go(func() { _ = h.Shutdown(ctx) }) // ctx may end it
			}
			shutdown.Wait()
			close(stop)
			all.Wait()
		})
	}
}

// stormWS is the life of one WebSocket client. Whatever happens to it is fine.
func (h *host) stormWS(random *rand.Rand) {
	c, err := h.tryDial("transport=websocket")
	if err != nil {
		return
	}
	defer c.conn.Close()
	c.storm(random)
}

func (c *wsClient) storm(random *rand.Rand) {
	for range random.IntN(30) {
		switch random.IntN(12) {
		case 0:
			return // gone without a word
		case 1:
			c.write(ws.OpClose, "\x03\xe8")
		case 2:
			_ = c.tryWriteRaw([]byte{0xff, 0x00, 0x13})
		case 3:
			c.write(ws.OpPing, "p")
		case 4:
			c.write(ws.OpBinary, strings.Repeat("b", random.IntN(3000)))
		case 5:
			time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
		default:
			c.send("4hello")
		}
		_, b, err := c.tryRead()
		if err != nil {
			return
		}
		if string(b) == "2" {
			c.send("3")
		}
	}
}

// stormPoll is the life of one client that begins by polling and may upgrade.
func (h *host) stormPoll(random *rand.Rand) {
	a, err := h.request("GET", "transport=polling", "")
	if err != nil || a.status != 200 || !strings.HasPrefix(a.body, `0{"sid":"`) {
		return
	}
	params := "transport=polling&sid=" + a.body[9:29]
	var background sync.WaitGroup
	defer background.Wait()
	for range random.IntN(10) {
		switch random.IntN(8) {
		case 0:
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			_, _ = h.do(ctx, "GET", h.url("http", params), nil)
			cancel()
		case 1:
			background.Go(func() { _, _ = h.request("GET", params, "") })
		case 2, 3:
			c, err := h.tryDial("transport=websocket&sid=" + a.body[9:29])
			if err != nil {
				return
			}
			c.send("2probe")
			if random.IntN(3) > 0 {
				_, _, _ = c.tryRead()
				c.send("5")
			}
			c.storm(random)
			_ = c.conn.Close()
		case 4:
			_, _ = h.request("POST", params, "garbage")
		default:
			_, _ = h.request("POST", params, "4hello\x1e3")
			if a, err := h.request("GET", params, ""); err != nil || a.status != 200 {
				return
			}
		}
	}
}
