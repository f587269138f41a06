package cluster

// A Node.js server with @socket.io/redis-adapter and two Go ones on one Redis: every operation in both directions, and
// what Go publishes.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMixedPubSub(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, namespace, options string
		opts                     adapter.Options
	}{
		{"main", "/", `{}`, adapter.Options{}},
		{"namespace", "/chat", `{}`, adapter.Options{}},
		{"prefix and specific responses", "/", `{"key":"my#app","publishOnSpecificResponseChannel":true}`,
			adapter.Options{Prefix: "my#app", SpecificResponses: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := startMixed(t, c.namespace, c.options, c.opts)
			m.operations(t, c.namespace,
				func(t *testing.T) { m.sockets(t, c.namespace) },
				func(t *testing.T) { m.move(t, c.namespace) })
		})
	}
}

// TestMixedPages: answers of Go servers to each other come in pages, those to and from Node.js servers whole.
func TestMixedPages(t *testing.T) {
	t.Parallel()
	all := append([]mode{{name: "pubsub", node: `{}`, pubsub: true}}, modes...)
	for _, mode := range all {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			m := startMixedMode(t, mode, "/")
			m.pages(t)
		})
	}
}

// TestPublishedStructure compares what Go and Node.js publish for the chat's two broadcasts and for the acknowledgement
// of a third, as MONITOR shows it. Except for the ids it must be the same to the byte.
func TestPublishedStructure(t *testing.T) {
	t.Parallel()
	m := startMixed(t, "/", `{}`, adapter.Options{})
	monitor := m.redis.Monitor()
	type message struct {
		Nickname string `json:"nickname"`
		Message  string `json:"message"`
		Server   string `json:"server"`
	}
	chat := message{"Ana", "oi", "vm"}
	sid := m.clients["go"].ID
	const data = "\x83\xa4type\x02\xa4data\x92\xa8messages" +
		"\x83\xa8nickname\xa3Ana\xa7message\xa2oi\xa6server\xa2vm\xa3nsp\xa1/"
	for _, c := range []struct {
		rooms         []string
		channel, tail string
	}{
		{[]string{sid}, "socket.io#/#" + sid + "#", "\x83\xa5rooms\x91\xb4" + sid + "\xa6except\x90\xa5flags\x80"},
		{[]string{sid, "roomChatTest"}, "socket.io#/#",
			"\x83\xa5rooms\x92\xb4" + sid + "\xacroomChatTest\xa6except\x90\xa5flags\x80"},
	} {
		m.golang.To(c.rooms...).Emit("messages", chat)
		channel, got := monitor.Published()
		if channel != c.channel || len(got) < 8 || got[:2] != "\x93\xa6" || got[8:] != data+c.tail {
			t.Errorf("to %v: Go publishes to %q %q", c.rooms, channel, got)
		}
		m.node.Do(fleet.Command{Do: "emit", To: c.rooms, Args: []any{"messages",
			json.RawMessage(`{"nickname":"Ana","message":"oi","server":"vm"}`)}})
		nodeChannel, fromNode := monitor.Published()
		if nodeChannel != channel || fromNode[8:] != got[8:] {
			t.Errorf("to %v: Node.js publishes to %q %q, Go to %q %q", c.rooms, nodeChannel, fromNode, channel, got)
		}
	}
	// A binary event is still of type 2, with the attachment inside the data.
	m.golang.To("all").Emit("messages", []byte{1, 2})
	const inside = "\x83\xa4type\x02\xa4data\x92\xa8messages\xc4\x02\x01\x02\xa3nsp"
	if _, got := monitor.Published(); !strings.HasPrefix(got[8:], inside) {
		t.Errorf("binary: %q", got)
	}
	// A client of the Go server acknowledges with three values; only the first is passed on.
	for len(m.clients["go"].Messages) > 0 {
		<-m.clients["go"].Messages
	}
	time.Sleep(100 * time.Millisecond)
	for len(m.clients["go"].Messages) > 0 {
		<-m.clients["go"].Messages
	}
	done := m.node.Go(fleet.Command{Do: "ask", To: []string{"go"}, Args: []any{"q"}})
	m.clients["go"].Acknowledge(`["q"]`, `["one",2,3]`)
	if got := done(); string(got) != `["one"]` {
		t.Errorf("Node.js's answer: %s", got)
	}
	var count, ack string
	for ack == "" {
		channel, got := monitor.Published()
		if channel != "socket.io-response#/#" {
			continue
		}
		if strings.HasPrefix(got, "{") {
			if strings.Contains(got, `"clientCount":1`) {
				count = got
			}
		} else {
			ack = got
		}
	}
	id := ""
	if i := strings.Index(count, `"requestId":"`); i >= 0 {
		id = count[i+len(`"requestId":"`):][:6]
	}
	var fields map[string]any
	if json.Unmarshal([]byte(count), &fields) != nil || len(fields) != 3 || fields["type"] != 8.0 {
		t.Errorf("client count: %s", count)
	}
	if want := "\x83\xa4type\x09\xa9requestId\xa6" + id + "\xa6packet\xa3one"; ack != want {
		t.Errorf("acknowledgement: %q, want %q", ack, want)
	}
}

// TestDeadServer has a server that has died while Redis still counts it as a subscriber. Whoever asks the other servers
// waits for its answer once, and no more; every answer says that it is incomplete.
func TestDeadServer(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	a := fleet.StartGo(t, redis.URL(), adapter.Options{RequestsTimeout: 3 * time.Second})
	b := fleet.StartGo(t, redis.URL(), adapter.Options{})
	client := fleet.Dial(t, b.URL, "/")
	// A subscriber that never answers.
	dead := fleet.StartRedisSubscriber(t, redis, "SUBSCRIBE", "socket.io-request#/#")
	ask := func() (time.Duration, error) {
		start := time.Now()
		sockets, err := a.FetchSockets(context.Background())
		if len(sockets) != 1 {
			t.Errorf("%d sockets", len(sockets))
		}
		return time.Since(start), err
	}
	if took, err := ask(); took < 3*time.Second || err == nil {
		t.Errorf("first: %v, %v", took, err)
	}
	for range 3 {
		if took, err := ask(); took > 2*time.Second || !errors.Is(err, adapter.ErrIncomplete) {
			t.Errorf("later: %v, %v", took, err)
		}
	}
	// Nor does an event with acknowledgements wait for it.
	go client.Acknowledge(`["q"]`, `[1]`)
	start := time.Now()
	replies, err := a.Timeout(fleet.Patience).EmitWithAck(context.Background(), "q")
	if took := time.Since(start); len(replies) != 1 || !errors.Is(err, adapter.ErrIncomplete) || took > 3*time.Second {
		t.Errorf("acknowledgements: %d, %v after %v", len(replies), err, took)
	}
	dead()
	if took, err := ask(); took > 2*time.Second || err != nil {
		t.Errorf("without it: %v, %v", took, err)
	}
}
