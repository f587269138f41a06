// Command presence shows who is online: who comes and who goes, however many tabs each has open, and on however many
// servers. A user whose page is loaded again does not go. With -redis several servers know it together, also when one
// of them is killed.
//
//	go run ./examples/presence
//	go run ./examples/presence -redis redis://localhost:6379 -addr localhost:3001
//
// A client:
//
//	const socket = io("http://localhost:3000", { auth: { user: "Ana" } });
//	socket.emit("who", (users) => console.log("online:", users));
//	socket.on("online", (user) => ...);
//	socket.on("offline", (user) => ...);
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// user is whose a socket is.
var user = socketio.NewKey[string]("user")

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	url := flag.String("redis", "", "address of Redis; none: this server stands alone")
	grace := flag.Duration("grace", 2*time.Second, "how long a user may be gone who has not gone offline")
	flag.Parse()

	var opts socketio.Options
	store := presence.NewMemory()
	if *url != "" {
		redis, err := adapter.Open(*url, adapter.Options{})
		if err != nil {
			log.Fatal(err)
		}
		defer redis.Close(context.Background())
		opts.Adapter, store = redis.PubSub(), presence.NewRedis(redis.Client(), presence.RedisOptions{})
	}
	io := socketio.NewServer(opts)
	p := presence.New(io.Of("/"), store, presence.Options{Grace: *grace})
	serve(io, p)
	http.Handle("/socket.io/", io)
	go func() { log.Print(http.ListenAndServe(*addr, nil)) }()
	log.Print("listening on http://", *addr)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// In this order: the users of this server have time to come back on another.
	if err := errors.Join(io.Shutdown(ctx), p.Close(ctx)); err != nil {
		log.Print(err)
	}
}

// serve sets the handlers.
func serve(io *socketio.Server, p *presence.Presence) {
	io.Use(func(s *socketio.Socket) error {
		var auth struct{ User string }
		if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.User == "" {
			return errors.New("a user is needed")
		}
		return user.Set(s, auth.User)
	})
	io.OnConnect(func(s *socketio.Socket) error {
		name, _ := user.Get(s)
		return p.Track(s, name)
	})
	// Every server is told of every change, and tells its own clients.
	p.OnChange(func(c presence.Change) {
		event := "offline"
		if c.Online {
			event = "online"
		}
		if err := io.Local().Emit(event, c.User); err != nil {
			log.Print(err)
		}
	})
	socketio.Handle0(io, "who", func(ctx context.Context, _ *socketio.Socket) ([]string, error) {
		return everybody(ctx, p)
	})
}

// everybody lists who is online, page by page. Somebody who comes meanwhile may be on two pages.
func everybody(ctx context.Context, p *presence.Presence) ([]string, error) {
	var users []string
	for cursor := ""; ; {
		page, err := p.Users(ctx, "", cursor, 1000)
		if err != nil {
			return nil, err // Redis is away: better no list than one in which people are missing
		}
		users = append(users, page.Users...)
		if cursor = page.Next; cursor == "" {
			slices.Sort(users)
			return slices.Compact(users), nil
		}
	}
}
