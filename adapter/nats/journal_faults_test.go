package nats

// What goes wrong between servers, NATS and clients where everything goes through JetStream: nothing is lost, comes
// twice or out of order.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// A trio is a cluster of three NATS servers with a Socket.IO server on each, which all speak all the time, and a client
// on each.
type trio struct {
	t        *testing.T
	servers  []*natsserver.Server
	nodes    []*node
	clients  []*reader
	speakers []*speaker
}

func startTrio(t *testing.T, o natsserver.Options, urls func(servers []*natsserver.Server, i int) string) *trio {
	t.Helper()
	o.JetStream = true
	f := &trio{t: t, servers: natsserver.StartCluster(t, 3, o)}
	for i := range 3 {
		n := startJournalNode(t, urls(f.servers, i), Options{RequestsTimeout: 2 * time.Second},
			JetStreamOptions{Recovery: recovering})
		f.nodes = append(f.nodes, n)
	}
	together(t, f.nodes...)
	for _, n := range f.nodes {
		f.clients = append(f.clients, read(n.client(t, "all")))
	}
	f.replicated()
	for i, n := range f.nodes {
		f.speakers = append(f.speakers, speak(t, n, i, 10*time.Millisecond))
	}
	return f
}

// replicated waits until all three copies of the streams follow their leader. While everybody speaks each copy is some
// messages behind.
func (f *trio) replicated() {
	f.t.Helper()
	js, err := jetstream.New(f.nodes[0].broker.conn)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, name := range []string{"socket_2Eio-log", "socket_2Eio-sessions"} {
		var state string
		follow := func() bool {
			ctx, cancel := context.WithTimeout(f.t.Context(), ioTimeout)
			defer cancel()
			stream, err := js.Stream(ctx, name)
			if err != nil || stream.CachedInfo().Cluster == nil {
				state = fmt.Sprint(err)
				return false
			}
			copies := stream.CachedInfo().Cluster.Replicas
			behind := slices.ContainsFunc(copies, func(r *jetstream.PeerInfo) bool {
				return r.Offline || r.Active > time.Second || !r.Current && r.Lag > 100
			})
			state = ""
			for _, r := range copies {
				state += fmt.Sprintf("%+v ", *r)
			}
			return len(copies) == 2 && !behind
		}
		if !await.Until(3*patience, follow) { // NATS lets a copy that was away wait now and then
			f.t.Fatalf("a copy of %s does not follow: %s", name, state)
		}
	}
}

// said is how far everybody is.
func (f *trio) said() (list []int) {
	for _, s := range f.speakers {
		list = append(list, s.said())
	}
	return list
}

// well waits until everything that everybody has said up to now, and a hundred more, has reached every client of list.
func (f *trio) well(what string, list ...*reader) {
	f.t.Helper()
	from := f.said()
	for i, s := range f.speakers {
		eventually(f.t, "it speaks on", func() bool { return s.said() >= from[i]+100 })
	}
	to := f.said()
	for i, r := range append(f.clients, list...) {
		for s := range f.speakers {
			eventually(f.t, fmt.Sprintf("%s: client %d has what node %d has said", what, i, s), func() bool {
				return r.has(s, from[s], to[s]) == to[s]-from[s]
			})
		}
	}
}

// end ends the speaking, and fails the test unless every client has got everything, once and in order.
func (f *trio) end() {
	f.t.Helper()
	for _, s := range f.speakers {
		s.end()
	}
	for i, r := range f.clients {
		for s, n := range f.said() {
			what := fmt.Sprintf("client %d has all of node %d", i, s)
			eventually(f.t, what, func() bool { return r.has(s, 0, n) == n })
		}
		if wrong := r.faults(); len(wrong) > 0 {
			f.t.Errorf("client %d: %d faults, first %s", i, len(wrong), wrong[0])
		}
	}
	for i, n := range f.nodes {
		eventually(f.t, "JetStream is up", func() bool { return n.broker.Stats().JournalUp })
		st := n.broker.Stats()
		if st.Dropped+st.PublishErrors+st.Missed+st.Malformed+st.ReceiveDropped+st.SlowDropped != 0 {
			f.t.Errorf("node %d: %+v", i, st)
		}
	}
	f.t.Logf("said %v", f.said())
}

// A traveller is a client that loses its connection and goes on at another node.
type traveller struct {
	f      *trio
	client *testclient.Client
	reader *reader
	begun  []int // how far everybody was when it had surely joined
	server int
}

func (f *trio) traveller() *traveller {
	v := &traveller{f: f, client: f.nodes[0].client(f.t, "all")}
	v.reader = read(v.client)
	f.well("a traveller", v.reader)
	v.begun = f.said()
	eventually(f.t, "its session is kept", func() bool {
		m, err := f.nodes[0].broker.journal.Load().get(f.t.Context(), "socket_2Eio-sessions",
			query{LastOf: "socket.io.session." + Token(v.client.PID)})
		return err == nil && m != nil
	})
	return v
}

// lose ends its connection.
func (v *traveller) lose() {
	v.client.Close()
	<-v.reader.done
}

// resume goes on at a node, with the same session.
func (v *traveller) resume(node int) {
	v.f.t.Helper()
	c := testclient.Resume(v.f.t, v.f.nodes[node].url, "/", v.client.PID, v.reader.offset())
	if c.ID != v.client.ID {
		v.f.t.Fatalf("it has begun anew: %s, was %s", c.ID, v.client.ID)
	}
	v.client, v.server = c, node
	v.reader.follow(c)
}

// whole fails the test unless the traveller has got everything, once and in order.
func (v *traveller) whole() {
	v.f.t.Helper()
	for s, n := range v.f.said() {
		if !await.Until(patience, func() bool { return v.reader.has(s, v.begun[s], n) == n-v.begun[s] }) {
			first, last := v.reader.lacks(s, v.begun[s], n)
			v.f.t.Errorf("of node %d's numbers up to %d the traveller lacks %d, from %d to %d", s, n,
				n-v.begun[s]-v.reader.has(s, v.begun[s], n), first, last)
		}
	}
	if wrong := v.reader.faults(); len(wrong) > 0 {
		v.f.t.Errorf("the traveller: %d faults, first %s", len(wrong), wrong[0])
	}
}

// One NATS server after the other is killed, among them the one that leads the stream, and comes back. Nobody misses
// anything or gets it twice, also not a client that was away meanwhile and goes on at another node.
func TestJournalServersKilled(t *testing.T) {
	t.Parallel()
	f := startTrio(t, natsserver.Options{}, func(servers []*natsserver.Server, i int) string {
		return servers[i].URL() + "," + servers[(i+1)%3].URL() + "," + servers[(i+2)%3].URL()
	})
	v := f.traveller()
	for k, s := range f.servers {
		v.lose()
		s.Kill()
		f.well(fmt.Sprintf("server %d is dead", k))
		v.resume((v.server + 1) % 3)
		f.well("the traveller is back", v.reader)
		s.Restart()
		natsserver.Whole(t, f.servers)
		f.replicated()
		f.well(fmt.Sprintf("server %d is back", k), v.reader)
	}
	f.end()
	v.whole()
}

// leader is the NATS server that leads the stream.
func (f *trio) leader() int {
	f.t.Helper()
	js, err := jetstream.New(f.nodes[0].broker.conn)
	if err != nil {
		f.t.Fatal(err)
	}
	stream, err := js.Stream(f.t.Context(), "socket_2Eio-log")
	if err != nil {
		f.t.Fatal(err)
	}
	var i int
	if _, err := fmt.Sscanf(stream.CachedInfo().Cluster.Leader, "n%d", &i); err != nil {
		f.t.Fatal(err)
	}
	return i
}

// The NATS server that leads the stream is cut off from the other two, then one that does not, each with the node on
// it, which hears nothing of that. What
// it says waits, as no majority takes it, and its own clients get it all the same. Afterwards everybody has everything,
// once.
func TestJournalPartitioned(t *testing.T) {
	t.Parallel()
	o, cut := severed(t)
	f := startTrio(t, o, func(servers []*natsserver.Server, i int) string { return servers[i].URL() })
	v := f.traveller()
	for next := range 2 {
		i := (f.leader() + next) % 3
		if v.server == i { // it leaves a node that will be cut off while all is well, and comes back to another
			v.lose()
			v.resume((i + 1) % 3)
		}
		cut(i, true)
		eventually(t, "the node that is cut off knows that JetStream is away", func() bool {
			return f.nodes[i].broker.Stats().JournalErrors > 0 && !f.nodes[i].broker.Stats().JournalUp
		})
		from := f.said()
		eventually(t, "its clients hear it all the same", func() bool {
			return f.clients[i].has(i, from[i], from[i]+100) == 100
		})
		for _, pair := range [][2]int{{(i + 1) % 3, (i + 2) % 3}, {(i + 2) % 3, (i + 1) % 3}} {
			eventually(t, "the others hear each other", func() bool {
				return f.clients[pair[0]].has(pair[1], from[pair[1]], from[pair[1]]+100) == 100
			})
		}
		if _, err := f.nodes[i].FetchSockets(t.Context()); err != nil && !errors.Is(err, socketio.ErrIncomplete) {
			t.Errorf("cut off: %v", err)
		}
		cut(i, false)
		natsserver.Whole(t, f.servers)
		f.replicated()
		f.well(fmt.Sprintf("server %d is back", i), v.reader)
		eventuallyWholeOf(t, f.nodes, 4)
	}
	f.end()
	v.whole()
}

// The stream is deleted while everybody speaks, as by an operator: it is made anew, and all goes on.
func TestJournalDeleted(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	a := startJournalNode(t, s.URL(), Options{}, JetStreamOptions{Recovery: recovering})
	b := startJournalNode(t, s.URL(), Options{}, JetStreamOptions{Recovery: recovering})
	together(t, a, b)
	r := read(b.client(t, "all"))
	sa := speak(t, a, 0, time.Millisecond)
	eventually(t, "all is well", func() bool { return r.has(0, 0, 100) == 100 })
	js, err := jetstream.New(a.broker.conn)
	if err != nil {
		t.Fatal(err)
	}
	before := r.offset()
	if err := js.DeleteStream(t.Context(), "socket_2Eio-log"); err != nil {
		t.Fatal(err)
	}
	from := sa.said()
	eventually(t, "all is well again", func() bool { return r.has(0, from+2000, from+2100) == 100 })
	if has, err := b.broker.journal.Load().buses["=2F"][0].Has(t.Context(), before); has || err != nil {
		t.Errorf("an offset of the stream before: %v, %v", has, err)
	}
	if wrong := r.faults(); len(wrong) > 0 {
		t.Errorf("%d faults, first %s", len(wrong), wrong[0])
	}
}
