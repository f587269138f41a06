package adapter_test

// The measure of the lag between servers, and what it must leave alone.

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// constructors are the three adapters.
var constructors = map[string]func(*adapter.Redis) func(*socketio.Namespace) socketio.Adapter{
	"pubsub":  func(r *adapter.Redis) func(*socketio.Namespace) socketio.Adapter { return r.PubSub() },
	"sharded": func(r *adapter.Redis) func(*socketio.Namespace) socketio.Adapter { return r.Sharded(adapter.Dynamic) },
	"streams": func(r *adapter.Redis) func(*socketio.Namespace) socketio.Adapter {
		return r.Streams(adapter.StreamsOptions{})
	},
}

// startMeasured runs a server that measures the lag often.
func startMeasured(t *testing.T, url, kind string, log *slog.Logger) (*fleet.GoNode, <-chan time.Duration) {
	t.Helper()
	lags := make(chan time.Duration, 1000)
	r, err := adapter.Open(url, adapter.Options{
		OnRoundTrip: func(took time.Duration) {
			select {
			case lags <- took:
			default:
			}
		},
		RoundTripEvery: 20 * time.Millisecond, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return fleet.StartGoOn(t, r, constructors[kind](r)), lags
}

func next(t *testing.T, lags <-chan time.Duration) time.Duration {
	t.Helper()
	select {
	case took := <-lags:
		return took
	case <-time.After(30 * time.Second):
		t.Fatal("the lag is not measured")
		return 0
	}
}

// With every adapter there is a lag, the adapter's own counts know nothing of it, and nobody who listens to what Node's
// servers listen to gets a probe.
func TestLagIsMeasured(t *testing.T) {
	for kind := range constructors {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := fleet.StartRedis(t)
			heard := overhear(t, server, "socket.io#*", "socket.io-request#*", "socket.io-response#*",
				"socket.io-probe#*")
			n, lags := startMeasured(t, server.URL(), kind, nil)
			before := n.Redis.Stats()
			for range 10 {
				if took := next(t, lags); took <= 0 || took > 10*time.Second {
					t.Errorf("a lag of %v", took)
				}
			}
			if after := n.Redis.Stats(); after.Published-before.Published > 3 || after.Received-before.Received > 3 {
				t.Errorf("ten probes count as messages between servers: %+v, then %+v", before, after)
			}
			probes := 0
			for _, m := range heard() {
				switch {
				case m.Pattern == "socket.io-probe#*":
					probes++
				case strings.Contains(m.Channel, "probe"):
					t.Errorf("who listens to %s gets a probe on %s", m.Pattern, m.Channel)
				}
			}
			if probes < 10 {
				t.Errorf("%d probes were heard where they are: this test does not hear well", probes)
			}
		})
	}
}

// On a Redis Cluster the probe is published on one master and may be subscribed to on another.
func TestLagIsMeasuredOnARedisCluster(t *testing.T) {
	addrs := startRedisCluster(t, 3)
	for _, kind := range []string{"pubsub", "sharded"} {
		n, lags := startMeasured(t, "redis://"+strings.Join(addrs, ","), kind, nil)
		for range 5 {
			if took := next(t, lags); took <= 0 || took > 10*time.Second {
				t.Errorf("%s: a lag of %v", kind, took)
			}
		}
		if st := n.Redis.Stats(); !st.Up || st.Connects != 1 {
			t.Errorf("%s: %+v", kind, st)
		}
	}
}

// overhear subscribes to patterns until the test ends, and returns what has come.
func overhear(t *testing.T, r *fleet.Redis, patterns ...string) func() []*redis.Message {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Addr})
	sub := client.PSubscribe(t.Context(), patterns...)
	for range patterns {
		if _, err := sub.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var all []*redis.Message
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m := range sub.Channel() {
			mu.Lock()
			all = append(all, m)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		sub.Close()
		client.Close()
		<-done
	})
	return func() []*redis.Message {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// A lag longer than the interval is measured, not left out; and after an outage measuring goes on.
func TestLagWhileRedisStandsStillAndAfterAnOutage(t *testing.T) {
	server := fleet.StartRedis(t)
	n, lags := startMeasured(t, server.URL(), "pubsub", nil)
	next(t, lags)
	server.Freeze()
	time.Sleep(500 * time.Millisecond) // less than after what a Redis is given up
	server.Thaw()
	longest := time.Duration(0)
	for deadline := time.Now().Add(30 * time.Second); longest < 300*time.Millisecond; {
		if longest = max(longest, next(t, lags)); time.Now().After(deadline) {
			t.Fatalf("Redis stood still for half a second, and the longest lag was %v", longest)
		}
	}
	server.Kill()
	n.WaitUp(t, false, 30*time.Second)
	server.Restart()
	n.WaitUp(t, true, 30*time.Second)
	for len(lags) > 0 {
		<-lags
	}
	next(t, lags)
}

// A user of Redis that may use the adapter's channels only keeps its cluster, and the log says what is missing.
func TestLagIsNotMeasuredWhereItMayNotBe(t *testing.T) {
	server := fleet.StartRedis(t)
	server.Do("ACL", "SETUSER", "confined", "on", ">pw", "~*", "+@all", "resetchannels",
		"&socket.io#/#*", "&socket.io-request#/#", "&socket.io-response#/#*",
		"&socket.io#/chat#*", "&socket.io-request#/chat#", "&socket.io-response#/chat#*")
	var buf lockedBuffer
	log := slog.New(slog.NewTextHandler(&buf, nil))
	n, lags := startMeasured(t, strings.Replace(server.URL(), "redis://", "redis://confined:pw@", 1), "pubsub", log)
	const line = "the lag between servers is not measured"
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(buf.String(), line); {
		time.Sleep(5 * time.Millisecond)
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say so: %s", buf.String())
		}
	}
	peer := fleet.StartGo(t, server.URL(), adapter.Options{})
	c := fleet.Dial(t, n.URL, "/")
	if err := peer.Emit("hello"); err != nil {
		t.Fatal(err)
	}
	c.Expect(`["hello"]`)
	if st := n.Redis.Stats(); !st.Up || st.Connects != 1 || len(lags) > 0 {
		t.Errorf("%+v, %d lags", st, len(lags))
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
