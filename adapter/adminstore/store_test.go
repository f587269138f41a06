package adminstore

import (
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	fleet.Require("redis-server")
	os.Exit(fleet.Run(m))
}

// A login is there for who shares the Redis, under the key of @socket.io/admin-ui, and ends.
func TestStore(t *testing.T) {
	server := fleet.StartRedis(t)
	opts, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	a, b := New(client, ""), New(client, "")
	ctx := t.Context()
	if found, err := b.SessionExists(ctx, "abc"); found || err != nil {
		t.Errorf("before: %v, %v", found, err)
	}
	if err := a.SaveSession(ctx, "abc", time.Hour); err != nil {
		t.Fatal(err)
	}
	if found, err := b.SessionExists(ctx, "abc"); !found || err != nil {
		t.Errorf("after: %v, %v", found, err)
	}
	if got := server.Do("GET", "socket.io-admin#abc"); got != "1" {
		t.Errorf("the key has %v", got)
	}
	if left, ok := server.Do("TTL", "socket.io-admin#abc").(int64); !ok || left < 3590 || left > 3600 {
		t.Errorf("it ends in %v s", left)
	}
	if found, _ := New(client, "other").SessionExists(ctx, "abc"); found {
		t.Error("another prefix has it too")
	}
	server.Kill()
	if _, err := b.SessionExists(ctx, "abc"); err == nil {
		t.Error("Redis is away, and there is no error")
	}
	if err := a.SaveSession(ctx, "abc", time.Hour); err == nil {
		t.Error("Redis is away, and a session is saved")
	}
}
