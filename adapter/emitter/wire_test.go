package emitter_test

// What is published, byte for byte beside Node.js's emitters.

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/emitter"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// binary is a Buffer for Node.js, and a byte slice for us.
type binary []byte

func (b binary) MarshalJSON() ([]byte, error) { return json.Marshal(map[string][]byte{"$binary": b}) }

// commands are what an emitter can say. (Whole numbers of 2^64 and more are not the same: Node.js's emitter, whose
// notepack writes integers of 64 bits, says 0.)
var commands = []fleet.Command{
	{Do: "emit", Args: []any{"nothing"}},
	{Do: "emit", Args: []any{"text", "é\u2028<&>\"\\\n", "", "🚀", strings.Repeat("x", 40), strings.Repeat("y", 300)}},
	{Do: "emit", Args: []any{"numbers", 0, 1, -1, 127, 128, -32, -33, -128, -129, 255, 256, 65535, 65536, -32769,
		2147483648, -2147483649, 4294967296, 9007199254740991, -9007199254740991, 1.5, -0.25, 1e-300}},
	{Do: "emit", Args: []any{"values", nil, true, false, []any{}, map[string]any{}, []any{1, []any{2, nil}},
		map[string]any{"a": map[string]any{"b": []any{"c"}}}}},
	{Do: "emit", To: []string{"room"}, Args: []any{"one room", 1}},
	{Do: "emit", To: []string{"room", "another", "room"}, Args: []any{"two rooms", 1}},
	{Do: "emit", To: []string{"abcdefghijABCDEFGHIJ"}, Args: []any{"a socket's own room"}},
	{Do: "emit", To: []string{"room"}, Except: []string{"not", "nor"}, Args: []any{"except"}},
	{Do: "emit", Except: []string{"not"}, Args: []any{"all but"}},
	{Do: "emit", Flags: []string{"volatile"}, Args: []any{"volatile"}},
	{Do: "emit", Flags: []string{"volatile", "no compress"}, Args: []any{"both flags"}},
	{Do: "emit", Flags: []string{"no compress"}, To: []string{"room"}, Args: []any{"not compressed"}},
	{Do: "emit", Namespace: "/chat", To: []string{"room"}, Args: []any{"in a namespace", 1}},
	{Do: "emit", Args: []any{"binary", binary("bytes"),
		map[string]any{"in": []any{binary{0, 255}, 1.5, -300, nil, true}}}},
	{Do: "emit", To: []string{"room"}, Args: []any{"long binary", binary(strings.Repeat("z", 300)), binary{}}},
	{Do: "join", Args: []any{"to"}},
	{Do: "join", To: []string{"room"}, Except: []string{"not"}, Args: []any{"to", "and"}},
	{Do: "leave", Args: []any{"from", "and"}},
	{Do: "leave", Namespace: "/chat", To: []string{"room"}, Args: []any{"from"}},
	{Do: "disconnect", Args: true},
	{Do: "disconnect", Namespace: "/chat", To: []string{"room", "other"}, Except: []string{"not"}, Args: false},
	{Do: "tell", Args: []any{"hello"}},
	{Do: "tell", Namespace: "/chat", Args: []any{"hello", 1, "two", map[string]any{"three": nil}}},
}

// say has an emitter of ours do a command.
func say(ctx context.Context, e emitter.Emitter, c fleet.Command) error {
	if c.Namespace != "" {
		e = e.Of(c.Namespace)
	}
	for _, flag := range c.Flags {
		switch flag {
		case "volatile":
			e = e.Volatile()
		default:
			e = e.Compress(false)
		}
	}
	e = e.To(c.To...).Except(c.Except...)
	args, _ := c.Args.([]any)
	rooms := func() (list []string) {
		for _, room := range args {
			list = append(list, room.(string))
		}
		return list
	}
	switch c.Do {
	case "join":
		return e.SocketsJoin(ctx, rooms()...)
	case "leave":
		return e.SocketsLeave(ctx, rooms()...)
	case "disconnect":
		return e.DisconnectSockets(ctx, c.Args.(bool))
	case "tell":
		return e.ServerSideEmit(ctx, args[0].(string), unwrap(args[1:]).([]any)...)
	default:
		return e.Emit(ctx, args[0].(string), unwrap(args[1:]).([]any)...)
	}
}

// unwrap turns binary values into byte slices.
func unwrap(v any) any {
	switch v := v.(type) {
	case binary:
		return []byte(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = unwrap(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key := range v {
			m[key] = unwrap(v[key])
		}
		return m
	default:
		return v
	}
}

// client returns a client of a Redis, which the test's end closes.
func client(t testing.TB, r *fleet.Redis) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: r.Addr})
	t.Cleanup(func() { c.Close() })
	return c
}

// heard waits for the next command with which something is said.
func heard(t *testing.T, m *fleet.Monitor) []string {
	t.Helper()
	timeout := time.After(fleet.Patience)
	for {
		select {
		case args := <-m.Commands:
			switch name := strings.ToLower(args[0]); name {
			case "publish", "spublish", "xadd":
				args[0] = name
				return args
			}
		case <-timeout:
			t.Fatal("nothing is said")
		}
	}
}

// TestBytes lets Node.js's emitter and ours say the same, in turns, and compares what Redis gets.
func TestBytes(t *testing.T) {
	for _, prefix := range []string{"socket.io", "app:1"} {
		t.Run(prefix, func(t *testing.T) {
			r := fleet.StartRedis(t)
			node := fleet.StartEmitter(t, r.URL(), `{"key":"`+prefix+`"}`)
			ours := emitter.New(client(t, r), emitter.Options{Prefix: prefix})
			m := r.Monitor()
			for _, c := range commands {
				node.Do(c)
				want := heard(t, m)
				if err := say(t.Context(), ours, c); err != nil {
					t.Fatalf("%+v: %v", c, err)
				}
				if got := heard(t, m); !slices.Equal(got, want) {
					t.Errorf("%+v:\nwe say   %q\nNode.js  %q", c, got, want)
				}
			}
		})
	}
}

// streamsGolden has what @socket.io/redis-streams-emitter 0.1.1 says, an array of a command's words in each line: it
// was recorded with MONITOR while that package, run by node 20 with redis 5.12, did what commands.json has.
const streamsGolden = "testdata/streams-emitter-0.1.1.jsonl"

var writeCommands = flag.String("write-commands", "", "file for the commands as Node.js reads them, to record anew")

// TestStreamsBytes compares what we say with what Node.js's emitter has said.
func TestStreamsBytes(t *testing.T) {
	if *writeCommands != "" {
		text, err := json.Marshal(commands)
		if err == nil {
			err = os.WriteFile(*writeCommands, text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(streamsGolden)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(commands) {
		t.Fatalf("%d lines for %d commands", len(lines), len(commands))
	}
	r := fleet.StartRedis(t)
	ours := emitter.New(client(t, r), emitter.Options{Protocol: emitter.Streams})
	m := r.Monitor()
	for i, c := range commands {
		if err := say(t.Context(), ours, c); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		var want []string
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
			t.Fatal(err)
		}
		if got := heard(t, m); !slices.Equal(got, want) {
			t.Errorf("%+v:\nwe say   %q\nNode.js  %q", c, got, want)
		}
	}
}
