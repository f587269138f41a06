package adapter_test

// A connection that ends with a message on it: whether Redis had passed that on or not, it arrives, once.

import (
	"bytes"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

// A cutter passes bytes between a server and its Redis, and cuts a connection at a message, when it is told to.
type cutter struct {
	where atomic.Value // a cut; where the next connection that says a message is cut
	cuts  atomic.Int64
}

type cut string

const (
	uncut       cut = ""
	beforeRedis cut = "before Redis has it"
	behindRedis cut = "when Redis has passed it on"
)

// pass copies what comes, and holds nothing back.
func (c *cutter) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		says := bytes.Contains(buf[:n], []byte("spublish"))
		answers := n > 0 && buf[0] == ':' // a number: how many have got it
		if says && c.where.CompareAndSwap(beforeRedis, uncut) ||
			answers && c.where.CompareAndSwap(behindRedis, uncut) {
			c.cuts.Add(1)
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestCutConnection cuts a server's connection to Redis at a message.
func TestCutConnection(t *testing.T) {
	t.Parallel()
	for _, where := range []cut{beforeRedis, behindRedis} {
		t.Run(string(where), func(t *testing.T) {
			redis := fleet.StartRedis(t)
			c := new(cutter)
			c.where.Store(uncut)
			r := relay.Start(t, func() (net.Conn, error) { return net.Dial("tcp", redis.Addr) }, c.pass)
			sender := dynamic.start(t, "redis://"+r.Addr)
			other := dynamic.start(t, redis.URL())
			client := fleet.Dial(t, other.URL, "/")
			client.Ask(`["join","all"]`)
			namespaces := []*socketio.Namespace{sender.Of("/"), other.Of("/")}
			(&redisCluster{redis: redis, mode: dynamic}).settled(t, namespaces)
			const events = 30
			for i := range events {
				if i%5 == 4 {
					c.where.Store(where)
				}
				to := sender.To("all")
				if i%3 == 0 {
					to = sender.To("all", "more") // by the namespace's channel
				}
				var blob []byte
				if i%2 == 0 {
					blob = []byte{byte(i)} // which makes it MessagePack
					to.Emit("n", i, blob)
				} else {
					to.Emit("n", i)
				}
				time.Sleep(50 * time.Millisecond)
			}
			got := make(map[string]int)
			for total := 0; total < events; total++ {
				_, payload := client.Split(client.Next())
				var n int
				if _, err := fmt.Sscanf(payload, `["n",%d`, &n); err != nil {
					t.Fatal(payload, err)
				}
				got[fmt.Sprint(n)]++
			}
			select {
			case more := <-client.Messages:
				t.Errorf("one too many: %s", more)
			case <-time.After(300 * time.Millisecond):
			}
			if len(got) != events || c.cuts.Load() == 0 {
				t.Errorf("%d of %d events came, after %d cuts: %v", len(got), events, c.cuts.Load(), got)
			}
			t.Logf("%d cuts", c.cuts.Load())
		})
	}
}
