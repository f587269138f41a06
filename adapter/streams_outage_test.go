package adapter_test

// The streams adapter while Redis is away, frozen or deaf: what Redis has taken reaches every client once and in order,
// and local clients do not wait.

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// listener checks the numbers that a client gets: in order for each sender, none twice.
type listener struct {
	mu     sync.Mutex
	next   [2]int
	gaps   [2]int // numbers that never came
	last   [2]time.Time
	longUp time.Duration // the longest silence of the sender on its own server
	wrong  []string
}

func (l *listener) listen(c *fleet.Client, own int, done *sync.WaitGroup) {
	done.Go(func() {
		for text := range c.Messages {
			_, payload := c.Split(text)
			var from, number int
			if n, _ := fmt.Sscanf(payload, `["n",%d,%d]`, &from, &number); n != 2 {
				continue
			}
			l.mu.Lock()
			now := time.Now()
			switch {
			case number < l.next[from]:
				l.wrong = append(l.wrong, fmt.Sprintf("%d of server %d after %d", number, from, l.next[from]-1))
			case number > l.next[from]:
				l.gaps[from] += number - l.next[from]
			}
			if from == own && !l.last[from].IsZero() {
				l.longUp = max(l.longUp, now.Sub(l.last[from]))
			}
			l.next[from], l.last[from] = number+1, now
			l.mu.Unlock()
		}
	})
}

func (l *listener) seen() [2]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

func TestStreamsOutage(t *testing.T) {
	faults := []struct {
		name     string
		loses    bool // the stream does not survive
		strike   func(r *fleet.Redis)
		back     func(r *fleet.Redis)
		duration time.Duration
	}{
		{"restarted with its data", false, (*fleet.Redis).Kill, (*fleet.Redis).Restart, 3 * time.Second},
		{"restarted without its data", true, (*fleet.Redis).Kill, (*fleet.Redis).Restart, 3 * time.Second},
		{"connections killed", false, func(r *fleet.Redis) {
			for range 5 {
				r.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				r.Do("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
				time.Sleep(200 * time.Millisecond)
			}
		}, func(*fleet.Redis) {}, 0},
		{"frozen for five seconds", false, (*fleet.Redis).Freeze, (*fleet.Redis).Thaw, 5 * time.Second},
	}
	for _, m := range []mode{streams, recovering} {
		for _, fault := range faults {
			t.Run(m.name+" "+fault.name, func(t *testing.T) {
				t.Parallel()
				var args []string
				if !fault.loses {
					args = []string{"--appendonly", "yes", "--appendfsync", "always", "--dir", t.TempDir()}
				}
				redis := fleet.StartRedis(t, args...)
				var nodes [2]*fleet.GoNode
				var clients [2]*fleet.Client
				var listeners [2]listener
				var listening, sending sync.WaitGroup
				for i := range nodes {
					nodes[i] = m.start(t, redis.URL())
					clients[i] = fleet.Dial(t, nodes[i].URL, "/")
					clients[i].Ask(`["join","all"]`)
					listeners[i].listen(clients[i], i, &listening)
				}
				var stop atomic.Bool
				var sent [2]int
				for i, n := range nodes {
					sending.Go(func() {
						for !stop.Load() {
							n.To("all").Emit("n", i, sent[i])
							sent[i]++
							time.Sleep(2 * time.Millisecond)
						}
					})
				}
				t.Cleanup(func() { stop.Store(true) })
				time.Sleep(time.Second)
				fault.strike(redis)
				time.Sleep(fault.duration)
				fault.back(redis)
				back := time.Now()
				// From now on, until each client hears from the other's server what is sent now.
				var resumed time.Duration
				marks := [2]int{listeners[0].seen()[0], listeners[1].seen()[1]} // local ones are up to date
				for resumed = 0; resumed < fleet.Patience; resumed = time.Since(back) {
					if listeners[0].seen()[1] > marks[1] && listeners[1].seen()[0] > marks[0] {
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
				time.Sleep(time.Second)
				stop.Store(true)
				sending.Wait()
				for deadline := time.Now().Add(fleet.Patience); time.Now().Before(deadline); {
					if listeners[0].seen() == sent && listeners[1].seen() == sent {
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
				time.Sleep(200 * time.Millisecond) // for what would come twice
				for _, c := range clients {
					c.Close()
				}
				listening.Wait()
				for i := range listeners {
					l, s := &listeners[i], nodes[i].Redis.Stats()
					t.Logf("server %d: sent %d; got %v, lost %v; longest local silence %v; back after %v; %+v", i,
						sent[i], l.next, l.gaps,
						l.longUp.Round(time.Millisecond), resumed.Round(time.Millisecond), s)
					if len(l.wrong) > 0 || l.next != sent {
						t.Errorf("client %d: got up to %v of %v; %v", i, l.next, sent, l.wrong)
					}
					if l.gaps[i] > 0 || !fault.loses && l.gaps != [2]int{} {
						t.Errorf("client %d: lost %v", i, l.gaps)
					}
					if l.longUp > 4*time.Second { // it is about one; a machine with other work takes longer
						t.Errorf("client %d heard nothing of its own server for %v", i, l.longUp)
					}
					if resumed > 5*time.Second {
						t.Errorf("back after %v", resumed)
					}
					if s.Dropped+s.ReceiveDropped+s.Malformed != 0 || !fault.loses && s.PublishErrors != 0 {
						t.Errorf("server %d: %+v", i, s)
					}
				}
				if _, err := nodes[0].FetchSockets(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestStreamsBacklog emits several times what a stream holds while Redis is frozen. It all reaches the other server
// when Redis is back, before it is cut off the stream, and meanwhile and afterwards local clients do not wait.
func TestStreamsBacklog(t *testing.T) {
	for _, m := range []mode{streams, recovering} {
		t.Run(m.name, func(t *testing.T) {
			redis := fleet.StartRedis(t)
			a, b := m.start(t, redis.URL()), m.start(t, redis.URL())
			local, remote := fleet.Dial(t, a.URL, "/"), fleet.Dial(t, b.URL, "/")
			const total = 40_000
			count := func(c *fleet.Client) {
				t.Helper()
				for i := range total {
					if _, payload := c.Split(c.Next()); payload != fmt.Sprintf(`["n",%d]`, i) {
						t.Fatalf("got %s, want %d", payload, i)
					}
				}
			}
			redis.Freeze()
			for i := range total {
				a.Emit("n", i)
			}
			start := time.Now()
			count(local)
			t.Logf("%d local ones after %v, with Redis frozen", total, time.Since(start).Round(time.Millisecond))
			time.Sleep(5 * time.Second) // the connections are given up
			redis.Thaw()
			start = time.Now()
			var slowest time.Duration
			for i := 0; a.Redis.Stats().OutboxBytes > 0 || time.Since(start) < time.Second; i++ {
				sent := time.Now()
				a.Local().Emit("local", i)
				a.To(local.ID).Emit("behind", i)
				local.Expect(fmt.Sprintf(`["local",%d]`, i), fmt.Sprintf(`["behind",%d]`, i))
				slowest = max(slowest, time.Since(sent))
			}
			drained := time.Since(start)
			count(remote)
			t.Logf("remote ones after %v, outbox empty after %v, slowest local one meanwhile %v",
				time.Since(start).Round(time.Millisecond),
				drained.Round(time.Millisecond), slowest.Round(time.Millisecond))
			if slowest > 2*time.Second {
				t.Errorf("a local client waited %v", slowest)
			}
			if s := a.Redis.Stats(); s.Dropped+s.PublishErrors != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
