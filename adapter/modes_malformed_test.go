package adapter_test

// Messages and entries that make no sense: counted, and no harm done.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// disconnecting is what a mutation must not turn into: it would do what it says.
var disconnecting = regexp.MustCompile(`^type(":\s*6|\x06| [^0-9]*6)`)

func disconnects(s string) bool {
	for {
		i := strings.Index(s, "type")
		if i < 0 {
			return false
		}
		if disconnecting.MatchString(s[i:min(len(s), i+100)]) {
			return true
		}
		s = s[i+1:]
	}
}

// record has one server do everything and returns the commands with which it did.
func record(t *testing.T, tr *modeTrio) (list [][]string) {
	t.Helper()
	monitor := tr.redis.Monitor()
	defer monitor.Close()
	n := tr.nodes[1]
	ctx, cancel := context.WithTimeout(context.Background(), fleet.Patience)
	defer cancel()
	n.To("all").Emit("ev", "é", map[string]any{"n": 1.5, "l": []any{nil, true}})
	n.To("all", "x").Except("y").Emit("bin", []byte{1, 2}, map[string]any{"b": []byte{3}})
	n.In("nobody").SocketsJoin("x", "y")
	n.In("nobody").SocketsLeave("x")
	n.FetchSockets(ctx)
	n.ServerSideEmit("hello", 1, []byte{1})
	n.ServerSideEmitWithAck(ctx, "hello", "q", []byte{1})
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for text := range tr.clients[1].Messages {
			if id, payload := tr.clients[1].Split(text); id != "" && payload == `["q"]` {
				tr.clients[1].Send("43" + id + "[1]")
				return
			}
		}
	}()
	if _, err := tr.nodes[0].To("1").Timeout(fleet.Patience).EmitWithAck(ctx, "q"); err != nil {
		t.Fatal(err)
	}
	<-asked
	tr.nodes[0].FetchSockets(ctx) // so that it answers
	tr.nodes[0].ServerSideEmitWithAck(ctx, "hello", []byte{1})
	if err := n.To("all").Emit("recorded"); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case args := <-monitor.Commands:
			if len(args) < 3 || !slices.Contains([]string{"publish", "spublish", "xadd"}, strings.ToLower(args[0])) {
				continue
			}
			list = append(list, args)
			if strings.Contains(strings.Join(args, " "), `"recorded"`) {
				return list
			}
		case <-ctx.Done():
			t.Fatalf("recorded only %d", len(list))
		}
	}
}

var wrongValues = []string{`null`, `1e999`, `-1`, `""`, `[]`, `{}`, `"\ud800"`, `[[[[]]]]`, `{"_placeholder":true,"num":7}`, "\xff", "\xc1", "\xdd\xff\xff\xff\xff",
	"\xc6\xff\xff\xff\xff", strings.Repeat("[", 100_000), strings.Repeat("\x91", 100_000), strings.Repeat(`{"a":`, 20_000)}

// mutate changes a message a little, or a lot.
func mutate(r *rand.Rand, s string) string {
	b := []byte(s)
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			return string(b)
		}
		at := r.IntN(len(b))
		switch r.IntN(6) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b = b[:at]
		case 2:
			b = slices.Delete(b, at, min(len(b), at+1+r.IntN(8)))
		case 3:
			b = slices.Insert(b, at, []byte(wrongValues[r.IntN(len(wrongValues))])...)
		case 4: // a JSON value for another
			if i := strings.IndexByte(string(b[at:]), ':'); i >= 0 {
				from := at + i + 1
				to := from + strings.IndexAny(string(b[from:])+",", ",}")
				b = slices.Replace(b, from, min(to, len(b)), []byte(wrongValues[r.IntN(10)])...)
			}
		case 5:
			b[at] = byte(r.IntN(256))
		}
	}
	return string(b)
}

func TestModesMalformed(t *testing.T) {
	const rounds = 2000
	eachMode(t, func(t *testing.T, m mode) {
		tr := startModeTrio(t, m, "/")
		recorded := record(t, tr)
		if len(recorded) < 12 {
			t.Fatalf("recorded %q", recorded)
		}
		client := redis.NewClient(&redis.Options{Addr: tr.redis.Addr})
		defer client.Close()
		random := rand.New(rand.NewPCG(1, 2))
		uid := regexp.MustCompile(`[0-9a-f]{16}`)
		for i := range rounds {
			args := slices.Clone(recorded[random.IntN(len(recorded))])
			first := 2
			if strings.EqualFold(args[0], "xadd") {
				first = slices.Index(args, "uid")
			}
			for k := first; k < len(args); k++ { // from a server that nobody else is, except in answers
				if uid.MatchString(args[k]) && random.IntN(4) > 0 {
					args[k] = uid.ReplaceAllString(args[k], fmt.Sprintf("%016x", i))
				}
			}
			at := first + random.IntN(len(args)-first)
			if args[first] == "uid" && random.IntN(2) == 0 {
				at = slices.Index(args, "data") + 1
			}
			args[at] = mutate(random, args[at])
			if disconnects(strings.Join(args, " ")) {
				continue
			}
			if err := client.Do(t.Context(), toAny(args)...).Err(); err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			if i%100 == 0 {
				tr.nodes[2].To("all").Emit("good", i)
			}
		}
		for i := range 2 {
			for want := 0; want < rounds; {
				text, _ := tr.next(t, i)
				if text == fmt.Sprintf(`["good",%d]`, want) {
					want += 100
				} else if strings.HasPrefix(text, `["good"`) {
					t.Fatalf("client %d: %s, want %d", i, text, want)
				}
			}
		}
		if s := tr.nodes[0].Redis.Stats(); s.Malformed < rounds/10 || s.Connects != 1 || s.ReceiveDropped != 0 {
			t.Errorf("%+v", s)
		} else {
			t.Logf("%d of %d were malformed", s.Malformed, rounds)
		}
		sockets, err := tr.nodes[0].FetchSockets(context.Background())
		if err != nil || len(sockets) < 3 {
			t.Errorf("%d sockets, %v", len(sockets), err)
		}
	})
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
