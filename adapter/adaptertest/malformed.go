package adaptertest

// Messages that make no sense: no harm is done.

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// testMalformed sends thousands of malformed messages. The servers go on, and deliver the good ones between them;
// clients never get anything that would make them close.
func testMalformed(t *testing.T, start Start) {
	const seed, total, group = 20261123, 6000, 100
	f := newFixture(t, start, "/")
	if f.Malformed == nil {
		return
	}
	inject, check := f.Malformed(t)
	f.sayEverything(t)
	random := rand.New(rand.NewPCG(seed, 0))
	strange, slowest := 0, time.Duration(0)
	for n := 0; n < total; n += group {
		for range group {
			inject(random)
		}
		start := time.Now()
		for i := range f.clients {
			strange += f.expectGood(t, i, n)
		}
		slowest = max(slowest, time.Since(start))
	}
	if slowest > 5*time.Second {
		t.Errorf("a good message took %v", slowest)
	}
	f.aliveAfter(t)
	if check != nil {
		check(t)
	}
	t.Logf("%d of %d reached clients changed; the slowest good one took %v", strange, total, slowest)
}

// sayEverything has each server say whatever it may, so that there is something to record.
func (f *fixture) sayEverything(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range f.servers {
		n := f.ns(i)
		f.do(t,
			n.To("all").Emit("ev", "é", map[string]any{"n": 1.5, "l": []any{nil, true}}, 1),
			n.To("all", "x").Except("y").Emit("bin", []byte{1, 2}, map[string]any{"b": []byte{3}}),
			n.To("all").Except("none").Volatile().Emit("ev", []any{1, -2, 1.5}, strings.Repeat("x", 300), 1),
			n.In("nobody").SocketsJoin("x", "y"),
			n.In("nobody").SocketsLeave("x"),
			n.In("nobody").Except("all").DisconnectSockets(false),
			n.ServerSideEmit("hello", 1, []byte{1}))
		if _, err := n.FetchSockets(ctx); err != nil {
			t.Error(err)
		}
		if _, err := n.Adapter().Sockets(ctx, "all"); err != nil {
			t.Error(err)
		}
		for _, arg := range []any{"q", []byte{1}} {
			if _, err := n.ServerSideEmitWithAck(ctx, "hello", arg); err != nil {
				t.Error(err)
			}
		}
	}
	for i := range f.clients { // what has come is of no interest
		for len(f.clients[i].Messages) > 0 {
			<-f.clients[i].Messages
		}
	}
	for i := range f.clients {
		f.askOne(t, i)
	}
}

// askOne has a server ask a client of another, which may get other things before.
func (f *fixture) askOne(t *testing.T, client int) {
	c := f.clients[client]
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for m := range c.Messages {
			if id, payload := c.Split(m); id != "" && payload == `["q"]` {
				c.Send("43" + id + "[1]")
				return
			}
		}
	}()
	replies, err := f.ns(client+1).To(fmt.Sprint(client)).Timeout(patience).EmitWithAck(t.Context(), "q")
	if err != nil || len(replies) != 1 {
		t.Fatalf("%d acknowledgements, %v", len(replies), err)
	}
	<-answered
}

// expectGood has another server than client i's emit a good message, and waits until it comes. It returns how many
// others have come before it.
func (f *fixture) expectGood(t *testing.T, i, n int) (strange int) {
	t.Helper()
	good := fmt.Sprintf(`["good",%d,%d]`, i, n)
	emit := func() { f.do(t, f.ns(i+1).To(fmt.Sprint(i)).Emit("good", i, n)) }
	for emit(); ; strange++ {
		select {
		case text, ok := <-f.clients[i].Messages:
			if !ok || text == "41" || text == "1" { // a change has made a disconnection of others one of this client
				f.connectAgain(t, i)
				emit()
				continue
			}
			f.parseable(t, text)
			if payload, _ := f.parse(i, text); payload == good {
				return strange
			}
		case <-time.After(patience):
			t.Fatalf("client %d does not get %s", i, good)
		}
	}
}

// connectAgain puts another client in the place of client i.
func (f *fixture) connectAgain(t *testing.T, i int) {
	t.Helper()
	if f.reconnects++; f.reconnects > 50 {
		t.Fatal("the clients are disconnected all the time")
	}
	f.clients[i].Close()
	f.connect(t, i)
	f.settle(t)
}

// parseable fails the test unless text is an event that a client takes.
func (f *fixture) parseable(t *testing.T, text string) {
	t.Helper()
	at := strings.IndexByte(text, '[')
	if at < 0 || text[0] != '4' {
		t.Fatalf("a client got %q", text)
	}
	var event []json.RawMessage
	if err := json.NewDecoder(strings.NewReader(text[at:])).Decode(&event); err != nil || len(event) == 0 {
		t.Fatalf("a client got %q: %v", text, err)
	}
}

// aliveAfter sees that everything works still.
func (f *fixture) aliveAfter(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range f.servers {
		// A changed answer may still be in line, or have made a server one that is silent.
		eventually(t, fmt.Sprintf("server %d knows all sockets", i), func() bool {
			sockets, err := f.ns(i).FetchSockets(ctx)
			return err == nil && len(sockets) >= len(f.clients)
		})
	}
	for i := range f.clients {
		f.askOne(t, i)
	}
}
