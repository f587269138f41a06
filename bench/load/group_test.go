//go:build linux

package load

import (
	"math"
	"testing"
	"time"
)

// nowhere is the transport of clients to which the test itself delivers.
type nowhere struct{ sent [][]byte }

func (n *nowhere) send(parts [][]byte) {
	for _, part := range parts {
		n.sent = append(n.sent, append([]byte(nil), part...))
	}
}
func (n *nowhere) close() {}

func newMembers(count int) []*Client {
	loop := new(Loop)
	members := make([]*Client, count)
	for i := range members {
		members[i] = &Client{ID: i, Ready: true, loop: loop, transport: new(nowhere), Check: true}
	}
	return members
}

func receiveStamped(c *Client, seq, at int64) {
	c.event(Text(`42["m","`, 64, `"]`).stamped(seq, at)[0])
}

func TestAMessageIsInFlightUntilTheLastMemberHasIt(t *testing.T) {
	members := newMembers(3)
	g := NewGroup(members)
	m := Text("", 64, "")
	g.Send(members[0], m, 1)
	g.Send(members[0], m, 2)
	steps := []struct {
		client         int
		seq            int64
		inFlight, owed int64
	}{{0, 0, 2, 5}, {0, 1, 2, 4}, {1, 0, 2, 3}, {1, 1, 2, 2}, {2, 0, 1, 1}, {2, 1, 0, 0}}
	for i, s := range steps {
		receiveStamped(members[s.client], s.seq, 0)
		if g.InFlight() != s.inFlight || g.Missing() != s.owed {
			t.Errorf("after step %d: %d in flight, %d missing; want %d, %d",
				i, g.InFlight(), g.Missing(), s.inFlight, s.owed)
		}
	}
	if n, err := g.Faults(); n != 0 || g.Owed() != 6 || members[0].loop.Delivered != 6 {
		t.Errorf("faults %d %v, owed %d, delivered %d", n, err, g.Owed(), members[0].loop.Delivered)
	}
	if sent := members[0].transport.(*nowhere).sent; len(sent) != 2 {
		t.Errorf("the sender sent %d messages", len(sent))
	}
}

func TestWhatIsForgivenIsNotWaitedForAndStaysOwed(t *testing.T) {
	members := newMembers(2)
	g := NewGroup(members)
	m := Text("", 64, "")
	for range 3 {
		g.Send(members[0], m, 0)
	}
	for seq := range int64(3) {
		receiveStamped(members[0], seq, 0)
	}
	if g.InFlight() != 3 {
		t.Fatalf("%d in flight", g.InFlight())
	}
	g.Forgive()
	if g.InFlight() != 0 || g.Missing() != 3 {
		t.Errorf("forgiven: %d in flight, %d missing", g.InFlight(), g.Missing())
	}
	g.Send(members[0], m, 0)
	if g.InFlight() != 1 {
		t.Errorf("one more: %d in flight", g.InFlight())
	}
}

func TestMessagesTooManyAndOutOfOrderAreFaults(t *testing.T) {
	for name, seqs := range map[string][]int64{"twice": {0, 0, 1}, "swapped": {1, 0}, "a gap": {0, 2}} {
		members := newMembers(1)
		g := NewGroup(members)
		for range 2 {
			g.Send(members[0], Text("", 64, ""), 0)
		}
		for _, seq := range seqs {
			receiveStamped(members[0], seq, 0)
		}
		if n, err := g.Faults(); n == 0 || err == nil {
			t.Errorf("%s: %d faults, %v", name, n, err)
		}
	}
}

// A latency counts from when the message should have gone, and that time decides whether it is recorded.
func TestLatenciesCountFromTheIntendedTime(t *testing.T) {
	members := newMembers(1)
	c := members[0]
	c.Check, c.Latency = false, NewRecorder()
	ms := int64(time.Millisecond)
	c.Latency.From, c.Latency.Until = 100*ms, 200*ms
	c.loop.arrived = 350 * ms // all arrive late, at once
	for _, intended := range []int64{99 * ms, 100 * ms, 150 * ms, 199 * ms, 200 * ms} {
		receiveStamped(c, 0, intended)
	}
	p := c.Latency.Percentiles()
	if c.Latency.Count() != 3 || math.Abs(p["max"]-0.250) > 0.001 || math.Abs(p["p50"]-0.200) > 0.001 {
		t.Errorf("%d latencies, %v", c.Latency.Count(), p)
	}
	c.loop.arrived = int64(time.Hour)
	receiveStamped(c, 0, 150*ms)
	if p := c.Latency.Percentiles(); p["max"] < 59 {
		t.Errorf("an hour is recorded as %v s", p["max"])
	}
	if NewRecorder().Percentiles() != nil {
		t.Error("percentiles of nothing")
	}
}
