package presence_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// What presence costs, for docs/PERFORMANCE.md:
//
//	go test ./adapter/presence -run '^$' -bench Presence -benchtime 1x -v

// benchNodes starts three servers on a Redis, told is whether they want to be told of changes.
func benchNodes(b *testing.B, r *fleet.Redis, told bool) (nodes []*presence.Presence) {
	b.Helper()
	for range 3 {
		store := presence.NewRedis(newClient(b, r.Addr), presence.RedisOptions{})
		p := presence.New(socketio.NewServer(socketio.Options{}).Of("/"), store, presence.Options{
			Grace: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if told {
			p.OnChange(func(presence.Change) {})
		}
		nodes = append(nodes, p)
		b.Cleanup(func() {
			if err := p.Close(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
	for _, p := range nodes {
		if !await.Until(30*time.Second, func() bool {
			s := p.Stats()
			return s.Up && !s.Settling && s.Following == told
		}) {
			b.Fatalf("%+v", p.Stats())
		}
	}
	return nodes
}

// info is a number in Redis's INFO.
func info(b *testing.B, r *fleet.Redis, section, field string) float64 {
	b.Helper()
	text, _ := r.Do("INFO", section).(string)
	_, after, _ := strings.Cut(text, "\n"+field+":")
	value, _, _ := strings.Cut(after, "\r")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		b.Fatalf("%s: %v", field, err)
	}
	return n
}

// userName has 20 bytes.
func userName(i int) string { return fmt.Sprintf("user-%015d", i) }

// BenchmarkPresenceMemory brings 100,000 users online on three servers, and says what that costs Redis for each, and
// how long it takes until all are there, and gone when their servers end.
func BenchmarkPresenceMemory(b *testing.B) {
	const users = 100_000
	for b.Loop() {
		r := fleet.StartRedis(b)
		nodes := benchNodes(b, r, false)
		before := info(b, r, "memory", "used_memory")
		spent := redisCPU(b, r)
		began := time.Now()
		for i := range users {
			nodes[i%3].Hold(presence.Item{User: userName(i)})
		}
		if !await.Until(time.Minute, func() bool {
			n, err := nodes[0].Count(b.Context(), "")
			return err == nil && n == users
		}) {
			b.Fatal("not all are online")
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/100k-online")
		b.ReportMetric((redisCPU(b, r)-spent)/users*1e6, "Redis-µs/user")
		b.ReportMetric((info(b, r, "memory", "used_memory")-before)/users, "Redis-B/user")
	}
}

// BenchmarkPresenceConnects has 100 users a second come online on three servers, among 20,000 that are there, and says
// which share of a core that takes: of the servers together, and of Redis.
func BenchmarkPresenceConnects(b *testing.B) {
	for _, told := range []bool{false, true} {
		b.Run(map[bool]string{false: "untold", true: "told"}[told], func(b *testing.B) {
			for b.Loop() {
				r := fleet.StartRedis(b)
				nodes := benchNodes(b, r, told)
				for i := range 20_000 {
					nodes[i%3].Hold(presence.Item{User: userName(i)})
				}
				await.Until(time.Minute, func() bool {
					n, err := nodes[0].Count(b.Context(), "")
					return err == nil && n == 20_000
				})
				time.Sleep(2 * time.Second) // for those who are told to have read it
				idleGo, idleRedis := load(b, r, 10*time.Second, func(int) {})
				busyGo, busyRedis := load(b, r, 10*time.Second, func(i int) {
					nodes[i%3].Hold(presence.Item{User: userName(1_000_000 + i)})
				})
				b.ReportMetric(idleGo, "%idle-go")
				b.ReportMetric(idleRedis, "%idle-Redis")
				b.ReportMetric(busyGo, "%go")
				b.ReportMetric(busyRedis, "%Redis")
			}
		})
	}
}

// redisCPU is the time of a core that Redis has taken, in seconds.
func redisCPU(b *testing.B, r *fleet.Redis) float64 {
	b.Helper()
	return info(b, r, "cpu", "used_cpu_user") + info(b, r, "cpu", "used_cpu_sys")
}

// load calls f 100 times a second for d, and returns the shares of a core that this process and Redis have taken.
func load(b *testing.B, r *fleet.Redis, d time.Duration, f func(i int)) (ofGo, ofRedis float64) {
	b.Helper()
	ownCPU := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	own, server, began := ownCPU(), redisCPU(b, r), time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; time.Since(began) < d; i++ {
		<-tick.C
		f(i)
	}
	took := time.Since(began).Seconds()
	return 100 * (ownCPU() - own) / took, 100 * (redisCPU(b, r) - server) / took
}
