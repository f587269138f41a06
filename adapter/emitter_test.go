package adapter_test

// An emitter on a Redis Cluster. What it does with a single Redis is tested in package emitter and in test/cluster.

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/emitter"
)

// Rooms whose channels are on all masters get what is for them, and one room its events in order.
func TestEmitterOnRedisCluster(t *testing.T) {
	addrs := startRedisCluster(t, 3)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { client.Close() })
	for _, c := range []struct {
		mode
		protocol emitter.Protocol
		count    int
	}{
		{pubsub, emitter.PubSub, 0}, {dynamic, emitter.Sharded, 0}, {dynamicPrivate, emitter.ShardedPrivate, 0},
		{static, emitter.ShardedStatic, 0}, {streams, emitter.Streams, 0}, {threeStreams, emitter.Streams, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startPair(t, c.mode, addrs, c.name)
			p.everyRoom(t) // which waits until the rooms' channels are subscribed to
			e := adapter.NewEmitter(client, adapter.EmitterOptions{
				Protocol: c.protocol, StreamCount: c.count, Prefix: c.name,
			})
			const rooms = 30
			for i := range rooms {
				if err := e.To(fmt.Sprintf("room %d", i)).Emit(t.Context(), "to", i); err != nil {
					t.Fatal(err)
				}
				p.clients[i%2].Expect(fmt.Sprintf(`["to",%d]`, i))
			}
			taken, err := e.Pipelined(t.Context(), func(e adapter.Emitter) error {
				for i := range 200 {
					if err := e.To("room 0").Emit(t.Context(), "order", i); err != nil {
						return err
					}
				}
				return nil
			})
			if taken != 200 || err != nil {
				t.Fatalf("%d taken, %v", taken, err)
			}
			for i := range 200 {
				p.clients[0].Expect(fmt.Sprintf(`["order",%d]`, i))
			}
			if err := e.Except("room 0").Emit(t.Context(), "except"); err != nil {
				t.Error(err)
			}
			p.clients[1].Expect(`["except"]`)
		})
	}
}
