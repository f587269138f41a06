// Tells everybody who is there, by name, whenever one enters or goes.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	io := socket.NewServer(nil, nil)
	tell := func() {
		io.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
			if err != nil {
				log.Print(err)
				return
			}
			names := []string{}
			for _, s := range sockets {
				if name, ok := s.Data().(string); ok {
					names = append(names, name)
				}
			}
			io.Emit("present", names)
		})
	}
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("enter", func(args ...any) {
			if len(args) == 0 {
				return
			}
			if name, ok := args[0].(string); ok {
				s.SetData(name)
				tell()
			}
		})
		s.On("disconnect", func(...any) { tell() })
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
