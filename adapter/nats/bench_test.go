package nats

// What two servers make of each other's messages, over NATS and over Redis, in one run.

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// benchWindow is how many messages may be on their way.
const benchWindow = 512

// BenchmarkTwoNodes has one server say something to a room, which has one client of another server, as fast as that
// gets it. Both brokers are processes of their own.
func BenchmarkTwoNodes(b *testing.B) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	b.Run("nats", func(b *testing.B) {
		s := natsserver.StartProcess(b)
		var of []func(*socketio.Namespace) socketio.Adapter
		for range 2 {
			broker, err := Open(s, Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { broker.Close(context.Background()) })
			of = append(of, broker.Adapter())
		}
		benchTwo(b, of[0], of[1])
	})
	redis := func(b *testing.B, newAdapter func(*adapter.Redis) func(*socketio.Namespace) socketio.Adapter) {
		s := fleet.StartRedis(b)
		var of []func(*socketio.Namespace) socketio.Adapter
		for range 2 {
			r, err := adapter.Open(s.URL(), adapter.Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { r.Close(context.Background()) })
			of = append(of, newAdapter(r))
		}
		benchTwo(b, of[0], of[1])
	}
	b.Run("redis pubsub", func(b *testing.B) { redis(b, (*adapter.Redis).PubSub) })
	b.Run("redis sharded", func(b *testing.B) {
		redis(b, func(r *adapter.Redis) func(*socketio.Namespace) socketio.Adapter {
			return r.Sharded(adapter.Dynamic)
		})
	})
}

// benchTwo measures messages from a server with one adapter to a client of a server with the other.
func benchTwo(b *testing.B, from, to func(*socketio.Namespace) socketio.Adapter) {
	b.Helper()
	speaks := socketio.NewServer(socketio.Options{Adapter: from})
	hears := socketio.NewServer(socketio.Options{Adapter: to})
	got := listen(b, hears)
	for _, s := range []*socketio.Server{speaks, hears} {
		b.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			s.Shutdown(ctx)
		})
		eventually(b, "the servers know of each other", func() bool {
			n, err := s.Adapter().ServerCount(context.Background())
			return n == 2 && err == nil
		})
	}
	say := func() {
		err := speaks.To("room").Emit("messages",
			map[string]string{"nickname": "Ana", "message": "bom dia, tudo bem?", "server": "node-1"})
		if err != nil {
			b.Fatal(err)
		}
	}
	// What is said comes as this, behind two bytes of WebSocket (RFC 6455 section 5.2).
	const event = `42["messages",{"message":"bom dia, tudo bem?","nickname":"Ana","server":"node-1"}]`
	const size = int64(len(event) + 2)
	eventually(b, "the room is heard", func() bool { say(); return got.Load() > 0 })
	for quiet := int64(-1); quiet != got.Load(); time.Sleep(200 * time.Millisecond) { // some may be under way
		quiet = got.Load()
	}
	before := got.Load()
	arrived := func() int64 { return (got.Load() - before) / size }
	wait := func(most int64, sent int64) {
		if sent-arrived() <= most {
			return
		}
		for last, since := arrived(), time.Now(); sent-arrived() > most; time.Sleep(20 * time.Microsecond) {
			if n := arrived(); n != last {
				last, since = n, time.Now()
			} else if time.Since(since) > patience {
				b.Fatalf("%d of %d messages have come", n, sent)
			}
		}
	}
	b.ResetTimer()
	for i := range int64(b.N) {
		wait(benchWindow-1, i)
		say()
	}
	wait(0, int64(b.N))
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	if n := got.Load() - before; n != int64(b.N)*size {
		b.Errorf("%d bytes of %d messages of %d", n, b.N, size)
	}
}

// listen connects a client that is in the room, and counts the bytes that it gets.
func listen(b *testing.B, server *socketio.Server) *atomic.Int64 {
	b.Helper()
	joined := make(chan struct{})
	server.OnConnect(func(s *socketio.Socket) error {
		s.Join("room")
		close(joined)
		return nil
	})
	ts := httptest.NewServer(server)
	conn, early, _, err := ws.Dial(b.Context(), strings.Replace(ts.URL, "http", "ws", 1)+
		"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	b.Cleanup(func() { conn.Close(); <-ended; ts.Close() })
	if err := wsutil.WriteClientText(conn, []byte("40")); err != nil {
		b.Fatal(err)
	}
	<-joined
	in := struct {
		io.Reader
		io.Writer
	}{conn, conn}
	if early != nil { // the handshake may come with the answer to the upgrade
		in.Reader = early
	}
	for range 2 { // the handshake, and CONNECT
		if _, err := wsutil.ReadServerText(in); err != nil {
			b.Fatal(err)
		}
	}
	got := new(atomic.Int64)
	go func() {
		defer close(ended)
		buf := make([]byte, 64<<10)
		for {
			n, err := in.Read(buf)
			got.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	return got
}
