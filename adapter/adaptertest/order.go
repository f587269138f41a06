package adaptertest

// The order of events, and rooms and namespaces that come and go.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// testOrder has every server emit a long sequence at once, in all ways that the adapter keeps in order. Each client
// gets those of each server in order, each once.
func testOrder(t *testing.T, start Start) {
	// All together are fewer than a bounded stream keeps (10,000 with Redis), as a reader on a busy machine may lag.
	const total = 2000
	f := newFixture(t, start, "/")
	var emitting sync.WaitGroup
	defer emitting.Wait()
	for from := range f.servers {
		emitting.Go(func() { f.emitSequence(t, from, total) })
	}
	for i := range f.clients {
		f.expectSequences(t, i, total)
	}
	f.check(t)
}

func (f *fixture) emitSequence(t *testing.T, from, total int) {
	ns := f.ns(from)
	for i := range total {
		var err error
		switch {
		case !f.AcksUnordered && i%1000 == 999: // a request, among the broadcasts
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err = ns.Adapter().BroadcastWithAck(ctx, ns.NewPacket("n", from, i),
				socketio.BroadcastOptions{Rooms: []string{"all"}},
				func(int) {}, func(socketio.Args, error) {})
		case f.RoomsUnordered:
			err = ns.Emit("n", from, i)
		case i%5 == 0:
			err = ns.To("all").Emit("n", from, i)
		case i%5 == 1:
			err = ns.To("all").Volatile().Emit("n", from, i)
		case i%5 == 2:
			err = ns.To("0", "1", "2").Emit("n", from, i)
		case i%5 == 3: // one socket each: together they are all
			for _, c := range f.clients {
				if err == nil {
					err = ns.To(c.ID).Emit("n", from, i)
				}
			}
		default:
			err = ns.Emit("n", from, i)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

func (f *fixture) expectSequences(t *testing.T, client, total int) {
	t.Helper()
	next := make([]int, len(f.servers))
	last := ""
	for range total * len(f.servers) {
		text, offset := f.next(client)
		var from, number int
		if _, err := fmt.Sscanf(text, `["n",%d,%d]`, &from, &number); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if number != next[from] {
			t.Fatalf("client %d got number %d of server %d, want %d", client, number, from, next[from])
		}
		next[from]++
		if offset == "" {
			continue
		}
		if f.OffsetLess != nil && last != "" && !f.OffsetLess(last, offset) {
			t.Fatalf("client %d: offset %s after %s", client, offset, last)
		}
		last = offset
	}
	if (last != "") != (f.Recovery != nil) {
		t.Errorf("last offset %q", last)
	}
}

// testChurn has sockets join and leave a few rooms as fast as they can. In the end a broadcast to a room reaches
// exactly who is left in it.
func testChurn(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	for round := range 5 {
		var wg sync.WaitGroup
		for i := range f.clients {
			for worker := range 4 {
				wg.Go(func() { churn(f.socket(i), rand.New(rand.NewPCG(uint64(round), uint64(worker)))) })
			}
		}
		wg.Wait()
		f.settle(t)
		for room := range churnRooms {
			var who []int
			for i := range f.clients {
				if slices.Contains(f.socket(i).Rooms(), churnRoom(room)) {
					who = append(who, i)
				}
			}
			f.do(t, f.ns(round).To(churnRoom(room)).Emit("ev", room))
			f.expect(t, fmt.Sprintf(`["ev",%d]`, room), who...)
		}
	}
	f.clients[2].Close()
	eventually(t, "the socket is out of its rooms", func() bool {
		return len(f.ns(2).Adapter().SocketRooms(f.clients[2].ID)) == 0
	})
	f.settle(t)
}

const churnRooms = 5

func churnRoom(i int) string { return fmt.Sprint("churn ", i) }

func churn(s *socketio.Socket, random *rand.Rand) {
	for range 1000 {
		if room := churnRoom(random.IntN(churnRooms)); random.IntN(2) == 0 {
			s.Join(room)
		} else {
			s.Leave(room)
		}
	}
}

// testDynamicNamespaces opens a namespace by many clients at once on each server. All but one of the adapters that this
// may make are thrown away again; the one that stays must go on hearing.
func testDynamicNamespaces(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	for _, s := range f.servers {
		s.OfFunc(func(name string, _ *socketio.Handshake) bool { return strings.HasPrefix(name, "/d[*]") })
	}
	for round := range 5 {
		d := &fixture{Cluster: f.Cluster, servers: f.servers, namespace: fmt.Sprintf("/d[*]%d?", round)}
		clients := make(chan *testclient.Client, 16)
		for i := range cap(clients) {
			go func() { clients <- testclient.Dial(t, f.servers[f.serverOf(i)].url, d.namespace) }()
		}
		for range cap(clients) {
			d.clients = append(d.clients, <-clients)
		}
		d.awaitServers(t, len(d.servers))
		for i := range d.servers {
			f.do(t, d.ns(i).Emit("ev", i))
			for c := range d.clients {
				d.expectNext(t, c, fmt.Sprintf(`["ev",%d]`, i))
			}
		}
	}
}
