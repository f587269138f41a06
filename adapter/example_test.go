package adapter_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// quiet keeps the examples' log out of the way: no Redis need run for them.
var quiet = slog.New(slog.DiscardHandler)

// Two programs that do this are one cluster: what one emits reaches the clients of both.
func ExampleRedis_PubSub() {
	redis, err := adapter.Open("redis://localhost:6379", adapter.Options{Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.NewServer(socketio.Options{Adapter: redis.PubSub()})
	io.On("message", func(e *socketio.Event) error {
		return io.To("room").Emit("message", e.Raw(0))
	})
	fmt.Println("serving on", redis.Name())

	// At the end the server goes first, as its sockets still have something to say.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := io.Shutdown(ctx); err != nil {
		log.Print(err)
	}
	if err := redis.Close(ctx); err != nil {
		log.Print(err)
	}
	// Output: serving on redis://localhost:6379
}

// On a Redis Cluster of version 7 or later, sharded Pub/Sub spreads the load over all masters.
func ExampleRedis_Sharded() {
	redis, err := adapter.Open("redis://localhost:7000,localhost:7001,localhost:7002", adapter.Options{Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.NewServer(socketio.Options{Adapter: redis.Sharded(adapter.Dynamic)})
	fmt.Println(io.Emit("hello", "everybody"))

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = io.Shutdown(ctx)
	_ = redis.Close(ctx) // there need be no Redis for this example: the error is that hello was not sent
	// Output: <nil>
}

// With recovery a client that was away for a moment resumes its session on any server, also when its own was killed,
// and gets what it has missed. The server and the adapter get the same settings.
func ExampleRedis_Streams() {
	redis, err := adapter.Open("redis://localhost:6379", adapter.Options{Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	recovery := &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: 2 * time.Minute}
	io := socketio.NewServer(socketio.Options{
		ConnectionStateRecovery: recovery,
		Adapter:                 redis.Streams(adapter.StreamsOptions{Recovery: recovery}),
	})
	io.OnConnect(func(s *socketio.Socket) error {
		if !s.Recovered() {
			s.Join("news") // a session that is resumed is in its rooms already
		}
		return nil
	})
	fmt.Println("sessions are kept for", recovery.MaxDisconnectionDuration)

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = io.Shutdown(ctx)
	_ = redis.Close(ctx)
	// Output: sessions are kept for 2m0s
}

// A request that not all servers have answered in time returns what there is, and says so.
func ExampleErrIncomplete() {
	redis, err := adapter.Open("redis://localhost:6379", adapter.Options{Logger: quiet, RequestsTimeout: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.NewServer(socketio.Options{Adapter: redis.PubSub()})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	sockets, err := io.To("room").FetchSockets(ctx)
	switch {
	case err == nil:
		fmt.Println("there are", len(sockets))
	default: // errors.Is(err, adapter.ErrIncomplete)
		fmt.Println("there are at least", len(sockets))
	}
	_ = io.Shutdown(ctx)
	_ = redis.Close(ctx)
	// Output: there are at least 0
}
