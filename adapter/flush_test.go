package adapter_test

// A program that emits and ends.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A program made an adapter for the sake of emitting, emitted four events, shut its server down and ended. None of them
// had reached Redis, to which it was still connecting, and nothing said so.
func TestShutdownWaitsForWhatWasSaid(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			redis := fleet.StartRedis(t)
			r := open(t, redis.URL(), adapter.Options{})
			t.Cleanup(func() { r.Close(context.Background()) })
			io := socketio.NewServer(socketio.Options{
				Adapter: m.newAdapter(r), ConnectionStateRecovery: m.streams.Recovery,
			})
			monitor := redis.Monitor()
			for i := range 4 {
				if err := io.Emit("said", fmt.Sprintf("event %d", i)); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), fleet.Patience)
			defer cancel()
			if err := io.Shutdown(ctx); err != nil {
				t.Fatal(err)
			}
			redis.Do("ECHO", "end") // behind what Redis has by now
			said := 0
			for args := range monitor.Commands {
				if len(args) == 2 && args[1] == "end" {
					break
				}
				if strings.Contains(strings.Join(args, " "), fmt.Sprintf("event %d", said)) {
					said++
				}
			}
			if said != 4 {
				t.Errorf("%d of 4 events have reached Redis", said)
			}
			if s := r.Stats(); s.OutboxMessages != 0 || s.Published < 4 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Where Redis is away, Shutdown does not wait for it for long, and says what is at stake.
func TestShutdownWithoutRedis(t *testing.T) {
	redis := fleet.StartRedis(t)
	redis.Kill()
	var log bytes.Buffer
	r, err := adapter.Open(redis.URL(), adapter.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	io := socketio.NewServer(socketio.Options{Adapter: r.PubSub()})
	io.Of("/other")
	io.Emit("said")
	start := time.Now()
	if err := io.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 3500*time.Millisecond {
		t.Errorf("Shutdown took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err == nil {
		t.Error("Close says nothing of what it has not published")
	}
	if said := log.String(); !strings.Contains(said, "without Redis.Close the rest is lost") ||
		!strings.Contains(said, "messages=1") {
		t.Errorf("the log says %s", said)
	}
}
