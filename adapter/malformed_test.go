package adapter_test

// Messages that no server would send, made from real ones.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// recordPubSub returns what the servers of a Go and a Node fleet publish in the course of every operation, by channel, with no
// server's id in the channel's name.
func recordPubSub(t *testing.T) []redis.Message {
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
	node.Do(fleet.Command{Do: "emit", Flags: []string{"volatile"}, Args: []any{"ev", map[string]string{"$binary": "AQID"}}})
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
	if len(messages) < 30 || kinds["socket.io"] < 4 || kinds["socket.io-request"] < 15 || kinds["socket.io-response"] < 10 {
		t.Fatalf("%d messages: %v", len(messages), kinds)
	}
	return messages
}

// mutateBytes changes a message in up to three places.
func mutateBytes(rnd *rand.Rand, s string) string {
	b := []byte(s)
	for range 1 + rnd.IntN(3) {
		if len(b) == 0 {
			return "\xdd\xff\xff\xff\xff"
		}
		i := rnd.IntN(len(b))
		switch rnd.IntN(9) {
		case 0:
			b = b[:i]
		case 1:
			b[i] ^= 1 << rnd.IntN(8)
		case 2:
			b[i] = byte(rnd.IntN(256))
		case 3:
			b = append(b[:i:i], b[i+1:]...)
		case 4:
			b = append(b[:i:i], append([]byte{byte(rnd.IntN(256))}, b[i:]...)...)
		case 5:
			j := i + rnd.IntN(len(b)-i)
			b = append(b[:j:j], b[i:]...)
		case 6:
			headers := []string{"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xdb\x7f\xff\xff\xff",
				"\xc1", "\xd4\x00\x00", "\xc7\x0c\xff", "\x80", "\x90", "\xc0", "\xa0", "[[[[", `{"`, "null", "-1", "1e999", `"\ud800"`}
			b = append(b[:i:i], append([]byte(headers[rnd.IntN(len(headers))]), b[min(i+1, len(b)):]...)...)
		case 7:
			b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
		case 8:
			b = append([]byte(strings.Repeat("\x91", rnd.IntN(2000))), b...)
		}
	}
	return string(b)
}

// TestMalformed publishes thousands of changed messages on every channel that a server listens to. It counts them, goes
// on, and delivers the good ones between them; its clients never get anything that would make them close.
func TestMalformed(t *testing.T) {
	t.Parallel()
	messages := recordPubSub(t)
	server := fleet.StartRedis(t)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	a := fleet.StartGo(t, server.URL(), adapter.Options{Logger: quiet})
	b := fleet.StartGo(t, server.URL(), adapter.Options{Logger: quiet, RequestsTimeout: 30 * time.Second})
	c := fleet.Dial(t, a.URL, "/")
	c.Ask(`["join","all","other"]`)

	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	ctx := context.Background()
	own, err := client.PubSubChannels(ctx, "socket.io-response#/#?*").Result()
	if err != nil || len(own) != 2 {
		t.Fatalf("response channels: %v, %v", own, err)
	}
	channels := []string{"socket.io#/#", "socket.io#/#all#", "socket.io#/#" + c.ID + "#", "socket.io-request#/#",
		"socket.io-response#/#", own[0], own[1]}
	const seed, total, group = 20261123, 6000, 100
	rnd := rand.New(rand.NewPCG(seed, 0))
	strange, disconnections, slowest := 0, 0, time.Duration(0)
	for n := 0; n < total; n += group {
		pipe := client.Pipeline()
		for i := range group {
			m := messages[rnd.IntN(len(messages))]
			channel := m.Channel
			switch {
			case strings.HasPrefix(channel, "socket.io-response#"):
				channel = channels[4+i%3]
			case strings.HasPrefix(channel, "socket.io#"):
				channel = channels[i%3]
			}
			if rnd.IntN(10) == 0 {
				channel = channels[rnd.IntN(len(channels))] // where it does not belong
			}
			pipe.Publish(ctx, channel, mutateBytes(rnd, m.Payload))
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		good := fmt.Sprintf(`["good",%d]`, n)
		if err := b.To("all").Emit("good", n); err != nil {
			t.Fatal(err)
		}
		for {
			got := c.Next()
			id, payload := c.Split(got)
			if payload == good && id == "" {
				break
			}
			strange++
			if got == "41" { // the change has made a disconnection of others one of this client
				if disconnections++; disconnections > 50 {
					t.Fatal("the client is disconnected all the time")
				}
				c.Send("40")
				if got := c.Next(); !strings.HasPrefix(got, "40{") {
					t.Fatalf("connected again: %q", got)
				}
				c.Ask(`["join","all","other"]`)
				b.To("all").Emit("good", n)
				continue
			}
			var ev []json.RawMessage
			text, _, _ := strings.Cut(payload, "] ")
			if text != payload {
				text += "]"
			}
			if err := json.Unmarshal([]byte(text), &ev); err != nil && !strings.Contains(payload, "] ") || payload == "" {
				t.Fatalf("the client got %q: %v", got, err)
			}
		}
		slowest = max(slowest, time.Since(start))
	}
	if slowest > 5*time.Second {
		t.Errorf("a good message took %v", slowest)
	}
	sockets, err := b.To("all").FetchSockets(ctx)
	if err != nil || len(sockets) != 1 {
		t.Errorf("afterwards: %d sockets, %v", len(sockets), err)
	}
	go func() {
		for m := range c.Messages { // changed ones may be ahead
			if id, payload := c.Split(m); payload == `["q"]` && id != "" {
				c.Send("43" + id + `[1]`)
				return
			}
		}
	}()
	if replies, err := b.To("all").Timeout(fleet.Patience).EmitWithAck(ctx, "q"); err != nil || len(replies) != 1 {
		t.Errorf("afterwards: %d acknowledgements, %v", len(replies), err)
	}
	sa, sb := a.Redis.Stats(), b.Redis.Stats()
	if sa.Malformed < total/3 || sa.Malformed > total || sa.Connects != 1 || sb.Connects != 1 || sa.ReceiveDropped != 0 {
		t.Errorf("%+v\n%+v", sa, sb)
	}
	t.Logf("%d messages made no sense to the server with a client, %d to the other; %d of %d reached the client changed; the slowest good one took %v",
		sa.Malformed, sb.Malformed, strange, total, slowest)
}
