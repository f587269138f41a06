package migration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// The password that must not appear anywhere, neither as it is nor as a URL has it.
const (
	secret        = "s3cr3t@hidden"
	secretEncoded = "s3cr3t%40hidden"
)

// joinWithin is how soon after Redis a gateway must be ready.
const joinWithin = 5 * time.Second

// register connects a client of the chat that joins the room.
func register(t *testing.T, url string) *fleet.Client {
	t.Helper()
	c := fleet.Dial(t, url, "/")
	c.Emit(`["registrar"]`)
	c.Expect(`["registrado",{"room":"roomChatTest"}]`)
	return c
}

// said returns the event that the room gets when a client says text.
func said(t *testing.T, text string) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`["messages",{"nickname":"Ana","message":%q,"server":%q}]`, text, host)
}

func say(c *fleet.Client, text string) {
	c.Emit(fmt.Sprintf(`["messages",{"nickname":"Ana","message":%q}]`, text))
}

// hear reads messages until text comes and returns those before it.
func hear(t *testing.T, c *fleet.Client, text string) (before []string) {
	t.Helper()
	for want := said(t, text); ; {
		_, payload := c.Split(c.Next())
		if payload == want {
			return before
		}
		before = append(before, payload)
	}
}

// A waiting gateway was started without its Redis.
type waiting struct {
	*node
	client, other *fleet.Client // registered on this gateway
}

// startWaiting starts a gateway that cannot reach its Redis. It must say so, and serve its own clients.
func startWaiting(t *testing.T, redisURL string, env ...string) *waiting {
	t.Helper()
	w := &waiting{node: beginGateway(t, redisURL, env...)}
	w.await(t, "/healthz", 200)
	response, _ := w.await(t, "/readyz", 503)
	var state struct {
		Status string
		Redis  struct {
			Status   string
			Connects int
		}
	}
	err := json.Unmarshal(response.Body, &state)
	if err != nil || state.Status != "not ready" || state.Redis.Status != "down" || state.Redis.Connects != 0 {
		t.Errorf("/readyz: %s (%v); want not ready, Redis down and never connected", response.Body, err)
	}
	w.client, w.other = register(t, w.url()), register(t, w.url())
	start := time.Now()
	say(w.client, "before")
	w.client.Expect(said(t, "before"))
	w.other.Expect(said(t, "before"))
	t.Logf("a message between two clients of the node took %v", time.Since(start).Round(time.Microsecond))
	return w
}

// checkLog reads what the gateway has logged while its Redis was away. It must say so once, not for every attempt, and
// must not show the password.
func (w *waiting) checkLog(t *testing.T, atMost int) {
	t.Helper()
	log := w.Stdout.String() + w.Stderr.String()
	var about []string
	for line := range strings.Lines(log) {
		if strings.Contains(strings.ToLower(line), "redis") {
			about = append(about, line)
		}
	}
	unreached := slices.DeleteFunc(slices.Clone(about), func(line string) bool {
		// What has been left out is summed up 10 s later, where the test lasts so long.
		return !strings.Contains(line, "cannot be reached") || strings.Contains(line, `msg="lines suppressed"`)
	})
	if len(unreached) != 1 || len(about) > atMost {
		t.Errorf("%d lines about Redis, %d of them that it cannot be reached; want at most %d, and one:\n%s",
			len(about), len(unreached), atMost, strings.Join(about, ""))
	}
	health, err := wire.Get(w.addr, "/healthz", patience)
	if err != nil {
		t.Fatal(err)
	}
	ready, err := wire.Get(w.addr, "/readyz", patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, secretEncoded} {
		if strings.Contains(log+string(health.Body)+string(ready.Body), s) {
			t.Errorf("the password is shown:\n%s\n%s\n%s", log, health.Body, ready.Body)
		}
	}
}

// awaitJoin waits until the gateway is ready. What it waited for has just come.
func (w *waiting) awaitJoin(t *testing.T) {
	t.Helper()
	_, took := w.await(t, "/readyz", 200)
	t.Logf("ready after %v", took.Round(time.Millisecond))
	if took > joinWithin {
		t.Errorf("ready after %v, want at most %v", took, joinWithin)
	}
}

// away is how long Redis stays away: long enough for several attempts to reach it.
const away = 3 * time.Second

// TestWrongPassword starts a gateway with a password that Redis refuses, beside a Nest service. Then Redis is told to
// accept it.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	const right = "right"
	r := fleet.StartRedis(t, "--requirepass", right)
	nest := startNest(t, "redis://:"+right+"@"+r.Addr)
	far := register(t, nest.url())
	w := startWaiting(t, "redis://:"+secretEncoded+"@"+r.Addr, "NODE_ENV=production")
	time.Sleep(away)
	w.checkLog(t, 3)

	client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: right})
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := client.ConfigSet(ctx, "requirepass", secret).Err(); err != nil {
		t.Fatal(err)
	}
	w.awaitJoin(t)
	// What was said before has waited for Redis and goes out first.
	say(w.client, "after")
	far.Expect(said(t, "before"), said(t, "after"))
	w.client.Expect(said(t, "after"))
	w.other.Expect(said(t, "after"))
	say(far, "back")
	for _, c := range []*fleet.Client{far, w.client, w.other} {
		c.Expect(said(t, "back"))
	}
	w.checkLog(t, 5)
}

// TestNoRedisAtStart starts two gateways before their Redis, and a Nest service after it. (Without Redis, a Nest
// service ends at once.)
func TestNoRedisAtStart(t *testing.T) {
	t.Parallel()
	args := []string{"--requirepass", secret}
	r := fleet.StartRedis(t, args...) // for its address
	r.Kill()
	url := "redis://default:" + secretEncoded + "@" + r.Addr
	nodes := []*waiting{startWaiting(t, url), startWaiting(t, url)} // not in production, so they log at debug level
	time.Sleep(away)
	for _, w := range nodes {
		w.checkLog(t, 20)
	}
	r.Restart()
	for _, w := range nodes {
		w.awaitJoin(t)
	}
	late := map[*fleet.Client]int{} // how many of the other node's "before" have come
	for i, w := range nodes {
		text := fmt.Sprintf("after %d", i)
		say(w.client, text)
		for _, node := range nodes {
			for _, c := range []*fleet.Client{node.client, node.other} {
				// The other node's "before" may come now, unless it was published before this node had subscribed. It
				// does not come behind what the other node has said since.
				before := hear(t, c, text)
				late[c] += len(before)
				overtaken := len(before) > 0 && node == w && i > 0
				if late[c] > 1 || overtaken || len(before) == 1 && before[0] != said(t, "before") {
					t.Errorf("node %d: before %q came %q", slices.Index(nodes, node), text, before)
				}
			}
		}
	}
	nest := startNest(t, url)
	far := register(t, nest.url())
	say(far, "back")
	for _, c := range []*fleet.Client{far, nodes[0].client, nodes[0].other, nodes[1].client, nodes[1].other} {
		c.Expect(said(t, "back"))
	}
	for _, w := range nodes {
		w.checkLog(t, 25)
	}
}
