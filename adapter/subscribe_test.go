package adapter_test

// A storm of rooms, told to Redis in few commands.

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// stormRooms are joined at once. A write for each took 26% of the CPU of a node in a storm of joins.
const stormRooms = 2000

// roomChannels is how many sharded channels of rooms have a subscriber.
func roomChannels(t *testing.T, c *redis.Client) int {
	t.Helper()
	list, err := c.PubSubShardChannels(t.Context(), "socket.io#/#room*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// calls is how often Redis was sent a command.
func calls(t *testing.T, c *redis.Client, command string) int {
	t.Helper()
	info, err := c.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "cmdstat_"+command+":calls=")
	number, _, _ := strings.Cut(rest, ",")
	n, _ := strconv.Atoi(number)
	return n
}

// joinRooms has a client join so many rooms in one event.
func joinRooms(t *testing.T, url string, count int) *fleet.Client {
	t.Helper()
	client := fleet.Dial(t, url, "/")
	event := `["join"`
	for i := range count {
		event += fmt.Sprintf(`,"room%d"`, i)
	}
	client.Ask(event + "]")
	return client
}

func TestStormOfRooms(t *testing.T) {
	t.Parallel()
	redisServer := fleet.StartRedis(t)
	c := redis.NewClient(&redis.Options{Addr: redisServer.Addr})
	defer c.Close()
	r, err := adapter.Open(redisServer.URL(), adapter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node := fleet.StartGoOn(t, r, r.Sharded(""))
	has := func(want int) func() bool { return func() bool { return roomChannels(t, c) == want } }
	within := func(command string, before int) {
		t.Helper()
		if n := calls(t, c, command) - before; n == 0 || n > stormRooms/10 {
			t.Errorf("%d %s for %d rooms", n, command, stormRooms)
		}
	}

	before := calls(t, c, "ssubscribe")
	client := joinRooms(t, node.URL, stormRooms)
	if !await.Until(fleet.Patience, has(stormRooms)) {
		t.Fatalf("%d of %d rooms are subscribed to", roomChannels(t, c), stormRooms)
	}
	within("ssubscribe", before)

	// The same anew, on another connection.
	before = calls(t, c, "ssubscribe")
	if err := c.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	again := func() bool { return r.Stats().Up && r.Stats().Connects == 2 && has(stormRooms)() }
	if !await.Until(fleet.Patience, again) {
		t.Fatalf("%d of %d rooms are subscribed to again: %+v", roomChannels(t, c), stormRooms, r.Stats())
	}
	within("ssubscribe", before)

	before = calls(t, c, "sunsubscribe")
	client.Close()
	if !await.Until(fleet.Patience, has(0)) {
		t.Fatalf("%d rooms without a member are subscribed to", roomChannels(t, c))
	}
	within("sunsubscribe", before)
}

// A Redis Cluster of one server, with an address that does not say so: it refuses a command with channels of several
// slots.
func TestStormOfRoomsInSlots(t *testing.T) {
	t.Parallel()
	const rooms = 100
	addr := startRedisCluster(t, 1)[0]
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	r, err := adapter.Open("redis://"+addr, adapter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node := fleet.StartGoOn(t, r, r.Sharded(""))
	client := joinRooms(t, node.URL, rooms)
	if !await.Until(fleet.Patience, func() bool { return roomChannels(t, c) == rooms }) {
		t.Fatalf("%d of %d rooms are subscribed to", roomChannels(t, c), rooms)
	}
	client.Close()
	if !await.Until(fleet.Patience, func() bool { return roomChannels(t, c) == 0 }) {
		t.Fatalf("%d rooms without a member are subscribed to", roomChannels(t, c))
	}
}
