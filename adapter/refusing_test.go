package adapter_test

// A Redis that refuses what is to be written, as its disk or its memory is full: it is not away.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// fillDisk makes snapshots fail, so that Redis refuses writes with MISCONF. room is the cure.
func fillDisk(t *testing.T, redis *fleet.Redis) (room func()) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	saved := func(status string) {
		t.Helper()
		redis.Do("BGSAVE")
		if !await.Until(fleet.Patience, func() bool {
			info := fmt.Sprint(redis.Do("INFO", "persistence"))
			return strings.Contains(info, "rdb_bgsave_in_progress:0") &&
				strings.Contains(info, "rdb_last_bgsave_status:"+status)
		}) {
			t.Fatalf("the snapshot is not %s", status)
		}
	}
	redis.Do("CONFIG", "SET", "dir", dir, "save", "36000 1000000", "dbfilename", "test.rdb")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	saved("err")
	return func() {
		redis.Do("CONFIG", "SET", "dir", t.TempDir())
		saved("ok")
	}
}

// TestDiskFull: Redis answers even a PING with an error, and passes on what is published all the same.
func TestDiskFull(t *testing.T) {
	inEach(t, []mode{pubsub, dynamic, streams, recovering}, func(t *testing.T, m mode) {
		redis := fleet.StartRedis(t, "--enable-protected-configs", "yes")
		nodes := startNodes(t, m, redis.URL(), 3)
		l := newLedger(t, nodes, 2*time.Millisecond, []string{"all"})
		time.Sleep(300 * time.Millisecond)
		l.start()
		time.Sleep(300 * time.Millisecond)
		room := fillDisk(t, redis)
		time.Sleep(standstill)
		if !nodes[0].Redis.Stats().Up {
			t.Error("Redis is said to be away")
		}
		if s := nodes[0].Redis.Stats(); s.Refusal != "MISCONF" {
			t.Errorf("the state says that Redis refuses %q", s.Refusal)
		}
		sockets, err := nodes[0].FetchSockets(t.Context())
		if !await.Until(fleet.Patience, func() bool { // a server that gets no time answers too late
			if len(sockets) != 3 || err != nil {
				sockets, err = nodes[0].FetchSockets(t.Context())
			}
			return len(sockets) == 3 && err == nil
		}) {
			t.Errorf("%d sockets, %v", len(sockets), err)
		}
		room()
		if took, ok := l.arrives(settling); !ok {
			t.Errorf("nothing arrives after %v", took)
		}
		l.whole(t)
		if !await.Until(fleet.Patience, func() bool { return nodes[0].Redis.Stats().Refusal == "" }) {
			t.Errorf("the state says that Redis still refuses %q", nodes[0].Redis.Stats().Refusal)
		}
	})
}

// TestMemoryFull: the streams fill Redis's memory, which evicts nothing. The servers make room, and go on.
func TestMemoryFull(t *testing.T) {
	inEach(t, []mode{streams, recovering}, func(t *testing.T, m mode) {
		redis := fleet.StartRedis(t, "--maxmemory", "20mb", "--maxmemory-policy", "noeviction")
		nodes := startNodes(t, m, redis.URL(), 2)
		for _, size := range []int{500_000, 50_000, 5_000, 500} { // a flood that leaves no corner
			for range min(20_000_000/size, 1000) + 20 {
				if err := nodes[0].To("nobody").Emit("big", strings.Repeat("x", size)); err != nil {
					t.Fatal(err)
				}
			}
			if !await.Until(10*time.Second, func() bool { return nodes[0].Redis.Stats().OutboxBytes == 0 }) {
				t.Fatal("the flood does not pass")
			}
		}
		l := newLedger(t, nodes, 10*time.Millisecond, []string{"all"})
		// A node knows what it has missed of another's messages once it gets a later one.
		marked := fleet.Dial(t, nodes[1].URL, "/")
		marked.Ask(`["join","mark"]`)
		if !await.Until(settling, func() bool {
			_ = nodes[0].To("mark").Emit("mark")
			select {
			case <-marked.Messages:
				return true
			case <-time.After(time.Second):
				return false
			}
		}) {
			t.Fatal("nothing arrives behind the flood")
		}
		before := l.missed() // of the flood
		l.start()
		time.Sleep(2 * time.Second)
		l.wholeBut(t, before) // where memory is full, room can only be made at the cost of a node that reads late
		s := nodes[0].Redis.Stats()
		if !s.Up || s.Trims == 0 || s.Refusals == 0 || s.Refusal != "" || s.PublishErrors > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStreamKeepsToItsBytes: large entries push out others, and the stream stays about as long as it may be.
func TestStreamKeepsToItsBytes(t *testing.T) {
	t.Parallel()
	const bound = 4 << 20
	redis := fleet.StartRedis(t)
	m := mode{name: "short streams", streams: adapter.StreamsOptions{MaxBytes: bound}}
	nodes := startNodes(t, m, redis.URL(), 2)
	client := fleet.Dial(t, nodes[1].URL, "/")
	client.Ask(`["join","all"]`)
	var most int64
	const messages, size = 200, 200_000
	for i := range messages {
		if err := nodes[0].To("all").Emit("big", i, strings.Repeat("x", size)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range messages {
		if _, payload := client.Split(client.Next()); !strings.HasPrefix(payload, fmt.Sprintf(`["big",%d,`, i)) {
			t.Fatalf("got %.40s, want number %d", payload, i)
		}
		most = max(most, redis.Do("MEMORY", "USAGE", "socket.io", "SAMPLES", "0").(int64))
	}
	t.Logf("%d bytes said, the stream had at most %d of %d", messages*size, most, bound)
	if most > 2*bound {
		t.Errorf("the stream had %d bytes, of %d", most, bound)
	}
	if missed := nodes[1].Redis.Stats().Missed; missed > 0 {
		t.Errorf("%d missed", missed)
	}
}
