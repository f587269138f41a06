// One of several servers on one Redis: what is said at one is heard at all.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	goredis "github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/adapters/redis/v3"
	"github.com/zishang520/socket.io/adapters/redis/v3/adapter"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	redisOptions, err := goredis.ParseURL(os.Getenv("REDIS"))
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewRedisClient(context.Background(), goredis.NewClient(redisOptions))
	client.On("error", func(args ...any) { log.Print(args...) })
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(&adapter.RedisAdapterBuilder{Redis: client, Opts: adapter.DefaultRedisAdapterOptions()})
	io := socket.NewServer(nil, opts)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.Join("all") // in v3.0.2 other servers do not hear a broadcast without a room
		s.On("say", func(args ...any) {
			if len(args) == 0 {
				return
			}
			if text, ok := args[0].(string); ok {
				io.To("all").Emit("said", text)
			}
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
