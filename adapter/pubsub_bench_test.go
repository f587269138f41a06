package adapter

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// benchAdapter returns an adapter of a server whose Redis is not there, with one client in the room "here".
func benchAdapter(b *testing.B) *pubSubAdapter {
	b.Helper()
	r, err := Open("redis://127.0.0.1:1", Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), OutboxBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	srv := socketio.NewServer(socketio.Options{Adapter: r.PubSub()})
	joined := make(chan struct{})
	srv.OnConnect(func(s *socketio.Socket) error {
		s.Join("here")
		close(joined)
		return nil
	})
	ts := httptest.NewServer(srv)
	conn, _, _, err := ws.Dial(b.Context(), "ws"+strings.TrimPrefix(ts.URL, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		srv.Shutdown(ctx)
		r.Close(canceled())
		ts.Close()
	})
	if err := wsutil.WriteClientText(conn, []byte("40")); err != nil {
		b.Fatal(err)
	}
	go discard(conn)
	<-joined
	return srv.Adapter().(*pubSubAdapter)
}

func discard(conn net.Conn) { io.Copy(io.Discard, conn) }

// chat is what the chat broadcasts.
func chat(a *pubSubAdapter) *socketio.Packet {
	return a.ns.NewPacket("messages", map[string]string{"nickname": "Ana", "message": "bom dia, tudo bem?", "server": "node-1"})
}

// fromAnother is the message of another server for these rooms.
func fromAnother(b *testing.B, a *pubSubAdapter, rooms ...string) published {
	b.Helper()
	message, err := appendPacket([]byte("\x93\xa6AAAAAA"), chat(a), "/")
	if err != nil {
		b.Fatal(err)
	}
	m := published{a.channel, string(appendOptions(message, socketio.BroadcastOptions{Rooms: rooms}))}
	if len(rooms) == 1 {
		m.channel += rooms[0] + "#"
	}
	return m
}

// BenchmarkReceive is what a message of another server costs from where the connection hands it over: for a room without
// a member here, and for one with a member, whose queue takes it.
func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct {
		name  string
		rooms []string
	}{
		{"one room, nobody here", []string{"elsewhere"}},
		{"two rooms, nobody here", []string{"elsewhere", "nor here"}},
		{"one room, one member here", []string{"here"}},
		{"two rooms, one member here", []string{"elsewhere", "here"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			a := benchAdapter(b)
			m := fromAnother(b, a, c.rooms...)
			b.SetBytes(int64(len(m.payload)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.onMessage(m.channel, m.payload)
				if i%512 == 0 {
					<-a.inbox.drained()
				}
			}
			<-a.inbox.drained()
			if n := a.redis.stats.malformed.Load() + a.redis.stats.receiveDropped.Load(); n != 0 {
				b.Errorf("%d messages malformed or dropped", n)
			}
		})
	}
}

// BenchmarkPublishEncode is what a broadcast costs until it is bytes for Redis.
func BenchmarkPublishEncode(b *testing.B) {
	a := benchAdapter(b)
	opts := socketio.BroadcastOptions{Rooms: []string{"elsewhere", "nor here"}}
	b.ReportAllocs()
	for b.Loop() {
		message, err := appendPacket(a.appendUID(make([]byte, 0, 256)), chat(a), "/")
		if err != nil {
			b.Fatal(err)
		}
		_ = appendOptions(message, opts)
	}
}
