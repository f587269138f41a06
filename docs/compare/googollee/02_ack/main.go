// Acknowledges add with the sum, and asks the client who says greet for its name, for 500 ms.
package main

import (
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	socketio "github.com/googollee/go-socket.io"
)

func main() {
	io := socketio.NewServer(nil)
	io.OnEvent("/", "add", func(s socketio.Conn, a, b float64) float64 {
		return a + b
	})
	io.OnEvent("/", "greet", func(s socketio.Conn) {
		var once sync.Once
		greet := func(name string) {
			once.Do(func() { s.Emit("greeting", "Hello, "+name) })
		}
		// The library has no time-out for acknowledgements; what is late stays in its table.
		timer := time.AfterFunc(500*time.Millisecond, func() { greet("stranger") })
		s.Emit("name", func(name string) {
			timer.Stop()
			greet(name)
		})
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
