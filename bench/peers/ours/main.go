// Command ours is the benchmark's service on the gateway: the chat of service.md and the benchmark's own events.
//
// Environment: the gateway's settings (HOST, PORT, MAX_QUEUE, METRICS_ADDR, ...). Without REDIS_URL it is one node in
// memory. With CHAT=gateway its chat is the gateway's own.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
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
	cfg, err := gateway.LoadConfig(getenv, service{})
	if err != nil {
		return err
	}
	// Not the gateway's own logger, which would count lines with the same message instead of writing them: see
	// "Logging" in service.md.
	g, err := gateway.New(cfg, slog.New(slog.NewJSONHandler(os.Stdout, nil)), service{})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// getenv is the environment. A peer that is given no Redis is not to look for one.
func getenv(name string) string {
	value := os.Getenv(name)
	if name == "ADAPTER" && value == "" && os.Getenv("REDIS_URL") == "" {
		return "memory"
	}
	return value
}

// service implements gateway.Service.
type service struct{}

func (service) Settings() []gateway.Setting { return nil }

func (service) Start(io *socketio.Server, node gateway.Node) (parts gateway.Parts, err error) {
	if os.Getenv("CHAT") == "gateway" {
		parts, err = new(chat.Service).Start(io, node)
	} else {
		bound(io, node.Hostname, node.Log)
	}
	extra(io)
	return parts, err
}

// bound sets the service's events, with a line of the log where the Nest service writes one. It binds payloads.
func bound(io *socketio.Server, host string, log *slog.Logger) {
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
