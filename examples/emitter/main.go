// Command emitter has no clients: it is a web backend that tells those of Socket.IO servers what happens, through
// Redis. The servers may be examples/redis, the gateway, or Node.js's with @socket.io/redis-adapter.
//
//	go run ./examples/redis &
//	go run ./examples/emitter -addr localhost:4000
//
// A POST broadcasts its body, JSON, to a room, or without one to everybody:
//
//	curl -d '{"text":"hello"}' localhost:4000/events/said
//	curl -d '{"id":7}' 'localhost:4000/events/paid?room=order:7'
//
// 204 means that Redis has it. 503 means that it has not, and that the caller should try again; 504, that it may have.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/emitter"
)

// publish is the handler of POST /events/{event}.
func publish(e emitter.Emitter) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		err := e.To(r.URL.Query()["room"]...).Emit(r.Context(), r.PathValue("event"), body)
		switch {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case errors.Is(err, emitter.ErrReservedEvent):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case errors.Is(err, emitter.ErrMaybeTaken):
			http.Error(w, err.Error(), http.StatusGatewayTimeout)
		default:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}
}

func main() {
	addr := flag.String("addr", "localhost:4000", "address to listen on")
	url := flag.String("redis", "redis://localhost:6379", "address of Redis")
	protocol := flag.String("protocol", "pubsub", "that of the servers' adapter: pubsub, sharded or streams")
	flag.Parse()

	opts, err := redis.ParseURL(*url)
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(opts)
	defer client.Close()

	mux := http.NewServeMux()
	mux.Handle("POST /events/{event}", publish(emitter.New(client, emitter.Options{
		Protocol: emitter.Protocol(*protocol),
	})))
	server := &http.Server{Addr: *addr, Handler: mux}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		log.Print("listening on http://", *addr)
		log.Print(server.ListenAndServe())
		stop()
	}()
	<-ctx.Done()
	// Whoever has had an answer is heard: nothing waits in this process.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Print(err)
	}
}
