// Takes files, acknowledges their size and sends them back.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func main() {
	io := socket.NewServer(nil, nil)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("upload", func(args ...any) {
			if len(args) != 2 {
				return
			}
			file, ok := args[0].(map[string]any)
			ack, okAck := args[1].(socket.Ack)
			if !ok || !okAck {
				return
			}
			data, ok := file["data"].(types.BufferInterface)
			if !ok {
				return
			}
			ack([]any{data.Len()}, nil)
			s.Emit("file", map[string]any{"name": file["name"], "data": data})
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
