// Package loadtest has servers, in the test's process, for tests of the load generator: one that serves what the
// benchmark asks of a peer, and one that does wrong when told to.
package loadtest

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Serve starts a Socket.IO server with the events of bench/service.md and returns its address.
func Serve(t *testing.T) string {
	t.Helper()
	io := socketio.NewServer(socketio.Options{Logger: slog.New(slog.DiscardHandler)})
	chat(io)
	extra(io)
	server := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return strings.TrimPrefix(server.URL, "http://")
}

func chat(io *socketio.Server) {
	io.On("registrar", func(e *socketio.Event) error {
		e.Socket().Join("roomChatTest")
		return e.Socket().Emit("registrado", map[string]string{"room": "roomChatTest"})
	})
	io.On("messages", func(e *socketio.Event) error {
		var m struct {
			Nickname string `json:"nickname"`
			Message  string `json:"message"`
			Server   string `json:"server"`
		}
		if err := e.Bind(&m); err != nil {
			return err
		}
		m.Server = "here"
		return io.To(e.Socket().Rooms()...).Emit("messages", m)
	})
}

func extra(io *socketio.Server) {
	change := func(f func(s *socketio.Socket, room string)) func(e *socketio.Event) error {
		return func(e *socketio.Event) error {
			var room string
			if err := e.Bind(&room); err != nil {
				return err
			}
			f(e.Socket(), room)
			return e.Ack(true)
		}
	}
	io.On("join", change(func(s *socketio.Socket, room string) { s.Join(room) }))
	io.On("leave", change(func(s *socketio.Socket, room string) { s.Leave(room) }))
	io.On("say", func(e *socketio.Event) error {
		var said struct {
			Room string `json:"room"`
			Text string `json:"text"`
		}
		if err := e.Bind(&said); err != nil {
			return err
		}
		return io.To(said.Room).Emit("said", said)
	})
	io.On("echo", func(e *socketio.Event) error {
		var echo struct {
			Text string `json:"text"`
		}
		if err := e.Bind(&echo); err != nil {
			return err
		}
		return e.Ack(echo)
	})
	io.On("blob", func(e *socketio.Event) error {
		var room string
		var blob socketio.Binary
		if err := e.Bind(&room, &blob); err != nil {
			return err
		}
		return io.To(room).Emit("blob", blob)
	})
}

// A Fault tells how often a message is delivered to a client. Both are counted from zero. A nil Fault delivers once.
type Fault func(client, message int) (times int)

// Floor starts a server that sends each client's messages to all clients, with a fault, and returns its address.
func Floor(t *testing.T, fault Fault) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &floor{fault: fault}
	f.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.all = append(f.all, conn)
			f.running.Go(func() { f.serve(conn) })
			f.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.mu.Lock()
		for _, conn := range f.all {
			conn.Close()
		}
		f.mu.Unlock()
		f.running.Wait()
	})
	return listener.Addr().String()
}

type floor struct {
	fault   Fault
	running sync.WaitGroup

	mu       sync.Mutex
	all      []net.Conn // accepted
	clients  []net.Conn // with a WebSocket
	messages int
}

func (f *floor) serve(conn net.Conn) {
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	f.mu.Lock()
	f.clients = append(f.clients, conn)
	f.mu.Unlock()
	for {
		message, _, err := wsutil.ReadClientData(conn)
		if err != nil {
			return
		}
		f.mu.Lock()
		for i, client := range f.clients {
			times := 1
			if f.fault != nil {
				times = f.fault(i, f.messages)
			}
			for range times {
				wsutil.WriteServerText(client, message)
			}
		}
		f.messages++
		f.mu.Unlock()
	}
}
