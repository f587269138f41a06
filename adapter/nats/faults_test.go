package nats

// What goes wrong between servers and NATS, while they talk all the time: nothing comes twice or out of order, and what
// is said over connections that hold arrives.

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

// A cable leads to a NATS server. It can be cut, and can lose what passes.
type cable struct {
	*relay.Relay
	broken atomic.Bool // it takes no new connections
	mute   atomic.Bool // it passes nothing on, and says nothing of it
}

func newCable(t testing.TB, target string) *cable {
	c := new(cable)
	c.Relay = relay.Start(t, func() (net.Conn, error) {
		if c.broken.Load() {
			return nil, errors.New("cut")
		}
		return net.Dial("tcp", target)
	}, func(to, from net.Conn) {
		defer to.Close()
		defer from.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			for c.mute.Load() && err == nil { // a connection that hangs loses nothing yet
				time.Sleep(5 * time.Millisecond)
			}
			if n > 0 {
				if _, err := to.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	return c
}

func (c *cable) url() string { return "nats://" + c.Addr }

// A server's connection is cut again and again while it speaks, with small messages and large ones: all that it says
// arrives, each once, in order, where the others' connections hold.
func TestCutWhileSpeaking(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{MaxPayload: 4000})
	way := newCable(t, s.Addr)
	a, b, c := startNode(t, way.url(), Options{}), startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{})
	clients := []*reader{read(b.client(t, "all")), read(c.client(t, "all"))}
	own := read(a.client(t, "all"))
	together(t, a, b, c)
	padding := make([]byte, 0, 20_000)
	numbers := 0
	cuts := time.NewTicker(150 * time.Millisecond)
	defer cuts.Stop()
	for begin := time.Now(); time.Since(begin) < 5*time.Second; {
		select {
		case <-cuts.C:
			way.Cut()
		default:
		}
		numbers++
		if err := a.To("all").Emit("n", 0, numbers, padding[:numbers%10*2000]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Microsecond)
	}
	for i, r := range append(clients, own) {
		eventually(t, "all numbers have come", func() bool { return r.has(0, 0, numbers) == numbers })
		if wrong := r.faults(); len(wrong) > 0 {
			t.Errorf("client %d: %d faults, first %s", i, len(wrong), wrong[0])
		}
	}
	st := a.broker.Stats()
	if st.Connects < 5 || st.Dropped+st.PublishErrors != 0 {
		t.Errorf("%+v", st)
	}
	t.Logf("%d numbers, %d connections", numbers, st.Connects)
}

// A cluster of three NATS servers with a Socket.IO server on each. One NATS server is killed, one connection hangs, one
// is cut for a while: nobody gets anything twice or out of order; what the two say to each other whose connections hold
// arrives, all of it; what the third says arrives, all of it, once it is back; and who cannot reach the others does not
// claim to know all sockets.
func TestClusterOfThree(t *testing.T) {
	t.Parallel()
	servers := natsserver.StartCluster(t, 3, natsserver.Options{NoAdvertise: true})
	var nodes []*node
	var ways []*cable
	var clients []*reader
	for i := range 3 {
		ways = append(ways, newCable(t, servers[i].Addr))
	}
	other := newCable(t, servers[1].Addr) // to where node 0 may go, later
	other.broken.Store(true)
	for i := range 3 {
		urls := ways[i].url()
		if i == 0 {
			urls += "," + other.url()
		}
		nodes = append(nodes, startNode(t, urls, Options{RequestsTimeout: 2 * time.Second}))
		clients = append(clients, read(nodes[i].client(t, "all")))
	}
	together(t, nodes...)
	eventuallyWhole(t, nodes)
	for _, s := range servers {
		eventually(t, "all NATS servers know who listens", func() bool {
			return s.Subscribers("socket.io.room.=2F.all") == 3
		})
	}
	var speakers []*speaker
	for i, n := range nodes {
		speakers = append(speakers, speak(t, n, i, 2*time.Millisecond))
	}
	// say waits until everybody has said a hundred more, and returns how far each was before and is now.
	say := func() (from, to []int) {
		for _, s := range speakers {
			from = append(from, s.said())
		}
		for i, s := range speakers {
			eventually(t, "it speaks on", func() bool { return s.said() >= from[i]+100 })
		}
		for _, s := range speakers {
			to = append(to, s.said())
		}
		return from, to
	}
	arrives := func(what string, from, to []int, client, speaker int) {
		t.Helper()
		want := to[speaker] - from[speaker]
		eventually(t, what, func() bool { return clients[client].has(speaker, from[speaker], to[speaker]) == want })
	}
	all := func(what string) {
		t.Helper()
		from, to := say()
		for client := range clients {
			for speaker := range speakers {
				arrives(what, from, to, client, speaker)
			}
		}
	}
	all("all is well")

	// Its NATS server is killed: node 0 goes to another.
	before := []int{speakers[0].said(), speakers[1].said(), speakers[2].said()}
	connects := nodes[0].broker.Stats().Connects
	other.broken.Store(false)
	servers[0].Kill()
	eventually(t, "node 0 is on another server", func() bool {
		st := nodes[0].broker.Stats()
		return st.Up && st.Connects > connects
	})
	eventuallyWhole(t, nodes)
	_, to := say()
	for _, pair := range [][2]int{{1, 2}, {2, 1}} { // their connections held all the time
		arrives("what is said between servers that hold", before, to, pair[0], pair[1])
	}
	all("all is well on two servers")
	servers[0].Restart()
	natsserver.Whole(t, servers)
	all("all is well on three servers")

	// Node 2 is cut off: it has no other server to go to.
	before = []int{speakers[0].said(), speakers[1].said(), speakers[2].said()}
	ways[2].broken.Store(true)
	ways[2].Cut()
	eventually(t, "node 2 knows that it is alone", func() bool {
		n, err := nodes[2].Adapter().ServerCount(t.Context())
		return n == 1 && errors.Is(err, socketio.ErrIncomplete)
	})
	sockets, err := nodes[2].FetchSockets(t.Context())
	if len(sockets) != 1 || !errors.Is(err, socketio.ErrIncomplete) {
		t.Errorf("cut off: %d sockets, %v", len(sockets), err)
	}
	say()
	ways[2].broken.Store(false)
	eventually(t, "node 2 is back", func() bool { return nodes[2].broker.Stats().Up })
	eventuallyWhole(t, nodes)
	_, to = say()
	for _, pair := range [][2]int{{0, 1}, {1, 0}, {0, 2}, {1, 2}, {2, 2}} { // what node 2 has said waited
		arrives("what was said over connections that held, or waited", before, to, pair[0], pair[1])
	}
	all("all is well again")

	// The connection of node 1 hangs: nobody is told of it.
	ways[1].mute.Store(true)
	eventually(t, "who asks node 1 learns that it does not answer", func() bool {
		_, err := nodes[2].FetchSockets(t.Context())
		return errors.Is(err, socketio.ErrIncomplete)
	})
	eventually(t, "node 1 knows that its server does not answer", func() bool { return !nodes[1].broker.Stats().Up })
	if _, err := nodes[1].FetchSockets(t.Context()); !errors.Is(err, socketio.ErrIncomplete) {
		t.Errorf("hanging: %v", err)
	}
	ways[1].mute.Store(false)
	eventually(t, "node 1 is back", func() bool { return nodes[1].broker.Stats().Up })
	eventuallyWhole(t, nodes)
	all("all is well at the end")

	for i, r := range clients {
		if wrong := r.faults(); len(wrong) > 0 {
			t.Errorf("client %d: %d faults, first %s", i, len(wrong), wrong[0])
		}
	}
	for i, n := range nodes {
		if st := n.broker.Stats(); st.Dropped+st.PublishErrors+st.SlowDropped+st.Malformed+st.ReceiveDropped != 0 {
			t.Errorf("node %d: %+v", i, st)
		}
	}
}

// severed are options of a cluster of three NATS servers of which cut(i, true) cuts one off from the other two.
func severed(t *testing.T) (o natsserver.Options, cut func(i int, yes bool)) {
	var cables [3][3]*cable
	o = natsserver.Options{NoAdvertise: true, Route: func(from, to int, addr string) string {
		cables[from][to] = newCable(t, addr)
		return cables[from][to].Addr
	}}
	return o, func(i int, yes bool) {
		for other := range 3 {
			for _, c := range []*cable{cables[i][other], cables[other][i]} {
				if c != nil {
					c.broken.Store(yes)
					c.Cut()
				}
			}
		}
	}
}

// One NATS server, with the node on it, is cut off from the other two. Each part goes on by itself: what is said in it
// arrives in it. Who asks learns at first that somebody does not answer; later the others are gone, on both sides. When
// the parts find each other again everybody has what is said from then on, and nothing has come twice or out of order.
func TestClusterPartitioned(t *testing.T) {
	t.Parallel()
	o, cut := severed(t)
	servers := natsserver.StartCluster(t, 3, o)
	var nodes []*node
	var clients []*reader
	var speakers []*speaker
	for _, s := range servers {
		n := startNode(t, s.URL(), Options{RequestsTimeout: 2 * time.Second})
		nodes, clients = append(nodes, n), append(clients, read(n.client(t, "all")))
	}
	together(t, nodes...)
	eventuallyWhole(t, nodes)
	for i, n := range nodes {
		speakers = append(speakers, speak(t, n, i, 5*time.Millisecond))
	}
	arrives := func(what string, pairs ...[2]int) { // from a node to the client of another
		t.Helper()
		for _, pair := range pairs {
			s, r := speakers[pair[0]], clients[pair[1]]
			from := s.said()
			eventually(t, what, func() bool { return r.has(pair[0], from, from+100) == 100 })
		}
	}
	all := [][2]int{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {2, 0}, {2, 1}, {2, 2}}
	eventually(t, "what each says reaches all", func() bool {
		for _, pair := range all {
			if clients[pair[1]].has(pair[0], 0, speakers[pair[0]].said()) == 0 {
				return false
			}
		}
		return true
	})
	for i := range 3 {
		from := make([]int, 3)
		for k, s := range speakers {
			from[k] = s.said()
		}
		cut(i, true)
		a, b := (i+1)%3, (i+2)%3
		var asking sync.WaitGroup
		for _, n := range nodes {
			asking.Go(func() {
				if found, err := n.FetchSockets(t.Context()); !errors.Is(err, socketio.ErrIncomplete) {
					t.Errorf("cut off: %d sockets, %v", len(found), err)
				}
			})
		}
		asking.Wait()
		arrives("what is said in a part arrives in it", [2]int{i, i}, [2]int{a, b}, [2]int{b, a})
		eventuallyWholeOf(t, []*node{nodes[a], nodes[b]}, 2)
		eventuallyWholeOf(t, []*node{nodes[i]}, 1)
		cut(i, false)
		natsserver.Whole(t, servers)
		eventuallyWhole(t, nodes)
		arrives("all is well again", all...)
		for _, pair := range [][2]int{{i, i}, {a, a}, {a, b}, {b, a}, {b, b}} {
			to := speakers[pair[0]].said()
			eventually(t, "nothing was lost within a part", func() bool {
				return clients[pair[1]].has(pair[0], from[pair[0]], to) == to-from[pair[0]]
			})
		}
	}
	for i, r := range clients {
		if wrong := r.faults(); len(wrong) > 0 {
			t.Errorf("client %d: %d faults, first %s", i, len(wrong), wrong[0])
		}
	}
}

// eventuallyWhole waits until each node knows all sockets, and says that these are all.
func eventuallyWhole(t *testing.T, nodes []*node) {
	t.Helper()
	eventuallyWholeOf(t, nodes, len(nodes))
}

// eventuallyWholeOf is eventuallyWhole where there are so many sockets.
func eventuallyWholeOf(t *testing.T, nodes []*node, count int) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, "all sockets are known", func() bool {
			sockets, err := n.FetchSockets(t.Context())
			return err == nil && len(sockets) == count
		})
	}
}

// A client that takes nothing for a while is a slow consumer to NATS, which cuts it off: what it misses is not made up,
// nobody else notices, and it comes back.
func TestSlowConsumerOfTheServer(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{MaxPending: 1 << 20})
	way := newCable(t, s.Addr)
	a, b, slow := startNode(t, s.URL(), Options{}), startNode(t, s.URL(), Options{}), startNode(t, way.url(), Options{})
	clients := []*reader{read(b.client(t, "all")), read(slow.client(t, "all"))}
	together(t, a, b, slow)
	way.mute.Store(true)
	numbers := 0
	padding := make([]byte, 10_000)
	for s.NumSlowConsumers() == 0 {
		numbers++
		if err := a.To("all").Emit("n", 0, numbers, padding); err != nil {
			t.Fatal(err)
		}
		if numbers > 50_000 {
			t.Fatal("NATS takes everything for a client that takes nothing")
		}
		if numbers%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	way.mute.Store(false)
	eventually(t, "the others have everything", func() bool { return clients[0].has(0, 0, numbers) == numbers })
	eventually(t, "the slow one is back", func() bool {
		st := slow.broker.Stats()
		return st.Up && st.Connects == 2
	})
	together(t, a, b, slow)
	for range 100 {
		numbers++
		if err := a.To("all").Emit("n", 0, numbers); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range clients {
		eventually(t, "what is said afterwards comes", func() bool { return r.has(0, numbers-100, numbers) == 100 })
		if wrong := r.faults(); len(wrong) > 0 {
			t.Errorf("client %d: %d faults, first %s", i, len(wrong), wrong[0])
		}
	}
	if missed := numbers - clients[1].has(0, 0, numbers); missed == 0 || slow.log.count("is lost") == 0 {
		t.Errorf("%d missed", missed)
	}
}
