package cluster_test

import (
	"context"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A loneBus has no broker: it only prints what it is to send. A real bus sends the bytes, and gives those that come
// in to Adapter.Receive.
type loneBus struct{ cluster.Codec }

func (b loneBus) Publish(m cluster.Message) error {
	_, err := b.Encode(m) // the bytes for the broker
	fmt.Printf("to all servers: %s for the rooms %v\n", m.Payload, m.Opts.Rooms)
	return err
}

func (b loneBus) Respond(to string, m cluster.Message) error {
	_, err := b.Encode(m)
	fmt.Printf("to server %s: %s\n", to, m.Payload)
	return err
}

func (b loneBus) Others(context.Context) (int, error) { return 0, nil }

func (b loneBus) Decode(_ string, data []byte, m *cluster.Message) error {
	return b.Codec.Decode(data, m)
}

func (b loneBus) Close() {}

func ExampleNew() {
	io := socketio.NewServer(socketio.Options{
		Adapter: func(ns *socketio.Namespace) socketio.Adapter {
			return cluster.New(ns, cluster.Options{}, func(a *cluster.Adapter) cluster.Bus {
				return loneBus{cluster.NewCodec(a)}
			})
		},
	})
	if err := io.To("room").Emit("hello", "world"); err != nil {
		fmt.Println(err)
	}
	_ = io.Shutdown(context.Background())
	// Output: to all servers: ["hello","world"] for the rooms [room]
}
