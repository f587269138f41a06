//go:build linux

package load

// Who is owed what, and how much of it is in flight; the latencies of what arrived.

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// inFlightLimit is how many messages of a group may be on their way at once, a power of two.
const inFlightLimit = 1 << 14

// A Group is the clients that are owed the same messages: a room. A message is done when the last of them has it, and
// in flight until then; so no slow half can hide behind a fast client.
type Group struct {
	Members []*Client
	Sent    int64 // messages
	Done    int64 // messages that all members have
	left    []int32

	forgiven int64 // messages that will not be waited for any more
}

// NewGroup makes a group of clients that have received nothing yet.
func NewGroup(members []*Client) *Group {
	g := &Group{Members: members, left: make([]int32, inFlightLimit)}
	for _, c := range members {
		c.group, c.counted = g, 0
	}
	return g
}

// InFlight is how many messages not all members have yet, without those that were forgiven.
func (g *Group) InFlight() int64 { return max(g.Sent-g.Done-g.forgiven, 0) }

// Forgive stops waiting for what is in flight: some of it is lost, it seems. It stays owed.
func (g *Group) Forgive() { g.forgiven = g.Sent - g.Done }

// Full tells that the group can keep count of no more messages before some are done.
func (g *Group) Full() bool { return g.Sent-g.Done >= inFlightLimit }

// Send sends a message to the group through one of its members, which must be able to: it must not be Full.
// intended is the time on the loop's clock at which it was meant to go.
func (g *Group) Send(sender *Client, m *Message, intended int64) {
	seq := g.Sent
	g.Owe()
	sender.Send(m, seq, intended)
}

// Owe counts a message that somebody else sends to the group's members as well. It must not be Full.
func (g *Group) Owe() {
	g.left[g.Sent%inFlightLimit] = int32(len(g.Members))
	g.Sent++
}

// received counts the next message of a member.
func (g *Group) received(c *Client) {
	if c.counted >= g.Sent {
		c.Surplus++
		return
	}
	left := &g.left[c.counted%inFlightLimit]
	*left--
	c.counted++
	// A member has its messages one after the other, so the last one of a message also ends all before it in order.
	for g.Done < g.Sent && g.left[g.Done%inFlightLimit] == 0 {
		g.Done++
	}
}

// Missing is how many deliveries are owed and have not arrived.
func (g *Group) Missing() int64 {
	var n int64
	for _, c := range g.Members {
		n += g.Sent - c.counted
	}
	return n
}

// Owed is how many deliveries the group was sent.
func (g *Group) Owed() int64 { return g.Sent * int64(len(g.Members)) }

// Faults is how many deliveries were out of order or twice, as far as clients check that, and names the first client.
func (g *Group) Faults() (int64, error) {
	var n int64
	var first *Client
	for _, c := range g.Members {
		if bad := c.Surplus + c.Disorder; bad > 0 {
			n += bad
			if first == nil {
				first = c
			}
		}
	}
	if first == nil {
		return 0, nil
	}
	return n, fmt.Errorf("client %d received %d messages too many and %d out of order", first.ID, first.Surplus, first.Disorder)
}

// A Recorder keeps the latencies of messages that were meant to be sent within a time.
type Recorder struct {
	From, Until int64 // on the loop's clock; Until is exclusive
	histogram   *hdrhistogram.Histogram
}

// NewRecorder makes one that keeps nothing yet: From and Until are to be set.
func NewRecorder() *Recorder {
	// From a microsecond to a minute, with three digits.
	return &Recorder{histogram: hdrhistogram.New(1_000, 60_000_000_000, 3)}
}

// Record takes the times on the loop's clock at which a message was meant to be sent and has arrived.
func (r *Recorder) Record(intended, arrived int64) {
	if intended < r.From || intended >= r.Until {
		return
	}
	// Out of range is longer than the longest: it counts as that.
	if r.histogram.RecordValue(max(arrived-intended, 0)) != nil {
		r.histogram.RecordValue(r.histogram.HighestTrackableValue())
	}
}

// Count is how many latencies were recorded.
func (r *Recorder) Count() int64 { return r.histogram.TotalCount() }

// Quantile is a percentile of the latencies (99.9), in seconds.
func (r *Recorder) Quantile(percentile float64) float64 {
	return float64(r.histogram.ValueAtQuantile(percentile)) / 1e9
}

// Percentiles are the latencies in seconds by name, nil when there are none.
func (r *Recorder) Percentiles() map[string]float64 {
	if r.Count() == 0 {
		return nil
	}
	return map[string]float64{
		"p50": r.Quantile(50), "p90": r.Quantile(90), "p99": r.Quantile(99), "p99.9": r.Quantile(99.9),
		"max": float64(r.histogram.Max()) / 1e9,
	}
}
