// Command nodes is one of several servers that serve each other's clients, behind any balancer and without sticky
// sessions: whichever of them gets a request passes it on to the one that has the session. They find each other in
// Redis, through which broadcasts go too. Prometheus finds at /metrics how that goes.
//
//	go run ./examples/nodes -addr localhost:3000
//	go run ./examples/nodes -addr localhost:3001
//
// Point a balancer at both, or try it without one: this client talks to one of them, and asks the other for its
// session.
//
//	const socket = io("http://localhost:3000", { transports: ["polling"] });
//	socket.on("connect", () => (socket.io.engine.transport.opts.port = 3001));
//	socket.emit("whoami", (server, sessions) => ...);
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/adaptermetrics"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward/forwardmetrics"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiometrics"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	url := flag.String("redis", "redis://localhost:6379", "address of Redis")
	window := flag.Duration("drain", 2*time.Second, "time over which clients are let go at the end")
	flag.Parse()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}

	var redisOptions adapter.Options
	redisMetrics := adaptermetrics.Instrument(&redisOptions, adaptermetrics.Options{})
	redis, err := adapter.Open(*url, redisOptions)
	if err != nil {
		log.Fatal(err)
	}
	redisMetrics.Watch(redis)
	node := forward.New(forward.Options{
		Registry: forward.NewRedisRegistry(redis.Client(), "socket.io"),
		Address:  func() string { return forward.AddressOf(l.Addr(), redis.LocalAddr()) },
	})

	opts := socketio.Options{NewID: node.NewID, Adapter: redis.PubSub()}
	metrics := socketiometrics.Instrument(&opts, socketiometrics.Options{})
	io := socketio.NewServer(opts)
	io.On("whoami", func(e *socketio.Event) error { return e.Ack(*addr, io.Sessions()) })
	io.On("say", func(e *socketio.Event) error { return io.Emit("said", e.Raw(0)) })
	metrics.Watch(io)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, redisMetrics, forwardmetrics.New(node, forwardmetrics.Options{}))

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", node.Handler(io))
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	registered, cancel := context.WithTimeout(ctx, 2*time.Second) // before the first client, if Redis is there
	node.Start(registered)
	cancel()
	go func() { log.Print(server.Serve(io.Listener(l, forward.ForwardedHeader))) }()
	log.Print("listening on http://", *addr)

	<-ctx.Done()
	// Clients are let go one by one, this node's and those of other nodes that come through it, and connect anew. The
	// rest ends within 5 s.
	ctx, cancel = context.WithTimeout(context.Background(), *window+5*time.Second)
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { node.Drain(ctx, *window) })
	for _, end := range []func() error{
		func() error { return io.Drain(ctx, *window) },
		func() error { others.Wait(); return io.Shutdown(ctx) },
		func() error { node.Cut(); return server.Shutdown(ctx) },
		func() error { return node.Close(ctx) },
		func() error { return redis.Close(ctx) },
	} {
		if err := end(); err != nil {
			log.Print(err)
		}
	}
}
