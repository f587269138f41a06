// Command graceful loses nothing at its end. SIGTERM (Ctrl-C) stops new clients, lets those that are there go one after
// the other, and waits for what they have asked for.
//
//	go run ./examples/graceful
//
// A client gets its answer though the server is stopped meanwhile. It sees "transport close" then and connects again by
// itself, to another server where there is a balancer:
//
//	const socket = io("http://localhost:3000");
//	socket.on("working", () => console.log("now stop the server"));
//	socket.emit("work", (answer) => console.log(answer)); // done
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	window := flag.Duration("drain", 2*time.Second, "time over which clients are let go at the end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	io := socketio.NewServer(socketio.Options{})
	// A client that goes by itself cancels ctx. The server's end does not: the handler has 3 s to answer.
	socketio.Handle0(io, "work", func(ctx context.Context, s *socketio.Socket) (string, error) {
		if err := s.Emit("working"); err != nil {
			return "", err
		}
		select {
		case <-time.After(time.Second):
			return "done", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	})
	io.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) { log.Print(s.ID(), ": ", reason) })

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	// A balancer asks this. It answers until the end of the last client, and then no more.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	log.Print("listening on http://", *addr)
	err := socketio.Serve(ctx, &http.Server{Addr: *addr, Handler: mux}, io, socketio.ServeOptions{DrainWindow: *window})
	if err != nil {
		log.Fatal(err) // could not listen, or some clients had to be cut
	}
	log.Print("all clients have left")
}
