// Command client is a client of examples/rooms: it enters a room, prints what happens there, and says what is typed.
//
//	go run ./examples/rooms &
//	go run ./examples/client -nickname Ana -room kitchen
//
// A connection that is lost comes back by itself; what has been typed meanwhile is said then.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

func main() {
	url := flag.String("url", "http://localhost:3000", "URL of the server")
	nickname := flag.String("nickname", "somebody", "nickname")
	room := flag.String("room", "kitchen", "room to be in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	opts := client.Options{Auth: map[string]string{"nickname": *nickname}}
	if err := chat(ctx, *url, opts, *room, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// chat takes part until the end of what is typed, or of ctx.
func chat(ctx context.Context, url string, opts client.Options, room string, in io.Reader, out io.Writer) error {
	s, err := client.New(url, opts)
	if err != nil {
		return err
	}
	defer s.Conn().Close()
	client.On2(s, "came", func(_ context.Context, room, who string) error {
		_, err := fmt.Fprintf(out, "* %s came to the %s\n", who, room)
		return err
	})
	client.On2(s, "went", func(_ context.Context, room, who string) error {
		_, err := fmt.Fprintf(out, "* %s left the %s\n", who, room)
		return err
	})
	s.On("said", func(e *client.Event) error {
		var room, who, text string
		if err := e.Bind(&room, &who, &text); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s: %s\n", who, text)
		return err
	})
	// Each connection enters the room anew: the server has forgotten a client that was away.
	s.OnConnect(func() {
		present, err := client.Ask[[]string](s.Context(), s, "join", room)
		if err == nil {
			fmt.Fprintln(out, "* there already:", present)
		}
	})
	s.OnDisconnect(func(reason client.Reason, _ error) { fmt.Fprintln(out, "* disconnected:", reason) })
	if err := s.Connect(ctx); err != nil {
		return err
	}

	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(in); scan.Scan(); {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return s.Conn().Flush(ctx)
			}
			if err := s.Emit("say", room, line); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
