package forward

// The registry in Redis: what is in it, and what its outages do.

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A node that has left is out of the registry; one that was killed is when its record expires.
func TestRegistration(t *testing.T) {
	r, m := newCluster(t, 2)
	if n := len(r.Do("SMEMBERS", "{socket.io#nodes}").([]any)); n != 2 {
		t.Errorf("%d nodes registered", n)
	}
	if ttl := r.Do("PTTL", "{socket.io#nodes}:"+m[0].tag).(int64); ttl <= 0 || ttl > RecordLifetime.Milliseconds() {
		t.Errorf("expires in %d ms", ttl)
	}
	m[0].stop()
	if err := m[0].Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left := r.Do("KEYS", "*").([]any); len(left) != 2 || !slices.Contains(left, any("{socket.io#nodes}:"+m[1].tag)) {
		t.Errorf("left: %v", left)
	}
	r.Do("SADD", "{socket.io#nodes}", "expired1")
	until(t, "an expired node is taken out",
		func() bool { return r.Do("SISMEMBER", "{socket.io#nodes}", "expired1").(int64) == 0 })
}

// Redis is started anew, empty: sessions of nodes that are known go on, and the nodes register again.
func TestRedisForgets(t *testing.T) {
	r, m := newCluster(t, 2)
	sid := m[1].open(t)
	r.Restart()
	for range 3 {
		if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
			t.Fatalf("got %d %q", got.Code, got.Body)
		}
	}
	until(t, "both are registered again", func() bool { return len(r.Do("KEYS", "{socket.io#nodes}:*").([]any)) == 2 })
	if got := m[0].request(t, "GET", target("polling", sid), ""); got.Code != 200 {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
}

// Redis is away for longer than it keeps records, and comes back without any: whoever asks it first finds nobody. It
// forgets nobody over that.
func TestRedisIsAwayForLong(t *testing.T) {
	t.Parallel()
	r, m := newCluster(t, 3)
	sid := m[1].open(t)
	r.Kill()
	time.Sleep(RecordLifetime + heartbeat)
	r.Restart()
	for began := time.Now(); time.Since(began) < 3*heartbeat; time.Sleep(10 * time.Millisecond) {
		for i := range m {
			if n := m[i].Stats().Nodes; n != 2 {
				t.Fatalf("node %d knows %d others %v after Redis came back", i, n, time.Since(began))
			}
		}
	}
	if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
	r.Do("DEL", "{socket.io#nodes}:"+m[2].tag) // one that is gone is forgotten as ever
	m[2].stop()
	m[2].Node.stop()
	for since := time.Now(); m[0].Stats().Nodes != 1; time.Sleep(50 * time.Millisecond) {
		if time.Since(since) > RecordLifetime+patience {
			t.Fatal("a node that is gone is not forgotten")
		}
	}
}

func TestWithoutRedis(t *testing.T) {
	for name, outage := range map[string]func(*fleet.Redis){
		"killed": (*fleet.Redis).Kill, "frozen": (*fleet.Redis).Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			r, m := newCluster(t, 2)
			t.Cleanup(r.Kill)
			sid := m[1].open(t)
			outage(r)
			for i := range 50 {
				if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
					t.Fatalf("a session of a known node: %d %q", got.Code, got.Body)
				}
				expectUnknown(t, "of no node", m[0].request(t, "GET", target("polling", fmt.Sprintf("%030d", i)), ""))
			}
			if n := strings.Count(m[0].log.String(), "the registry cannot be asked"); n < 1 || n > 3 {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
}

// However many sessions clients make up, Redis is asked a few times a second.
func TestMadeUpSessionsAreCheap(t *testing.T) {
	r, m := newCluster(t, 1)
	began := time.Now()
	monitor := r.Monitor()
	var clients sync.WaitGroup
	for c := range 20 {
		clients.Go(func() {
			for i := range 20 {
				response, err := wire.Do(m[0].addr,
					wire.Request{Method: "GET", Target: target("polling", fmt.Sprintf("%030d", c*1000+i))}, patience)
				if err != nil || response.Code != 400 {
					t.Errorf("%v %v", response, err)
					return
				}
			}
		})
	}
	clients.Wait()
	most := int(time.Since(began)/pace) + 2
	rounds := 0
	for len(monitor.Commands) > 0 {
		if command := <-monitor.Commands; command[0] == "smembers" || command[0] == "SMEMBERS" {
			rounds++
		}
	}
	if rounds == 0 || rounds > most {
		t.Errorf("Redis was asked %d times for 400 requests, want at most %d", rounds, most)
	}
	if n := m[0].Stats().Unknown; n != 400 {
		t.Errorf("%d unknown", n)
	}
}
