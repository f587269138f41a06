package adapter_test

// Answers that are longer than what Redis lets wait for a subscriber.

import (
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// TestAnswersBeyondOutputBuffer: fetchSockets of many sockets used to end the connections of all servers, as each
// answer was one message. Redis' own limit is 32 MB; here it is 1 MB, and a server's answer 2 MB.
func TestAnswersBeyondOutputBuffer(t *testing.T) {
	const sockets, size = 100, 20 << 10
	inEach(t, []mode{pubsub, dynamic, streams}, func(t *testing.T, m mode) {
		redis := fleet.StartRedis(t, "--client-output-buffer-limit", "pubsub 1mb 1mb 1")
		var nodes []*fleet.GoNode
		for range 3 {
			// A busy machine takes longer over 4 MB than servers are usually given.
			nodes = append(nodes, m.startWith(t, redis.URL(), adapter.Options{RequestsTimeout: fleet.Patience}))
		}
		for _, n := range nodes {
			if !await.Until(fleet.Patience, func() bool {
				count, err := n.Adapter().ServerCount(t.Context())
				return count == len(nodes) && err == nil
			}) {
				t.Fatal("the servers do not find each other")
			}
		}
		data := map[string]string{"large": strings.Repeat("x", size)}
		for i := range 2 * sockets {
			n := nodes[1+i%2]
			n.Socket(fleet.Dial(t, n.URL, "/").ID).SetData(data)
		}
		for range 3 {
			found, err := nodes[0].FetchSockets(t.Context())
			if err != nil || len(found) != 2*sockets {
				t.Errorf("%d sockets, %v", len(found), err)
			}
			ids, err := nodes[0].SocketIDs(t.Context())
			if err != nil || len(ids) != 2*sockets {
				t.Errorf("%d ids, %v", len(ids), err)
			}
		}
		for i, n := range nodes {
			if s := n.Redis.Stats(); s.Connects != 1 || s.Dropped != 0 || s.ReceiveDropped != 0 || !s.Up {
				t.Errorf("server %d: %+v", i, s)
			}
		}
	})
}
