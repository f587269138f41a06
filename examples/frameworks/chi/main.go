// Command chi has a Socket.IO server among the routes of chi, behind a middleware of it.
//
//	cd examples/frameworks && go run ./chi
//
// The middleware asks who it is, and refuses whoever does not say. What it puts into the request's context is in that
// of the socket:
//
//	const socket = io("http://localhost:3000", { query: { user: "Ana" } });
//	socket.on("connect_error", ...); // without a user
//	socket.emit("whoami", (user) => console.log(user)); // Ana
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-chi/chi/v5"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// userKey is the key of the user in a context.
type userKey struct{}

// known is a middleware: it lets in who says who it is.
func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.URL.Query().Get("user")
		if user == "" {
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	io := socketio.NewServer(socketio.Options{})
	socketio.Handle0(io, "whoami", func(ctx context.Context, _ *socketio.Socket) (string, error) {
		user, _ := ctx.Value(userKey{}).(string)
		return user, nil
	})

	router := chi.NewRouter()
	router.Get("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, io.SocketCount(), " connected") })
	router.With(known).Handle("/socket.io/*", io)

	log.Print("listening on http://", *addr)
	// Not io.Listener: it answers before the framework and its middlewares.
	server := &http.Server{Addr: *addr, Handler: router}
	if err := socketio.Serve(ctx, server, io, socketio.ServeOptions{DrainWindow: -1}); err != nil {
		log.Fatal(err)
	}
}
