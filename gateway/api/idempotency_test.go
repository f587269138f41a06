package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// stores runs a test with each place where answers are kept.
func stores(t *testing.T, test func(t *testing.T, options func(*Options))) {
	t.Run("memory", func(t *testing.T) { test(t, nil) })
	t.Run("redis", func(t *testing.T) {
		server := fleet.StartRedis(t)
		c := redis.NewClient(&redis.Options{Addr: server.Addr})
		t.Cleanup(func() { c.Close() })
		test(t, func(o *Options) { o.Redis, o.RedisPrefix = c, "test" })
	})
}

// The same key gets the first answer and does nothing; another body is refused.
func TestIdempotencyKey(t *testing.T) {
	stores(t, func(t *testing.T, options func(*Options)) {
		f := serve(t, options)
		c := f.join(t, "r")[0]
		c.On("ask", func(e *client.Event) error { return e.Ack(strings.Repeat("answer", 1000)) })
		const emit, ask = `{"event":"e","all":true}`, `{"event":"ask","to":["r"]}`
		first := f.call(t, "POST", "/v1/emit-with-ack", ask, "Idempotency-Key: 1")
		again := f.call(t, "POST", "/v1/emit-with-ack", ask, "Idempotency-Key: 1")
		if first.status != 200 || again.status != 200 || string(again.body) != string(first.body) ||
			first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%d, then %d %s %v", first.status, again.status, again.body, again.header)
		}
		f.call(t, "POST", "/v1/emit", emit, "Idempotency-Key: 2").want(t, emit, 202, nil)
		f.call(t, "POST", "/v1/emit", emit, "Idempotency-Key: 2").want(t, emit, 202, nil)
		c.Expect("ask", patience)
		c.Expect("e", patience)
		c.ExpectNone("ask", "e")
		for _, other := range []string{emit + " ", ask} {
			got := f.call(t, "POST", "/v1/emit", other, "Idempotency-Key: 2")
			got.want(t, other, http.StatusUnprocessableEntity, nil)
			got.says(t, "/problems/key-reused")
		}
		f.call(t, "POST", "/v1/disconnect", emit, "Idempotency-Key: 2").want(t, "disconnect", 422, nil)
		c.ExpectNone("ask", "e")

		// A request that has done nothing may be mended.
		f.call(t, "POST", "/v1/emit", `{"event":"e"}`, "Idempotency-Key: 3").want(t, "a mistake", 422, nil)
		f.call(t, "POST", "/v1/emit", emit, "Idempotency-Key: 3").want(t, "mended", 202, nil)
		c.Expect("e", patience)

		for _, bad := range []string{strings.Repeat("k", 256), "clé", "a\tb"} {
			got := f.call(t, "POST", "/v1/emit", emit, "Idempotency-Key: "+bad)
			got.want(t, bad, 422, nil)
			got.says(t, "header.Idempotency-Key")
		}
		f.call(t, "GET", "/v1/rooms", "", "Idempotency-Key: 2").want(t, "a list", 200, nil)
		c.ExpectNone("e")
	})
}

// Of a hundred at once with one key, one is carried out.
func TestKeysAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, options func(*Options)) {
		f := serve(t, options)
		c := f.join(t, "r")[0]
		const ask = `{"event":"ask","to":["r"],"timeout":60000}`
		release := make(chan struct{})
		c.On("ask", func(e *client.Event) error { <-release; return e.Ack(1) })
		statuses := make(map[int]int)
		var mu sync.Mutex
		var all sync.WaitGroup
		call := func() {
			got := f.call(t, "POST", "/v1/emit-with-ack", ask, "Idempotency-Key: one")
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		}
		all.Go(call)
		eventually(t, "nothing waits", func() bool { return f.acks.requests.Load() == 1 })
		for range 50 {
			all.Go(call)
		}
		eventually(t, "they are not refused", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return statuses[http.StatusConflict] == 50
		})
		close(release)
		all.Wait()
		if statuses[200] != 1 {
			t.Errorf("got %v", statuses)
		}
		c.Expect("ask", patience)
		c.ExpectNone("ask")
	})
}

// A client that leaves while its request is carried out gets the whole answer when it comes again.
func TestAKeySurvivesItsClient(t *testing.T) {
	f := serve(t, nil)
	c := f.join(t, "r")[0]
	release := make(chan struct{})
	c.On("ask", func(e *client.Event) error { <-release; return e.Ack("late") })
	const ask = `{"event":"ask","to":["r"],"timeout":60000}`
	conn, _ := f.raw(t, fmt.Sprintf("POST /v1/emit-with-ack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n%s", token, len(ask), ask))
	eventually(t, "nothing waits", func() bool { return f.acks.requests.Load() == 1 })
	conn.Close()
	close(release)
	eventually(t, "it still waits", func() bool { return f.acks.requests.Load() == 0 })
	eventually(t, "its answer is not kept", func() bool {
		got := f.call(t, "POST", "/v1/emit-with-ack", ask, "Idempotency-Key: k")
		return got.status == 200 && strings.Contains(string(got.body), `"late"`)
	})
	c.Expect("ask", patience)
	c.ExpectNone("ask")
}

// On two nodes with one Redis a key is the same. Without Redis nothing is done, and said so.
func TestKeysOnTwoNodes(t *testing.T) {
	server := fleet.StartRedis(t)
	var nodes []*fixture
	for range 2 {
		c := redis.NewClient(&redis.Options{Addr: server.Addr})
		t.Cleanup(func() { c.Close() })
		nodes = append(nodes, serveFor(t, socketiotest.New(t, socketio.Options{}), func(o *Options) {
			o.Redis, o.RedisPrefix = c, "test"
		}))
	}
	clients := []*socketiotest.Client{nodes[0].io.Connect(t), nodes[1].io.Connect(t)}
	const emit = `{"event":"e","all":true}`
	nodes[0].call(t, "POST", "/v1/emit", emit, "Idempotency-Key: k").want(t, emit, 202, nil)
	got := nodes[1].call(t, "POST", "/v1/emit", emit, "Idempotency-Key: k")
	if got.want(t, emit, 202, nil); got.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v", got.header)
	}
	clients[0].Expect("e", patience)
	clients[1].ExpectNone("e")
	ttl := server.Do("PTTL", newRedisAnswers(nil, "test").name("k")).(int64)
	if d := time.Duration(ttl) * time.Millisecond; d <= 0 || d > keyAge {
		t.Errorf("the key is known for %v", d)
	}
	// A node that has died with a request, and what is none of ours.
	server.Do("SET", newRedisAnswers(nil, "test").name("x"), "nonsense")
	nodes[0].call(t, "POST", "/v1/emit", emit, "Idempotency-Key: x").want(t, emit, 503, nil)
	server.Kill()
	got = nodes[0].call(t, "POST", "/v1/emit", emit, "Idempotency-Key: away")
	got.want(t, emit, 503, nil)
	got.says(t, "/problems/keys-unavailable", "nothing was done")
	clients[0].ExpectNone("e")
	nodes[0].call(t, "POST", "/v1/emit", emit).want(t, emit, 202, nil)
}

// Keys are forgotten after ten minutes, and take only so much until then.
func TestKeysHaveABound(t *testing.T) {
	m := newMemoryAnswers()
	now := time.Unix(1e9, 0)
	m.now = func() time.Time { return now }
	m.budget.most = 100 * (keyOverhead + 4)
	ctx := context.Background()
	begin := func(key string) error {
		before, err := m.begin(ctx, key, [sha256.Size]byte{})
		if before != nil {
			err = errors.New("taken")
		}
		return err
	}
	taken := 0
	for i := range 1000 {
		if begin(strconv.Itoa(1000+i)) == nil {
			taken++
		}
	}
	if err := begin("more"); taken != 100 || !errors.Is(err, errTooManyKeys) {
		t.Errorf("%d were taken, then %v", taken, err)
	}
	if err := m.finish(ctx, "1000", &answered{Status: 200, Body: make([]byte, 1000)}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(keyAge - 1)
	if err := begin("1000"); err == nil || len(m.kept) != 100 {
		t.Errorf("forgotten too early: %v, %d are kept", err, len(m.kept))
	}
	now = now.Add(1)
	for i := range 100 {
		if err := begin(strconv.Itoa(1000 + i)); err != nil {
			t.Fatalf("after ten minutes: %v", err)
		}
	}
	now = now.Add(2 * keyAge)
	if err := begin("last"); err != nil || len(m.kept) != 1 || m.budget.spent != keyOverhead+4 {
		t.Errorf("%v, %d are kept, for %d bytes", err, len(m.kept), m.budget.spent)
	}
}
