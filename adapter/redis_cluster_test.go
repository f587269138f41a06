package adapter_test

// Redis in Cluster mode, with one master and with three.

import (
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// startRedisCluster starts so many masters, which share the slots, and returns their addresses.
func startRedisCluster(t *testing.T, masters int) (addrs []string) {
	t.Helper()
	addrs, _ = startRedisClusterOf(t, masters, 0)
	return addrs
}

// startRedisClusterOf starts so many masters, which share the slots, with so many replicas each. kill ends a server.
func startRedisClusterOf(t *testing.T, masters, replicas int) (addrs []string, kill func(addr string)) {
	t.Helper()
	servers := make(map[string]*exec.Cmd)
	kill = func(addr string) {
		servers[addr].Process.Kill()
		servers[addr].Wait()
	}
	needs.Program(t, "redis-server", "redis-cli")
	port := func(addr string) string {
		_, port, _ := net.SplitHostPort(addr)
		return port
	}
	for range masters * (1 + replicas) {
		addr := freeaddr.Need(t)
		cmd := exec.Command("redis-server", "--port", port(addr), "--bind", "127.0.0.1", "--save", "",
			"--dir", t.TempDir(),
			"--cluster-enabled", "yes", "--cluster-port", port(freeaddr.Need(t)), "--cluster-node-timeout", "2000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		servers[addr] = cmd
		t.Cleanup(func() { kill(addr) })
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
		args := append([]string{"--cluster", "create", "--cluster-replicas", fmt.Sprint(replicas)}, addrs...)
		if out, err := exec.Command("redis-cli", append(args, "--cluster-yes")...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	wait("a cluster", func(addr string) bool {
		info, err := do(addr, "CLUSTER", "INFO")
		return err == nil && strings.Contains(fmt.Sprint(info), "cluster_state:ok")
	})
	wait("replicated", func(addr string) bool {
		info, err := do(addr, "INFO", "replication")
		text := fmt.Sprint(info)
		return err == nil && (replicas == 0 || strings.Contains(text, "master_link_status:up") ||
			strings.Contains(text, "state=online"))
	})
	return addrs, kill
}

func startOnCluster(t *testing.T, m mode, addrs []string, opts adapter.Options) *fleet.GoNode {
	t.Helper()
	address := "redis://" + strings.Join(addrs, ",")
	if len(addrs) == 1 {
		address += "?addr=" + addrs[0]
	}
	return m.startWith(t, address, opts)
}

// A pair is two servers on a Redis Cluster, each with a client.
type pair struct {
	nodes   [2]*fleet.GoNode
	clients [2]*fleet.Client
}

func TestRedisCluster(t *testing.T) {
	for _, masters := range []int{1, 3} {
		addrs := startRedisCluster(t, masters)
		for _, m := range modes {
			t.Run(fmt.Sprintf("%d masters, %s", masters, m.name), func(t *testing.T) {
				p := startPair(t, m, addrs, m.name)
				p.everyRoom(t)
				p.requests(t)
				for i, n := range p.nodes {
					if s := n.Redis.Stats(); s.Malformed != 0 || s.PublishErrors != 0 || s.Dropped != 0 ||
						s.ReceiveDropped != 0 {
						t.Errorf("node %d: %+v", i, s)
					}
				}
			})
		}
	}
}

// startPair gives the pair a prefix of its own: what others have published on the cluster just before reaches the
// subscribers of another master a moment later, and would be taken for the pair's.
func startPair(t *testing.T, m mode, addrs []string, prefix string) *pair {
	t.Helper()
	p := new(pair)
	for i := range p.nodes {
		p.nodes[i] = startOnCluster(t, m, addrs, adapter.Options{Prefix: prefix})
		p.clients[i] = fleet.Dial(t, p.nodes[i].URL, "/")
	}
	for deadline := time.Now().Add(fleet.Patience); ; time.Sleep(5 * time.Millisecond) {
		a, _ := p.nodes[0].Adapter().ServerCount(t.Context())
		b, _ := p.nodes[1].Adapter().ServerCount(t.Context())
		if a == 2 && b == 2 {
			return p
		} else if time.Now().After(deadline) {
			t.Fatalf("%d and %d servers", a, b)
		}
	}
}

// everyRoom uses rooms whose channels are spread over all slots, each with a member on the other server.
func (p *pair) everyRoom(t *testing.T) {
	t.Helper()
	const rooms = 60
	for room := range rooms {
		p.clients[room%2].Ask(fmt.Sprintf(`["join","room %d"]`, room))
	}
	for room := range rooms {
		p.reach(t, room)
	}
	time.Sleep(300 * time.Millisecond)
	for i := range p.clients {
		for len(p.clients[i].Messages) > 0 {
			<-p.clients[i].Messages
		}
	}
	for room := range rooms { // now at once, and once
		p.nodes[1-room%2].To(fmt.Sprintf("room %d", room)).Emit("once", room)
	}
	for i, c := range p.clients {
		var got, want []string
		for range rooms / 2 {
			_, payload := c.Split(c.Next())
			got = append(got, payload)
		}
		for room := i; room < rooms; room += 2 {
			want = append(want, fmt.Sprintf(`["once",%d]`, room))
		}
		slices.Sort(got) // channels of several masters have no order
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("client %d got %v", i, got)
		}
	}
}

// reach emits to a room until that arrives: its own channel is subscribed to a moment after the join.
func (p *pair) reach(t *testing.T, room int) {
	t.Helper()
	name := fmt.Sprintf("room %d", room)
	for attempt := 0; ; attempt++ {
		p.nodes[1-room%2].To(name).Emit("to", room, attempt)
		select {
		case text := <-p.clients[room%2].Messages:
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

func (p *pair) requests(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	sockets, err := p.nodes[0].FetchSockets(ctx)
	if err != nil || len(sockets) != 2 {
		t.Errorf("%d sockets, %v", len(sockets), err)
	}
	answers, err := p.nodes[1].ServerSideEmitWithAck(ctx, "hello", 1)
	if err != nil || len(answers) != 1 {
		t.Errorf("%d answers, %v", len(answers), err)
	}
	go p.clients[1].Acknowledge(`["q"]`, `[1]`)
	replies, err := p.nodes[0].To("room 1").Timeout(fleet.Patience).EmitWithAck(ctx, "q")
	if err != nil || len(replies) != 1 {
		t.Errorf("%d acknowledgements, %v", len(replies), err)
	}
}

// TestRedisClusterMoves moves the slot of a room's channel from one master to another under a subscription.
func TestRedisClusterMoves(t *testing.T) {
	addrs := startRedisCluster(t, 3)
	a, b := startOnCluster(t, dynamic, addrs, adapter.Options{}), startOnCluster(t, dynamic, addrs, adapter.Options{})
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
	moveSlot(t, addrs, "socket.io#/#moving#")
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

// moveSlot moves the slot of a channel from its master to another.
func moveSlot(t *testing.T, addrs []string, channel string) {
	t.Helper()
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer cluster.Close()
	ctx := t.Context()
	slot, err := cluster.ClusterKeySlot(ctx, channel).Result()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cluster.MasterForKey(ctx, channel)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(addrs, from.Options().Addr)
	to := redis.NewClient(&redis.Options{Addr: addrs[(i+1)%len(addrs)]})
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
}
