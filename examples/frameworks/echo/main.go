// Command echo has a Socket.IO server among the routes of Echo, behind a middleware of it.
//
//	cd examples/frameworks && go run ./echo
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

	"github.com/labstack/echo/v4"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// userKey is the key of the user in a context.
type userKey struct{}

// known is a middleware: it lets in who says who it is.
func known(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		user := c.QueryParam("user")
		if user == "" {
			return echo.NewHTTPError(http.StatusUnauthorized)
		}
		// Not c.Set: the echo.Context is used again for other requests, and the socket outlives its own.
		r := c.Request()
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
		return next(c)
	}
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

	router := echo.New()
	router.GET("/", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprint(io.SocketCount(), " connected"))
	})
	router.Any("/socket.io/*", echo.WrapHandler(io), known)

	log.Print("listening on http://", *addr)
	// Not io.Listener: it answers before the framework and its middlewares.
	server := &http.Server{Addr: *addr, Handler: router}
	if err := socketio.Serve(ctx, server, io, socketio.ServeOptions{DrainWindow: -1}); err != nil {
		log.Fatal(err)
	}
}
