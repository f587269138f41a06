// Command centrifuge is the plain fan-out of github.com/centrifugal/centrifuge. Every client may subscribe to any
// channel and publish to it, with the library's defaults and its JSON protocol on /connection/websocket. Environment:
// HOST, PORT.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/centrifugal/centrifuge"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
}

func run() error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
			reply(centrifuge.PublishReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	clients := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{})
	http.HandleFunc("/connection/websocket", func(w http.ResponseWriter, r *http.Request) {
		anonymous := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{})
		clients.ServeHTTP(w, r.WithContext(anonymous))
	})
	return http.ListenAndServe(net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), nil)
}
