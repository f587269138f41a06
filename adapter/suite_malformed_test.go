package adapter_test

// Messages that no server would send, made from real ones.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// malformed changes the commands with which the servers have said all they can.
func (rc *redisCluster) malformed(t testing.TB) (inject func(*rand.Rand), check func(testing.TB)) {
	monitor := rc.redis.Monitor()
	client := redis.NewClient(&redis.Options{Addr: rc.redis.Addr})
	t.Cleanup(func() { client.Close() })
	var recorded [][]string
	injected := 0
	inject = func(random *rand.Rand) {
		if recorded == nil {
			recorded = rc.recorded(t, monitor)
		}
		injected++
		args := mutateCommand(random, recorded[random.IntN(len(recorded))])
		if err := client.Do(context.Background(), args...).Err(); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
	}
	check = func(t testing.TB) {
		for i, r := range rc.members {
			if s := r.Stats(); s.Malformed < int64(injected/10) || s.Connects != 1 || s.ReceiveDropped != 0 {
				t.Errorf("server %d: %+v", i, s)
			}
		}
	}
	return inject, check
}

// recorded are the commands that a monitor has seen and that tell other servers something.
func (rc *redisCluster) recorded(t testing.TB, monitor *fleet.Monitor) (list [][]string) {
	t.Helper()
	const mark = "recorded all"
	rc.redis.Do("ECHO", mark)
	for {
		select {
		case args := <-monitor.Commands:
			switch name := strings.ToLower(args[0]); {
			case name == "echo" && args[1] == mark:
				monitor.Close()
				if len(list) < 12 {
					t.Fatalf("recorded %q", list)
				}
				return list
			case len(args) >= 3 && slices.Contains([]string{"publish", "spublish", "xadd"}, name):
				list = append(list, args)
			}
		case <-time.After(fleet.Patience):
			t.Fatalf("recorded only %d", len(list))
		}
	}
}

var serverID = regexp.MustCompile(`[0-9a-f]{16}`)

// mutateCommand changes one argument of a command.
func mutateCommand(random *rand.Rand, command []string) []any {
	args := slices.Clone(command)
	first := 2
	if strings.EqualFold(args[0], "xadd") {
		first = slices.Index(args, "uid")
	}
	// From a server that nobody else is, except in answers. An entry of a real one would be taken for its next.
	for k := first; k < len(args); k++ {
		if args[first] == "uid" || random.IntN(4) > 0 {
			args[k] = serverID.ReplaceAllString(args[k], fmt.Sprintf("%016x", random.Uint64()))
		}
	}
	at := first + random.IntN(len(args)-first)
	if args[first] == "uid" && random.IntN(2) == 0 {
		at = slices.Index(args, "data") + 1
	}
	args[at] = string(adaptertest.Mutate(random, []byte(args[at])))
	out := make([]any, len(args))
	for i, s := range args {
		out[i] = s
	}
	return out
}

// malformedPubSub changes what Go and Node.js servers publish in the course of every operation, and publishes it on
// every channel that a server listens to.
func (rc *redisCluster) malformedPubSub(t testing.TB) (inject func(*rand.Rand), check func(testing.TB)) {
	messages := recordPubSub(t)
	client := redis.NewClient(&redis.Options{Addr: rc.redis.Addr})
	t.Cleanup(func() { client.Close() })
	ctx := context.Background()
	var channels []string
	injected := 0
	inject = func(random *rand.Rand) {
		if channels == nil {
			own, err := client.PubSubChannels(ctx, "socket.io-response#/#?*").Result()
			if err != nil || len(own) != len(rc.members) {
				t.Fatalf("response channels: %v, %v", own, err)
			}
			channels = append([]string{"socket.io#/#", "socket.io#/#all#", "socket.io#/#0#", "socket.io-request#/#",
				"socket.io-response#/#"}, own...)
		}
		injected++
		m := messages[random.IntN(len(messages))]
		channel := m.Channel
		switch {
		case random.IntN(10) == 0: // where it does not belong
			channel = channels[random.IntN(len(channels))]
		case strings.HasPrefix(channel, "socket.io-response#"):
			channel = channels[4+random.IntN(len(channels)-4)]
		case strings.HasPrefix(channel, "socket.io#"):
			channel = channels[random.IntN(3)]
		}
		payload := adaptertest.Mutate(random, []byte(m.Payload))
		if err := client.Publish(ctx, channel, payload).Err(); err != nil {
			t.Fatal(err)
		}
	}
	check = func(t testing.TB) {
		for i, r := range rc.members {
			s := r.Stats()
			if n := int(s.Malformed); n < injected/3 || n > injected || s.Connects != 1 || s.ReceiveDropped != 0 {
				t.Errorf("server %d: %+v", i, s)
			}
		}
	}
	return inject, check
}

// recordPubSub returns what the servers of a Go and a Node.js fleet publish in the course of every operation, by
// channel, with no server's id in the channel's name.
func recordPubSub(t testing.TB) []redis.Message {
	t.Helper()
	server := fleet.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	ctx := context.Background()
	all := client.PSubscribe(ctx, "*")
	defer all.Close()
	if _, err := all.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	a := fleet.StartGo(t, server.URL(), adapter.Options{SpecificResponses: true})
	b := fleet.StartGo(t, server.URL(), adapter.Options{})
	node := fleet.StartNode(t, server.URL(), `{}`)
	var clients []*fleet.Client
	for _, url := range []string{a.URL, b.URL, node.URL} {
		c := fleet.Dial(t, url, "/")
		c.Ask(`["join","all","other"]`)
		clients = append(clients, c)
	}
	answer := func() {
		for _, c := range clients {
			go c.Acknowledge(`["q",{"_placeholder":true,"num":0}] 07`, `["answer",2]`)
		}
	}
	args := []any{"ev", map[string]any{"a": []any{1, -2, 1.5, nil, true, "é"}}, strings.Repeat("x", 300)}
	a.To("all").Except("none").Volatile().Emit("ev", args[1:]...)
	a.To("all", "other").Compress(false).Emit("ev", []byte("binary"))
	node.Do(fleet.Command{Do: "emit", To: []string{"all"}, Args: args})
	node.Do(fleet.Command{
		Do: "emit", Flags: []string{"volatile"}, Args: []any{"ev", map[string]string{"$binary": "AQID"}},
	})
	for _, c := range clients {
		for range 4 {
			c.Next()
		}
	}
	answer()
	a.To("all").Timeout(fleet.Patience).EmitWithAck(ctx, "q", []byte{7})
	answer()
	node.Do(fleet.Command{Do: "ask", To: []string{"all"}, Args: []any{"q", map[string]string{"$binary": "Bw=="}}})
	a.FetchSockets(ctx)
	node.Do(fleet.Command{Do: "fetch"})
	node.Do(fleet.Command{Do: "rooms"})
	a.Adapter().Sockets(ctx, "all")
	a.ServerSideEmitWithAck(ctx, "hello", 1, []byte{2})
	node.Do(fleet.Command{Do: "tellAll", Args: []any{"hello", "x"}})
	// Rooms that nobody is in, and everybody excepted: one change alone must not disconnect the test's client.
	for _, id := range []string{"nobody", "none"} {
		a.In(id).Except("all").SocketsJoin("new")
		a.In(id).Except("all").SocketsLeave("new")
		a.In(id).Except("all").DisconnectSockets(false)
		node.Do(fleet.Command{Do: "join", To: []string{id}, Except: []string{"all"}, Args: []string{"new"}})
		node.Do(fleet.Command{Do: "disconnect", To: []string{id}, Except: []string{"all"}, Args: false})
	}
	var messages []redis.Message
	kinds := make(map[string]int)
	for {
		m, err := all.ReceiveTimeout(ctx, time.Second)
		if err != nil {
			break
		}
		if m, ok := m.(*redis.Message); ok {
			messages = append(messages, *m)
			kinds[m.Channel[:strings.IndexByte(m.Channel, '#')]]++
		}
	}
	if len(messages) < 30 || kinds["socket.io"] < 4 || kinds["socket.io-request"] < 15 ||
		kinds["socket.io-response"] < 10 {
		t.Fatalf("%d messages: %v", len(messages), kinds)
	}
	return messages
}
