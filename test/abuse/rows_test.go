package abuse

// The table against the built gateway, while good clients chat on it.

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { removeBinary(); os.Exit(code) }))
}

const (
	goodClients = 50
	// attackFor is how long each attack lasts at least, and attackForMost how long it goes on where it has not come to
	// its bound by then.
	attackFor     = 2 * time.Second
	attackForMost = patience
)

// back is what may be left over of an attack, on top of what there was before.
var back = Bounds{Resident: 48, Kernel: 16, Goroutines: 4, Files: 4}

// Each attack lasts for a while, and none of the good clients is disconnected or misses a message. What the gateway
// takes stays under the row's bounds, and comes back to where it was.
func TestAttacks(t *testing.T) {
	for _, row := range Rows() {
		t.Run(row.Name, func(t *testing.T) { row.test(t) })
	}
}

func (row *Row) test(t *testing.T) {
	settings := slices.Concat(row.With, row.Settings)
	if row.Nodes > 1 {
		redis := fleet.StartRedis(t, row.Redis...)
		settings = append([]string{"ADAPTER=pubsub", "REDIS_URL=" + redis.URL()}, settings...)
	}
	var nodes []*node
	for range max(row.Nodes, 1) {
		nodes = append(nodes, startNode(t, row.Files, settings...))
	}
	chat, err := NewChat(goodClients, addrsOf(nodes)...)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	for i := range 3 { // goroutines and buffers that there are while one chats
		if err := chat.Say(i, i+1, 0); err != nil {
			t.Fatal(err)
		}
	}
	n := nodes[0]
	before, err := n.usage()
	if err != nil {
		t.Fatal(err)
	}
	most := n.watch()
	row.attack(t, chat, 3, nodes)
	top := most.top()
	t.Logf("before: %v", before)
	t.Logf("at most: %v", top)
	row.checkMost(t, before, top)
	for _, name := range row.Moves {
		if value, err := n.metric(name); err != nil || value == 0 {
			t.Errorf("%s is %v, %v", name, value, err)
		}
	}
	for _, name := range row.Stays {
		if value, err := n.metric(name); err != nil || value != 0 {
			t.Errorf("%s is %v, %v", name, value, err)
		}
	}
	// The next attack need not wait until this one is forgotten. Here it goes on when the last one is over.
	t.Parallel()
	after := n.await(before)
	t.Logf("after: %v", after)
	if after.over(before, back) {
		t.Errorf("it does not come back to where it was")
	}
}

// attack attacks while the good clients chat, which have said some messages before.
func (row *Row) attack(t *testing.T, chat *Chat, said int, nodes []*node) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), attackForMost)
	defer stop()
	type result struct {
		did Did
		err error
	}
	done := make(chan result, 1)
	go func() {
		did, err := row.Attack(ctx, addrsOf(nodes))
		done <- result{did, err}
	}()
	var r result
	slowest := time.Duration(0)
	first := time.Now()
	for over := false; !over; said++ {
		if time.Since(first) > attackFor && row.moved(nodes[0]) {
			stop()
		}
		const between = 100 * time.Millisecond
		began := time.Now()
		if err := chat.Say(said, said+1, between); err != nil {
			t.Errorf("while under attack: %v", err)
		}
		slowest = max(slowest, time.Since(began)-between)
		select {
		case r = <-done:
			over = true
		default:
		}
	}
	if err := chat.Heard(said); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages of each of %d; the slowest round took %v", said, goodClients, slowest.Round(time.Millisecond))
	t.Logf("the attack: %v", r.did)
	if r.err != nil {
		t.Errorf("there was no attack: %v", r.err)
	}
	for _, what := range row.Sees {
		if r.did[what] == 0 {
			t.Errorf("the attack has not come to %q", what)
		}
	}
	for _, what := range row.Never {
		if r.did[what] > 0 {
			t.Errorf("the attack has come to %q", what)
		}
	}
}

// moved reports whether the attack has come to its bound.
func (row *Row) moved(n *node) bool {
	for _, name := range row.Moves {
		if value, err := n.metric(name); err != nil || value == 0 {
			return false
		}
	}
	return true
}

func addrsOf(nodes []*node) (addrs []string) {
	for _, n := range nodes {
		addrs = append(addrs, n.addr)
	}
	return addrs
}

// checkMost checks the row's bounds.
func (row *Row) checkMost(t *testing.T, before, top usage) {
	t.Helper()
	bounds := row.Most
	if top.resident > bounds.Resident {
		t.Errorf("resident %d MB, want at most %d", top.resident, bounds.Resident)
	}
	bounds.Resident = top.resident // it is not what comes on top
	if top.over(before, bounds) {
		t.Errorf("more than %+v came on top", row.Most)
	}
}

// over reports whether u is more than before and what may come on top.
func (u usage) over(before usage, b Bounds) bool {
	return u.resident > before.resident+b.Resident || u.kernel > before.kernel+b.Kernel ||
		u.goroutines > before.goroutines+b.Goroutines || u.files > before.files+b.Files
}

// await waits until what a gateway takes is back to where it was, and returns what it takes in the end. It asks for the
// metrics all the time: that makes garbage, without which an idle process collects what is left of the attack no
// sooner than after two minutes.
func (n *node) await(before usage) (after usage) {
	await.Until(patience, func() bool {
		u, err := n.usage()
		after = u
		return err == nil && u.goroutines > 0 && !u.over(before, back)
	})
	return after
}
