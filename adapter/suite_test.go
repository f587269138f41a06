package adapter_test

// All adapters on Redis, put through the suite of package adaptertest.

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A mode is a way for servers to reach each other.
type mode struct {
	name    string
	pubsub  bool
	sharded adapter.SubscriptionMode // "" where it is streams
	streams adapter.StreamsOptions
}

var recovery = &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute}

var (
	pubsub         = mode{name: "pubsub", pubsub: true}
	dynamic        = mode{name: "sharded dynamic", sharded: adapter.Dynamic}
	dynamicPrivate = mode{name: "sharded dynamic-private", sharded: adapter.DynamicPrivate}
	static         = mode{name: "sharded static", sharded: adapter.Static}
	streams        = mode{name: "streams"}
	threeStreams   = mode{name: "three streams", streams: adapter.StreamsOptions{Count: 3}}
	recovering     = mode{name: "streams with recovery", streams: adapter.StreamsOptions{Recovery: recovery}}

	modes = []mode{pubsub, dynamic, dynamicPrivate, static, streams, threeStreams, recovering}
)

// open opens the Redis at address, and closes it when the test's servers have ended.
func open(t testing.TB, address string, opts adapter.Options) *adapter.Redis {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	r, err := adapter.Open(address, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (m mode) newAdapter(r *adapter.Redis) func(*socketio.Namespace) socketio.Adapter {
	switch {
	case m.pubsub:
		return r.PubSub()
	case m.sharded != "":
		return r.Sharded(m.sharded)
	}
	return r.Streams(m.streams)
}

// start starts a server in this mode.
func (m mode) start(t testing.TB, address string) *fleet.GoNode {
	t.Helper()
	return m.startWith(t, address, adapter.Options{})
}

func (m mode) startWith(t testing.TB, address string, opts adapter.Options) *fleet.GoNode {
	t.Helper()
	r := open(t, address, opts)
	return fleet.StartGoServer(t, r, socketio.Options{
		ConnectionStateRecovery: m.streams.Recovery, Adapter: m.newAdapter(r),
	})
}

// A redisCluster is a Redis with servers on it, as the suite wants it.
type redisCluster struct {
	mode
	redis   *fleet.Redis
	members []*adapter.Redis
}

func TestSuite(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			adaptertest.Run(t, func(t testing.TB, servers int) *adaptertest.Cluster {
				return newCluster(t, m, servers)
			})
		})
	}
}

func newCluster(t testing.TB, m mode, servers int) *adaptertest.Cluster {
	t.Helper()
	rc := &redisCluster{mode: m, redis: fleet.StartRedis(t)}
	c := &adaptertest.Cluster{
		RoomsUnordered: m.sharded == adapter.Dynamic || m.sharded == adapter.DynamicPrivate,
		AcksUnordered:  !m.pubsub && m.sharded == "",
		Recovery:       m.streams.Recovery,
		OffsetLess:     offsetLess,
		Check:          rc.check,
		Break:          rc.redis.Kill,
		Mend:           rc.redis.Restart,
		Malformed:      rc.malformed,
		Silent:         rc.silent,
	}
	if m.sharded != "" {
		c.Settled = rc.settled
	}
	if m.pubsub {
		c.Malformed = rc.malformedPubSub
	}
	for i := range servers {
		r := open(t, rc.redis.URL(), adapter.Options{SpecificResponses: i == 2})
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := r.Close(ctx); err != nil && !strings.Contains(err.Error(), "deadline") {
				t.Errorf("close: %v", err)
			}
		})
		rc.members = append(rc.members, r)
		c.Adapters = append(c.Adapters, m.newAdapter(r))
	}
	return c
}

// silent subscribes to what servers are counted by, and answers nothing.
func (rc *redisCluster) silent(t testing.TB) {
	switch {
	case rc.pubsub:
		fleet.StartRedisSubscriber(t, rc.redis, "SUBSCRIBE", "socket.io-request#/#")
	case rc.sharded != "":
		fleet.StartRedisSubscriber(t, rc.redis, "SSUBSCRIBE", "socket.io#/#")
	default:
		fleet.StartRedisSubscriber(t, rc.redis, "SUBSCRIBE", "socket.io#/#")
	}
}

// check fails the test if a server has counted anything as wrong.
func (rc *redisCluster) check(t testing.TB) {
	t.Helper()
	for i, r := range rc.members {
		if s := r.Stats(); s.Malformed != 0 || s.PublishErrors != 0 || s.Dropped != 0 || s.ReceiveDropped != 0 {
			t.Errorf("server %d: %+v", i, s)
		}
	}
}

// ownChannel is that of a server.
var ownChannel = regexp.MustCompile(`^[0-9a-f]{16}#$`)

// settled waits until the channels that are subscribed to are exactly those of the rooms that there are.
func (rc *redisCluster) settled(t testing.TB, namespaces []*socketio.Namespace) {
	t.Helper()
	prefix := "socket.io#" + namespaces[0].Name() + "#"
	var want, got map[string]int64
	for deadline := time.Now().Add(fleet.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		want, got = map[string]int64{"": int64(len(namespaces))}, map[string]int64{}
		for _, ns := range namespaces {
			for _, room := range rc.roomsWithChannels(ns) {
				want[room+"#"]++
			}
		}
		for _, c := range rc.redis.Do("PUBSUB", "SHARDCHANNELS", prefix+"*").([]any) {
			room := strings.TrimPrefix(c.(string), prefix)
			if !ownChannel.MatchString(room) {
				got[room] = rc.redis.Do("PUBSUB", "SHARDNUMSUB", c).([]any)[1].(int64)
			}
		}
		if maps.Equal(want, got) {
			return
		}
	}
	t.Fatalf("subscriptions: %v, want %v", got, want)
}

// roomsWithChannels are the rooms of a server for whose broadcasts it listens to a channel of their own.
func (rc *redisCluster) roomsWithChannels(ns *socketio.Namespace) (list []string) {
	if rc.sharded == adapter.Static {
		return nil
	}
	for _, room := range ns.Adapter().(socketio.RoomIndex).RoomNames() {
		if rc.sharded == adapter.DynamicPrivate || len(utf16.Encode([]rune(room))) != 20 {
			list = append(list, room)
		}
	}
	if rc.sharded == adapter.DynamicPrivate {
		local, _ := ns.Local().FetchSockets(context.Background())
		for _, s := range local {
			list = append(list, s.ID())
		}
	}
	return list
}

// offsetLess compares the ids of two entries of a stream.
func offsetLess(a, b string) bool {
	var x, y [2]uint64
	fmt.Sscanf(a, "%d-%d", &x[0], &x[1])
	fmt.Sscanf(b, "%d-%d", &y[0], &y[1])
	return slices.Compare(x[:], y[:]) < 0
}
