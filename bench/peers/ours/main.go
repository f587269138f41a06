// Command ours is the benchmark's service on the socketio library: the chat of service.md and the benchmark's own events.
//
// Environment: HOST, PORT, REDIS_URL (none: one node in memory), MAX_QUEUE (bytes that may wait for one client).
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	logger := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	opts := socketio.Options{Options: engineio.Options{CORS: &engineio.CORS{}, Logger: logger}}
	if limit := os.Getenv("MAX_QUEUE"); limit != "" {
		var err error
		if opts.MaxQueueBytes, err = strconv.Atoi(limit); err != nil {
			return fmt.Errorf("MAX_QUEUE: %w", err)
		}
	}
	if url := os.Getenv("REDIS_URL"); url != "" {
		redis, err := adapter.Open(url, adapter.Options{Logger: logger})
		if err != nil {
			return err
		}
		defer redis.Close(context.Background())
		opts.Adapter = redis.PubSub()
	}
	io := socketio.NewServer(opts)
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	chat(io, host, logger)
	extra(io)

	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: io}
	served := make(chan error, 1)
	go func() { served <- server.Serve(io.Listener(listener)) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(io.Shutdown(ctx), server.Shutdown(ctx))
}

// chat sets the service's events, with a line of the log where the Nest service writes one.
func chat(io *socketio.Server, host string, log *slog.Logger) {
	const room = "roomChatTest"
	type message struct {
		Nickname string `json:"nickname"`
		Message  string `json:"message"`
		Server   string `json:"server"`
	}
	io.OnConnect(func(s *socketio.Socket) error {
		log.Info("client connected", "id", s.ID())
		return nil
	})
	io.On("registrar", func(e *socketio.Event) error {
		e.Socket().Join(room)
		log.Info("client registered", "id", e.Socket().ID(), "room", room)
		return e.Socket().Emit("registrado", map[string]string{"room": room})
	})
	io.On("messages", func(e *socketio.Event) error {
		var m message
		if err := e.Bind(&m); err != nil {
			return err
		}
		m.Server = host
		log.Info("message received", "id", e.Socket().ID())
		return io.To(e.Socket().Rooms()...).Emit("messages", m)
	})
}

// extra sets the benchmark's events.
func extra(io *socketio.Server) {
	io.On("join", func(e *socketio.Event) error {
		var room string
		if err := e.Bind(&room); err != nil {
			return err
		}
		e.Socket().Join(room)
		return e.Ack(true)
	})
	io.On("leave", func(e *socketio.Event) error {
		var room string
		if err := e.Bind(&room); err != nil {
			return err
		}
		e.Socket().Leave(room)
		return e.Ack(true)
	})
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
