// One of several servers on one Redis: what is said at one is heard at all.
package main

import (
	"log"
	"net/http"
	"net/url"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

func main() {
	redis, err := url.Parse(os.Getenv("REDIS"))
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.NewServer(nil)
	if _, err := io.Adapter(&socketio.RedisAdapterOptions{Addr: redis.Host}); err != nil {
		log.Fatal(err)
	}
	io.OnConnect("/", func(s socketio.Conn) error {
		s.Join("all") // a broadcast is to a room
		return nil
	})
	io.OnEvent("/", "say", func(s socketio.Conn, text string) {
		io.BroadcastToRoom("/", "all", "said", text)
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
