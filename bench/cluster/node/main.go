// Command node is one node of the clusters that bench/cluster measures: the gateway, with a service that joins the
// rooms that its clients name.
//
// Environment: the gateway's settings (HOST, PORT, ADAPTER, REDIS_URL, NATS_URL, RECOVERY, ...), and TALK: how many
// messages a second the node itself says, in turn, to the rooms foreign0 to foreign99.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s := new(service)
	cfg, err := gateway.LoadConfig(os.Getenv, s)
	if err != nil {
		return err
	}
	g, err := gateway.New(cfg, slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), s)
	if err != nil {
		return err
	}
	if s.talk > 0 {
		go s.speak(ctx)
	}
	return g.Run(ctx)
}

// A said is a message to a room.
type said struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

// service implements gateway.Service.
type service struct {
	talk int
	io   *socketio.Server
}

func (s *service) Settings() []gateway.Setting {
	return []gateway.Setting{{
		Name: "TALK", Default: "0", Meaning: "messages a second that the node itself says", Valid: "a whole number",
		Set: func(v string) (ok bool) {
			n, err := strconv.Atoi(v)
			s.talk = n
			return err == nil && n >= 0
		},
	}}
}

func (s *service) Start(io *socketio.Server, _ gateway.Node) (gateway.Parts, error) {
	s.io = io
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
		var m said
		if err := e.Bind(&m); err != nil {
			return err
		}
		return io.To(m.Room).Emit("said", m)
	})
	io.On("shout", func(e *socketio.Event) error {
		var text string
		if err := e.Bind(&text); err != nil {
			return err
		}
		return io.Emit("said", said{Text: text})
	})
	io.On("fetch", func(e *socketio.Event) error {
		if _, err := io.FetchSockets(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "node: fetch:", err)
			return nil // what is not answered is counted
		}
		return e.Ack(true)
	})
	return gateway.Parts{}, nil
}

// foreignRooms is how many rooms a node speaks to by itself.
const foreignRooms = 100

// speak says what TALK asks for, with numbers that count up in each room, a millisecond's worth at a time.
func (s *service) speak(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began, n := time.Now(), 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for due := int(time.Since(began).Seconds() * float64(s.talk)); n < due; n++ {
			// The stamp is that of bench/load, without a time.
			text := fmt.Sprintf("~%010d%015d%38s", n/foreignRooms, 0, "")
			m := said{"foreign" + strconv.Itoa(n%foreignRooms), text}
			if err := s.io.To(m.Room).Emit("said", m); err != nil {
				fmt.Fprintln(os.Stderr, "node:", err)
			}
		}
	}
}
