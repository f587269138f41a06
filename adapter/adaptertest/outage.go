package adaptertest

// A broker that goes away and comes back.

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// testOutage breaks the broker. Meanwhile a server's own clients get what it emits, nothing blocks, and requests end
// and say that they are incomplete. Afterwards all is as before, and what was lost is lost: nothing comes twice or out
// of order.
func testOutage(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	if f.Break == nil || f.Mend == nil {
		return
	}
	f.Break()
	for i := range f.servers {
		eventually(t, fmt.Sprintf("server %d knows that it is alone", i), func() bool {
			n, err := f.ns(i).Adapter().ServerCount(t.Context())
			return n == 1 && errors.Is(err, socketio.ErrIncomplete)
		})
	}
	for i := range f.clients {
		f.alone(t, i)
	}
	f.Mend()
	sequences := f.resume(t)
	f.awaitServers(t, len(f.servers))
	f.whole(t, sequences)
	for i := range f.servers {
		eventually(t, fmt.Sprintf("server %d knows all sockets again", i), func() bool {
			sockets, err := f.ns(i).FetchSockets(t.Context())
			return err == nil && len(sockets) == len(f.clients)
		})
	}
	f.askServers(t)
}

// alone has the server of a client emit to it, and ask the others, with the broker away.
func (f *fixture) alone(t *testing.T, client int) {
	const emits = 100
	ns := f.ns(client)
	start := time.Now()
	for n := range emits {
		f.do(t, ns.To(fmt.Sprint(client)).Emit("alone", client, n))
	}
	if took := time.Since(start); took > patience/4 {
		t.Errorf("%d emits took %v", emits, took)
	}
	for n := range emits {
		f.expectNext(t, client, fmt.Sprintf(`["alone",%d,%d]`, client, n))
	}
	server := f.serverOf(client)
	for range rounds {
		f.incomplete(t, server, f.clientsOf(server), nil)
	}
	if n, err := ns.Adapter().ServerCount(t.Context()); n != 1 || !errors.Is(err, socketio.ErrIncomplete) {
		t.Errorf("server %d: %d servers, %v", server, n, err)
	}
}

// A sequence is what a client has of one server: how far the numbers are.
type sequence struct{ seen, last int }

// resume has every server emit numbers until each client has heard each server again.
func (f *fixture) resume(t *testing.T) [][]sequence {
	t.Helper()
	sequences := make([][]sequence, len(f.clients))
	for i := range sequences {
		sequences[i] = make([]sequence, len(f.servers))
	}
	heardAll := func() bool {
		for _, of := range sequences {
			for _, s := range of {
				if s.seen == 0 {
					return false
				}
			}
		}
		return true
	}
	number := 1
	for deadline := time.Now().Add(patience); !heardAll(); number++ {
		if time.Now().After(deadline) {
			t.Fatalf("not all clients hear all servers: %v", sequences)
		}
		f.emitNumber(t, number)
		for i := range f.clients {
			f.takeNumbers(t, i, sequences[i], 10*time.Millisecond)
		}
	}
	for i := range sequences {
		for from := range sequences[i] {
			sequences[i][from].seen = number
		}
	}
	return sequences
}

func (f *fixture) emitNumber(t *testing.T, number int) {
	t.Helper()
	for from := range f.servers {
		f.do(t, f.ns(from).Emit("back", from, number))
	}
}

// takeNumbers takes what a client gets within a time.
func (f *fixture) takeNumbers(t *testing.T, client int, of []sequence, within time.Duration) {
	t.Helper()
	timeout := time.After(within)
	for {
		select {
		case text := <-f.clients[client].Messages:
			f.takeNumber(t, client, of, text)
		case <-timeout:
			return
		}
	}
}

// takeNumber fails the test where a number comes twice or too late.
func (f *fixture) takeNumber(t *testing.T, client int, of []sequence, text string) {
	t.Helper()
	payload, _ := f.parse(client, text)
	var from, number int
	if n, _ := fmt.Sscanf(payload, `["back",%d,%d]`, &from, &number); n != 2 {
		return // of the outage: it was queued
	}
	if number <= of[from].last {
		t.Errorf("client %d got number %d of server %d after %d", client, number, from, of[from].last)
	}
	of[from] = sequence{of[from].seen + 1, number}
}

// whole emits more numbers, all of which arrive.
func (f *fixture) whole(t *testing.T, sequences [][]sequence) {
	const more = 200
	first := sequences[0][0].seen
	for number := first; number < first+more; number++ {
		f.emitNumber(t, number)
	}
	for i := range f.clients {
		got := make([]int, len(f.servers))
		for done := 0; done < len(f.servers); {
			text := f.clients[i].Next()
			payload, _ := f.parse(i, text)
			var from, number int
			if n, _ := fmt.Sscanf(payload, `["back",%d,%d]`, &from, &number); n != 2 {
				continue
			}
			f.takeNumber(t, i, sequences[i], text)
			if number >= first {
				got[from]++
			}
			if number == first+more-1 {
				done++
			}
		}
		for from, n := range got {
			if n != more {
				t.Errorf("client %d got %d of the last %d numbers of server %d", i, n, more, from)
			}
		}
	}
}
