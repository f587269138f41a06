package adapter_test

// Redis in Cluster mode, with one master and with three.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// startRedisCluster starts so many masters, which share the slots, and returns their addresses.
func startRedisCluster(t *testing.T, masters int) (addrs []string) {
	t.Helper()
	needs.Program(t, "redis-server", "redis-cli")
	port := func(addr string) string {
		_, port, _ := net.SplitHostPort(addr)
		return port
	}
	for range masters {
		addr := freeaddr.Need(t)
		cmd := exec.Command("redis-server", "--port", port(addr), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(),
			"--cluster-enabled", "yes", "--cluster-port", port(freeaddr.Need(t)), "--cluster-node-timeout", "2000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		addrs = append(addrs, addr)
	}
	do := func(addr string, args ...any) (any, error) {
		c := redis.NewClient(&redis.Options{Addr: addr})
		defer c.Close()
		return c.Do(t.Context(), args...).Result()
	}
	wait := func(what string, done func(addr string) bool) {
		for _, addr := range addrs {
			for deadline := time.Now().Add(30 * time.Second); !done(addr); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: not %s", addr, what)
				}
			}
		}
	}
	wait("up", func(addr string) bool { _, err := do(addr, "PING"); return err == nil })
	if masters == 1 {
		if _, err := do(addrs[0], "CLUSTER", "ADDSLOTSRANGE", 0, 16383); err != nil {
			t.Fatal(err)
		}
	} else {
		args := append([]string{"--cluster", "create"}, addrs...)
		if out, err := exec.Command("redis-cli", append(args, "--cluster-yes")...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	wait("a cluster", func(addr string) bool {
		info, err := do(addr, "CLUSTER", "INFO")
		return err == nil && strings.Contains(fmt.Sprint(info), "cluster_state:ok")
	})
	return addrs
}

var clusterModes = append([]mode{{name: "pubsub"}}, modes...)

func startOnCluster(t *testing.T, m mode, addrs []string) *fleet.GoNode {
	t.Helper()
	address := "redis://" + strings.Join(addrs, ",")
	if len(addrs) == 1 {
		address += "?addr=" + addrs[0]
	}
	r, err := adapter.Open(address, adapter.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	opts := socketio.Options{ConnectionStateRecovery: m.streams.Recovery, Adapter: r.Streams(m.streams)}
	if m.sharded != "" {
		opts.Adapter = r.Sharded(m.sharded)
	} else if m.name == "pubsub" {
		opts.Adapter = r.PubSub()
	}
	return fleet.StartGoServer(t, r, opts)
}

func TestRedisCluster(t *testing.T) {
	for _, masters := range []int{1, 3} {
		addrs := startRedisCluster(t, masters)
		for _, m := range clusterModes {
			t.Run(fmt.Sprintf("%d masters, %s", masters, m.name), func(t *testing.T) {
				tr := &modeTrio{mode: m, ns: "/"}
				ctx := context.Background()
				for i := range 2 {
					tr.nodes = append(tr.nodes, startOnCluster(t, m, addrs))
					tr.clients = append(tr.clients, fleet.Dial(t, tr.nodes[i].URL, "/"))
				}
				for deadline := time.Now().Add(fleet.Patience); ; time.Sleep(5 * time.Millisecond) {
					a, _ := tr.nodes[0].Adapter().ServerCount(ctx)
					b, _ := tr.nodes[1].Adapter().ServerCount(ctx)
					if a == 2 && b == 2 {
						break
					} else if time.Now().After(deadline) {
						t.Fatalf("%d and %d servers", a, b)
					}
				}
				// Rooms whose channels are spread over all slots, each with a member on the other server.
				const rooms = 60
				for room := range rooms {
					tr.clients[room%2].Ask(fmt.Sprintf(`["join","room %d"]`, room))
				}
				reach := func(room int) {
					t.Helper()
					name := fmt.Sprintf("room %d", room)
					for attempt := 0; ; attempt++ { // a room's own channel is subscribed to a moment later
						tr.nodes[1-room%2].To(name).Emit("to", room, attempt)
						select {
						case text := <-tr.clients[room%2].Messages:
							if !strings.Contains(text, fmt.Sprintf(`["to",%d,`, room)) {
								continue // of an attempt before
							}
							return
						case <-time.After(300 * time.Millisecond):
						}
						if attempt == 20 {
							t.Fatalf("%s cannot be reached", name)
						}
					}
				}
				for room := range rooms {
					reach(room)
				}
				time.Sleep(300 * time.Millisecond)
				for i := range tr.clients {
					for len(tr.clients[i].Messages) > 0 {
						<-tr.clients[i].Messages
					}
				}
				for room := range rooms { // now at once, and once
					tr.nodes[1-room%2].To(fmt.Sprintf("room %d", room)).Emit("once", room)
				}
				for i := range 2 {
					var got []string
					for range rooms / 2 {
						text, _ := tr.next(t, i)
						got = append(got, text)
					}
					var want []string
					for room := i; room < rooms; room += 2 {
						want = append(want, fmt.Sprintf(`["once",%d]`, room))
					}
					slices.Sort(got) // channels of several masters have no order
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("client %d got %v", i, got)
					}
				}
				sockets, err := tr.nodes[0].FetchSockets(ctx)
				if err != nil || len(sockets) != 2 {
					t.Errorf("%d sockets, %v", len(sockets), err)
				}
				answers, err := tr.nodes[1].ServerSideEmitWithAck(ctx, "hello", 1)
				if err != nil || len(answers) != 1 {
					t.Errorf("%d answers, %v", len(answers), err)
				}
				go tr.clients[1].Acknowledge(`["q"]`, `[1]`)
				replies, err := tr.nodes[0].To("room 1").Timeout(fleet.Patience).EmitWithAck(ctx, "q")
				if err != nil || len(replies) != 1 {
					t.Errorf("%d acknowledgements, %v", len(replies), err)
				}
				tr.clean(t)
			})
		}
	}
}

// TestRedisClusterMoves moves the slot of a room's channel from one master to another under a subscription.
func TestRedisClusterMoves(t *testing.T) {
	addrs := startRedisCluster(t, 3)
	m := modes[0]
	a, b := startOnCluster(t, m, addrs), startOnCluster(t, m, addrs)
	client := fleet.Dial(t, b.URL, "/")
	client.Ask(`["join","moving"]`)
	reach := func(round string) time.Duration { // by a message of this round: one of before says nothing
		t.Helper()
		start := time.Now()
		for time.Since(start) < fleet.Patience {
			a.To("moving").Emit(round)
			select {
			case text := <-client.Messages:
				if _, payload := client.Split(text); payload == `["`+round+`"]` {
					return time.Since(start)
				}
			case <-time.After(50 * time.Millisecond):
			}
		}
		t.Fatal("the room cannot be reached")
		return 0
	}
	reach("before")
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer cluster.Close()
	ctx := t.Context()
	const channel = "socket.io#/#moving#"
	slot, err := cluster.ClusterKeySlot(ctx, channel).Result()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cluster.MasterForKey(ctx, channel)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		if addr == from.Options().Addr {
			continue
		}
		to := redis.NewClient(&redis.Options{Addr: addr})
		defer to.Close()
		target, source := to.Do(ctx, "CLUSTER", "MYID").Val(), from.Do(ctx, "CLUSTER", "MYID").Val()
		for _, step := range []*redis.Cmd{
			to.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", source),
			from.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", target),
			to.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", target),
			from.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", target),
		} {
			if step.Err() != nil {
				t.Fatalf("%v: %v", step.Args(), step.Err())
			}
		}
		break
	}
	t.Logf("reached %v after its slot has moved", reach("after").Round(time.Millisecond))
	time.Sleep(200 * time.Millisecond) // for those of the round that are still under way
	for len(client.Messages) > 0 {
		<-client.Messages
	}
	for i := range 5 {
		time.Sleep(100 * time.Millisecond)
		a.To("moving").Emit("then", i)
		client.Expect(fmt.Sprintf(`["then",%d]`, i))
	}
}
