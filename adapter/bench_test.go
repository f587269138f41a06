package adapter

// What a broadcast costs on its way out, until it is bytes for Redis, and in, from where the connection hands it over.

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// benchRedis is a Redis that is not there, and takes nothing.
func benchRedis(b *testing.B) *Redis {
	b.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	r, err := Open("redis://127.0.0.1:1", Options{Logger: quiet, OutboxBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close(canceled()) })
	return r
}

// benchServer is a server with one client in the room "here".
func benchServer(b *testing.B, newAdapter func(*socketio.Namespace) socketio.Adapter) *socketio.Server {
	b.Helper()
	srv := socketio.NewServer(socketio.Options{Adapter: newAdapter})
	joined := make(chan struct{})
	srv.OnConnect(func(s *socketio.Socket) error {
		s.Join("here")
		close(joined)
		return nil
	})
	ts := httptest.NewServer(srv)
	url := strings.Replace(ts.URL, "http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
	conn, _, _, err := ws.Dial(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		srv.Shutdown(ctx)
		ts.Close()
	})
	if err := wsutil.WriteClientText(conn, []byte("40")); err != nil {
		b.Fatal(err)
	}
	go io.Copy(io.Discard, conn)
	<-joined
	return srv
}

// chat is what the chat broadcasts.
func chat(ns *socketio.Namespace) *socketio.Packet {
	return ns.NewPacket("messages",
		map[string]string{"nickname": "Ana", "message": "bom dia, tudo bem?", "server": "node-1"})
}

// chatMessage is the message of the chat's broadcast to rooms, from another server.
func chatMessage(b *testing.B, ns *socketio.Namespace, rooms ...string) cluster.Message {
	b.Helper()
	m, err := cluster.BroadcastMessage(chat(ns), socketio.BroadcastOptions{Rooms: rooms})
	if err != nil {
		b.Fatal(err)
	}
	m.Sender = "AAAAAA"
	return m
}

// BenchmarkReceive is what a message of another server costs: for a room without a member here, and for one with a
// member, whose queue takes it.
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
			r := benchRedis(b)
			a := benchServer(b, r.PubSub()).Adapter().(*cluster.Adapter)
			bus := newPubSubBus(r, a)
			text, err := bus.encodeBroadcast(chatMessage(b, a.Namespace(), c.rooms...))
			if err != nil {
				b.Fatal(err)
			}
			channel := bus.channel
			if len(c.rooms) == 1 {
				channel += c.rooms[0] + "#"
			}
			benchReceive(b, r, a, len(text), func() { bus.onMessage(channel, string(text)) })
		})
	}
}

// BenchmarkReceiveSharded is BenchmarkReceive for a message in the form of Node.js's newer adapters.
func BenchmarkReceiveSharded(b *testing.B) {
	for name, room := range map[string]string{"nobody here": "elsewhere", "one member here": "here"} {
		b.Run(name, func(b *testing.B) {
			r := benchRedis(b)
			a := benchServer(b, r.Sharded(Dynamic)).Adapter().(*cluster.Adapter)
			bus := newShardedBus(r, a)
			text, err := bus.Encode(chatMessage(b, a.Namespace(), room))
			if err != nil {
				b.Fatal(err)
			}
			benchReceive(b, r, a, len(text), func() { bus.onMessage(bus.channel, string(text)) })
		})
	}
}

// benchReceive measures receive. The message's string is made each time, as by a connection.
func benchReceive(b *testing.B, r *Redis, a *cluster.Adapter, size int, receive func()) {
	b.Helper()
	drain := func() {
		done := make(chan struct{})
		a.EnqueueWait(b.Context(), 0, func() { close(done) })
		<-done
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		receive()
		if i%512 == 0 {
			drain()
		}
	}
	drain()
	if s := r.Stats(); s.Malformed+s.ReceiveDropped != 0 {
		b.Errorf("%d messages malformed, %d dropped", s.Malformed, s.ReceiveDropped)
	}
}

// BenchmarkBroadcast is what a broadcast costs whose sockets are elsewhere.
func BenchmarkBroadcast(b *testing.B) {
	opts := socketio.BroadcastOptions{Rooms: []string{"elsewhere", "nor here"}}
	for name, kind := range map[string]func(*Redis) func(*socketio.Namespace) socketio.Adapter{
		"pubsub":  (*Redis).PubSub,
		"sharded": func(r *Redis) func(*socketio.Namespace) socketio.Adapter { return r.Sharded(Dynamic) },
		"streams": func(r *Redis) func(*socketio.Namespace) socketio.Adapter { return r.Streams(StreamsOptions{}) },
	} {
		b.Run(name, func(b *testing.B) {
			srv := socketio.NewServer(socketio.Options{Adapter: kind(benchRedis(b))})
			a := srv.Adapter()
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Broadcast(chat(srv.Of("/")), opts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPublishEncode is what a broadcast costs until it is bytes for Redis, without the outbox.
func BenchmarkPublishEncode(b *testing.B) {
	r := benchRedis(b)
	srv := socketio.NewServer(socketio.Options{Adapter: r.PubSub()})
	a := srv.Adapter().(*cluster.Adapter)
	bus := newPubSubBus(r, a)
	opts := socketio.BroadcastOptions{Rooms: []string{"elsewhere", "nor here"}}
	b.ReportAllocs()
	for b.Loop() {
		m, err := cluster.BroadcastMessage(chat(a.Namespace()), opts)
		if err == nil {
			_, err = bus.encodeBroadcast(m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
