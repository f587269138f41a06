package adapter_test

// Standing still: a server or a Redis that is stopped for a while, and goes on as if nothing had been. Nothing that
// Redis holds is lost.

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// standstill is longer than it takes to give up a connection.
const standstill = 6 * time.Second

func startNodes(t *testing.T, m mode, url string, n int) (nodes []*fleet.GoNode) {
	t.Helper()
	for range n {
		nodes = append(nodes, m.start(t, url))
	}
	return nodes
}

// TestServerStandsStill stops one server's process, as a paused machine or a throttled container does. On waking it
// finds everything in its socket.
func TestServerStandsStill(t *testing.T) {
	inEach(t, []mode{pubsub, dynamic, streams}, func(t *testing.T, m mode) {
		redis := fleet.StartRedis(t)
		nodes := startNodes(t, m, redis.URL(), 2)
		url, signal := startChild(t, m, redis.URL())
		l := newLedger(t, nodes, 2*time.Millisecond, []string{"all"}, url)
		l.padding = strings.Repeat("x", 500)
		time.Sleep(300 * time.Millisecond)
		l.start()
		time.Sleep(300 * time.Millisecond)
		signal(syscall.SIGSTOP)
		time.Sleep(standstill)
		signal(syscall.SIGCONT)
		if took, ok := l.arrives(settling); !ok {
			t.Errorf("nothing arrives after %v", took)
		}
		l.whole(t)
	})
}

// TestRedisStandsStill stops Redis. What was on its way to the servers, and what was said meanwhile, arrives.
func TestRedisStandsStill(t *testing.T) {
	inEach(t, []mode{pubsub, dynamic, streams}, func(t *testing.T, m mode) {
		redis := fleet.StartRedis(t)
		nodes := startNodes(t, m, redis.URL(), 3)
		l := newLedger(t, nodes, 2*time.Millisecond, []string{"all"})
		time.Sleep(300 * time.Millisecond)
		l.start()
		time.Sleep(300 * time.Millisecond)
		redis.Freeze()
		time.Sleep(standstill)
		redis.Thaw()
		if took, ok := l.arrives(settling); !ok {
			t.Errorf("nothing arrives after %v", took)
		}
		l.whole(t)
	})
}
