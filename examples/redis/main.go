// Command redis is one of several servers that are one to their clients: broadcasts reach those of all, through Redis.
// Servers on Node.js with @socket.io/redis-adapter may be among them. It ends as a server behind a balancer should.
//
//	go run ./examples/redis -addr localhost:3000
//	go run ./examples/redis -addr localhost:3001
//
// Clients of either hear each other. A balancer in front of them needs sticky sessions where clients poll:
//
//	const socket = io("http://localhost:3001", { transports: ["websocket"] });
//	socket.on("said", (text) => ...);
//	socket.emit("say", "hello, all of you");
//	socket.emit("servers", (count) => ...);
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	url := flag.String("redis", "redis://localhost:6379", "address of Redis")
	window := flag.Duration("drain", 2*time.Second, "time over which clients are let go at the end")
	flag.Parse()

	// Open does not wait for Redis: the server works alone until it is there, and while it is away.
	redis, err := adapter.Open(*url, adapter.Options{})
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.NewServer(socketio.Options{Adapter: redis.PubSub()})
	io.On("say", func(e *socketio.Event) error { return io.Emit("said", e.Raw(0)) })
	io.On("servers", func(e *socketio.Event) error {
		servers, err := io.Adapter().ServerCount(context.Background())
		if err != nil && !errors.Is(err, socketio.ErrIncomplete) { // that it is alone while Redis is away is an answer
			return err
		}
		return e.Ack(servers)
	})

	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	server := &http.Server{Handler: mux}
	go func() { log.Print(server.Serve(io.Listener(l))) }() // connecting and polling cost a fraction on this listener
	log.Print("listening on http://", *addr)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	<-ctx.Done()
	// Clients are let go one by one, and connect to another server; then what is left ends within 5 s.
	ctx, cancel := context.WithTimeout(context.Background(), *window+5*time.Second)
	defer cancel()
	for _, end := range []func() error{
		func() error { return io.Drain(ctx, *window) },
		func() error { return io.Shutdown(ctx) },
		func() error { return server.Shutdown(ctx) },
		func() error { return redis.Close(ctx) },
	} {
		if err := end(); err != nil {
			log.Print(err)
		}
	}
}
