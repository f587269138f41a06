// Command zishang2 is the benchmark's service on github.com/zishang520/socket.io/v2: the chat of service.md and the
// benchmark's own events, in memory, without a log. Environment: HOST, PORT, ORIGINS (that pages may come from,
// separated by commas; without it: no CORS).
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"
)

const room = "roomChatTest"

func main() {
	options := socket.DefaultServerOptions()
	if origins := os.Getenv("ORIGINS"); origins != "" {
		var allowed []any // it takes no []string
		for origin := range strings.SplitSeq(origins, ",") {
			allowed = append(allowed, origin)
		}
		options.SetCors(&types.Cors{Origin: allowed})
	}
	io := socket.NewServer(nil, options)
	host, err := os.Hostname()
	if err != nil {
		fmt.Fprintln(os.Stderr, "zishang2:", err)
		os.Exit(1)
	}
	// The library's documentation sets handlers on "connection". There they miss what a quick client sends, because the
	// client is told first that it is connected. A middleware runs before that.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		chat(io, s, host)
		extra(io, s)
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	addr := net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT"))
	fmt.Fprintln(os.Stderr, "zishang2:", http.ListenAndServe(addr, nil))
	os.Exit(1)
}

func chat(io *socket.Server, s *socket.Socket, host string) {
	s.On("registrar", func(...any) {
		s.Join(room)
		s.Emit("registrado", map[string]any{"room": room})
	})
	s.On("messages", func(args ...any) {
		data, ok := argument[map[string]any](args, 0)
		if !ok {
			return
		}
		io.To(s.Rooms().Keys()...).Emit("messages", map[string]any{
			"nickname": data["nickname"], "message": data["message"], "server": host,
		})
	})
}

func extra(io *socket.Server, s *socket.Socket) {
	change := func(f func(socket.Room)) func(...any) {
		return func(args ...any) {
			name, ok := argument[string](args, 0)
			ack, wanted := argument[socket.Ack](args, 1)
			if !ok || !wanted {
				return
			}
			f(socket.Room(name))
			ack([]any{true}, nil)
		}
	}
	s.On("join", change(func(r socket.Room) { s.Join(r) }))
	s.On("leave", change(func(r socket.Room) { s.Leave(r) }))
	s.On("say", func(args ...any) {
		data, _ := argument[map[string]any](args, 0)
		if name, ok := data["room"].(string); ok {
			io.To(socket.Room(name)).Emit("said", map[string]any{"room": name, "text": data["text"]})
		}
	})
	s.On("echo", func(args ...any) {
		data, ok := argument[map[string]any](args, 0)
		ack, wanted := argument[socket.Ack](args, 1)
		if ok && wanted {
			ack([]any{map[string]any{"text": data["text"]}}, nil)
		}
	})
	s.On("blob", func(args ...any) {
		if name, ok := argument[string](args, 0); ok && len(args) > 1 {
			io.To(socket.Room(name)).Emit("blob", args[1])
		}
	})
}

// argument returns args[i] if it is there and a T.
func argument[T any](args []any, i int) (value T, ok bool) {
	if i < len(args) {
		value, ok = args[i].(T)
	}
	return value, ok
}
