// Command gin has a Socket.IO server among the routes of Gin, behind a middleware of it.
//
//	cd examples/frameworks && go run ./gin
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
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/gin-gonic/gin"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// userKey is the key of the user in a context.
type userKey struct{}

// known is a middleware: it lets in who says who it is.
func known(c *gin.Context) {
	user := c.Query("user")
	if user == "" {
		c.AbortWithStatus(http.StatusUnauthorized)
		return
	}
	// Not c.Set: the gin.Context is used again for other requests, and the socket outlives its own.
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), userKey{}, user))
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

	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "%d connected", io.SocketCount()) })
	router.Group("/socket.io", known).Any("/*any", gin.WrapH(io))

	log.Print("listening on http://", *addr)
	// Not io.Listener: it answers before the framework and its middlewares.
	server := &http.Server{Addr: *addr, Handler: router}
	if err := socketio.Serve(ctx, server, io, socketio.ServeOptions{DrainWindow: -1}); err != nil {
		log.Fatal(err)
	}
}
