package adapter_test

// A ledger of deliveries: servers say numbers to everybody all the time, and of each client it is known what it is owed
// and what it got.

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A ledger is servers of which some say numbers to the room "all", and a client of each, in that room.
type ledger struct {
	nodes   []*fleet.GoNode // that say numbers
	clients []*fleet.Client
	rooms   []string // said to in turn
	padding string   // said with each number
	every   time.Duration

	stopped chan struct{}
	sending sync.WaitGroup
	reading sync.WaitGroup
	said    []atomic.Int64 // by node

	mu    sync.Mutex
	got   []map[string]int // by client: how often each number came
	order []string         // what came out of order
}

// settling is how long servers may take until messages arrive again, where it matters only that they do.
const settling = 30 * time.Second

// newLedger begins to say numbers: each of nodes does every so often, to the rooms in turn. Others are the addresses of
// servers that only have a client.
func newLedger(t *testing.T, nodes []*fleet.GoNode, every time.Duration, rooms []string, others ...string) *ledger {
	t.Helper()
	l := &ledger{nodes: nodes, rooms: rooms, every: every, stopped: make(chan struct{})}
	l.said = make([]atomic.Int64, len(nodes))
	for _, n := range nodes {
		l.join(t, n.URL)
	}
	for _, url := range others {
		l.join(t, url)
	}
	t.Cleanup(func() {
		l.stop()
		for _, c := range l.clients {
			c.Close()
		}
		l.reading.Wait()
	})
	return l
}

func (l *ledger) join(t *testing.T, url string) {
	t.Helper()
	c := fleet.Dial(t, url, "/")
	for _, room := range l.rooms {
		c.Ask(fmt.Sprintf(`["join",%q]`, room))
	}
	i, got := len(l.clients), make(map[string]int)
	l.clients, l.got = append(l.clients, c), append(l.got, got)
	l.reading.Go(func() { l.read(i, c, got) })
}

func (l *ledger) read(i int, c *fleet.Client, got map[string]int) {
	last := make(map[string]int) // by sender and room
	for text := range c.Messages {
		_, payload := c.Split(text)
		var from, room, n int
		if k, _ := fmt.Sscanf(payload, `["n",%d,%d,%d`, &from, &room, &n); k != 3 {
			continue
		}
		l.mu.Lock()
		got[fmt.Sprint(from, " ", n)]++
		key := fmt.Sprint(from, " ", room)
		if n < last[key] {
			l.order = append(l.order, fmt.Sprintf("client %d: %d of %s after %d", i, n, key, last[key]))
		}
		last[key] = n
		l.mu.Unlock()
	}
}

// start begins to say numbers.
func (l *ledger) start() {
	for i, n := range l.nodes {
		l.sending.Go(func() {
			tick := time.NewTicker(l.every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-l.stopped:
					return
				}
				number := int(l.said[i].Add(1))
				room := number % len(l.rooms)
				_ = n.To(l.rooms[room]).Emit("n", i, room, number, l.padding)
			}
		})
	}
}

func (l *ledger) stop() {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.sending.Wait()
}

// settle waits until everything that was said has arrived, or nothing has for a while, and returns the balance.
func (l *ledger) settle() (owed, lost, doubled int) {
	l.stop()
	for quiet, before := 0, -1; quiet < 150; quiet++ {
		if _, lost, _ = l.balance(); lost == 0 {
			break
		}
		if lost != before {
			quiet, before = 0, lost
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // for what would come twice
	return l.balance()
}

func (l *ledger) balance() (owed, lost, doubled int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.clients {
		for from := range l.nodes {
			for n := 1; n <= int(l.said[from].Load()); n++ {
				owed++
				switch times := l.got[i][fmt.Sprint(from, " ", n)]; {
				case times == 0:
					lost++
				default:
					doubled += times - 1
				}
			}
		}
	}
	return owed, lost, doubled
}

// arrives waits until each client has something of each node that was said from now on.
func (l *ledger) arrives(within time.Duration) (took time.Duration, ok bool) {
	start := time.Now()
	var marks []int
	for i := range l.nodes {
		marks = append(marks, int(l.said[i].Load())+1)
	}
	ok = await.Until(within, func() bool {
		for i := range l.clients {
			for from, mark := range marks {
				if !l.has(i, from, mark) {
					return false
				}
			}
		}
		return true
	})
	return time.Since(start), ok
}

// has reports whether client i got a number of from that is mark or a later one.
func (l *ledger) has(i, from, mark int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := int(l.said[from].Load()); n >= mark; n-- {
		if l.got[i][fmt.Sprint(from, " ", n)] > 0 {
			return true
		}
	}
	return false
}

// whole fails the test unless everything has come, once and in order.
func (l *ledger) whole(t *testing.T) {
	t.Helper()
	owed, lost, doubled := l.settle()
	t.Logf("%d of %d deliveries lost, %d doubled, %d out of order", lost, owed, doubled, len(l.order))
	if lost+doubled+len(l.order) > 0 {
		t.Errorf("%d of %d deliveries lost, %d doubled, %d out of order: %.200q", lost, owed, doubled, len(l.order),
			l.order)
		for i, n := range l.nodes {
			t.Logf("node %d: %+v", i, n.Redis.Stats())
		}
	}
}

// missed returns how many of the others' messages each node says that Redis cut off before it had read them.
func (l *ledger) missed() (list []int64) {
	for _, n := range l.nodes {
		list = append(list, n.Redis.Stats().Missed)
	}
	return list
}

// wholeBut is whole, but a client may lack as many of the others' messages as its node says that it has missed since
// before.
func (l *ledger) wholeBut(t *testing.T, before []int64) {
	t.Helper()
	_, lost, doubled := l.settle()
	reported := l.missed()
	for i, n := range l.nodes {
		reported[i] -= before[i]
		lacks, own := l.lacks(i)
		if own > 0 || int64(lacks) > reported[i] {
			t.Errorf("node %d: its client lacks %d messages, and %d of its own node; the node has missed %d: %+v",
				i, lacks, own, reported[i], n.Redis.Stats())
		}
	}
	t.Logf("%d deliveries lost; the nodes have missed %d; %d doubled, %d out of order", lost, reported, doubled,
		len(l.order))
	if doubled+len(l.order) > 0 {
		t.Errorf("%d doubled, %d out of order: %.200q", doubled, len(l.order), l.order)
	}
}

// lacks returns how many messages of other nodes have not come to the client of one, and how many of its own.
func (l *ledger) lacks(client int) (others, own int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for from := range l.nodes {
		for n := 1; n <= int(l.said[from].Load()); n++ {
			switch {
			case l.got[client][fmt.Sprint(from, " ", n)] > 0:
			case from == client:
				own++
			default:
				others++
			}
		}
	}
	return others, own
}

// inEach runs a test in each mode, all at once: t.Parallel runs only as many as there are cores, and these sleep.
func inEach(t *testing.T, modes []mode, test func(*testing.T, mode)) {
	t.Parallel()
	var running sync.WaitGroup
	for _, m := range modes {
		running.Go(func() { t.Run(m.name, func(t *testing.T) { test(t, m) }) })
	}
	running.Wait()
}

// childNode is the environment variable that makes the test program a server.
const childNode = "ADAPTER_TEST_NODE"

// startChild starts a server in a process of its own, which can be stopped.
func startChild(t *testing.T, m mode, redisURL string) (url string, signal func(syscall.Signal)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childNode+"="+m.name+" "+redisURL)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := fmt.Fscanln(out, &url); err != nil {
		t.Fatalf("the child says no address: %v", err)
	}
	return url, func(s syscall.Signal) { cmd.Process.Signal(s) }
}

// runChild is the child's main.
func runChild(arg string) {
	i := strings.LastIndexByte(arg, ' ')
	name, redisURL := arg[:i], arg[i+1:]
	for _, m := range modes {
		if m.name != name {
			continue
		}
		r, err := adapter.Open(redisURL, adapter.Options{})
		if err != nil {
			panic(err)
		}
		io := socketio.NewServer(socketio.Options{Adapter: m.newAdapter(r)})
		io.On("join", func(e *socketio.Event) error {
			var room string
			if err := e.Raw(0).Bind(&room); err != nil {
				return err
			}
			e.Socket().Join(room)
			return e.Ack()
		})
		for changed := r.Changed(); !r.Stats().Up; changed = r.Changed() {
			<-changed
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println("http://" + listener.Addr().String())
		panic(http.Serve(listener, io))
	}
}
