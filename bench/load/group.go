//go:build linux

package load

// Who is owed what, how much of it is in flight, and the latencies of what arrived.

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// inFlightLimit is how many messages of a group may be in flight, a power of two.
const inFlightLimit = 1 << 14

// A Group is the clients that are owed the same messages: a room. A message is in flight until the last of them has it,
// so that a slow half cannot hide behind a fast client.
type Group struct {
	Members []*Client
	Sent    int64 // messages sent
	Done    int64 // messages that all members have
	left    []int32

	forgiven int64 // messages that are no longer waited for
}

// NewGroup makes a group of clients that have received nothing yet.
func NewGroup(members []*Client) *Group {
	g := &Group{Members: members, left: make([]int32, inFlightLimit)}
	for _, c := range members {
		c.group, c.counted = g, 0
	}
	return g
}

// InFlight returns how many messages some member still lacks, without those that were forgiven.
func (g *Group) InFlight() int64 { return max(g.Sent-g.Done-g.forgiven, 0) }

// Forgive stops waiting for what is in flight, because some of it seems lost. It stays owed.
func (g *Group) Forgive() { g.forgiven = g.Sent - g.Done }

// Full reports whether too many messages are in flight to send another.
func (g *Group) Full() bool { return g.Sent-g.Done >= inFlightLimit }

// Send has one of the members send a message to the group, which must not be Full. intended is the time on the loop's
// clock at which it should go.
func (g *Group) Send(sender *Client, m *Message, intended int64) {
	seq := g.Sent
	g.Owe()
	sender.Send(m, seq, intended)
}

// Owe counts a message that somebody outside sends to the members. The group must not be Full.
func (g *Group) Owe() {
	g.left[g.Sent%inFlightLimit] = int32(len(g.Members))
	g.Sent++
}

// received counts a member's next message.
func (g *Group) received(c *Client) {
	if c.counted >= g.Sent {
		c.Surplus++
		return
	}
	left := &g.left[c.counted%inFlightLimit]
	*left--
	c.counted++
	// Members get messages in order, so the end of this message may also be the end of those before it.
	for g.Done < g.Sent && g.left[g.Done%inFlightLimit] == 0 {
		g.Done++
	}
}

// Missing returns how many deliveries are owed and have not arrived.
func (g *Group) Missing() int64 {
	var n int64
	for _, c := range g.Members {
		n += g.Sent - c.counted
	}
	return n
}

// Owed returns how many deliveries the group was sent.
func (g *Group) Owed() int64 { return g.Sent * int64(len(g.Members)) }

// Faults returns how many deliveries were repeated or out of order, as far as clients check that. The error names the
// first client.
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
	return n, fmt.Errorf("client %d received %d messages too many and %d out of order",
		first.ID, first.Surplus, first.Disorder)
}

// A Recorder keeps the latencies of messages that should go within a span of time.
type Recorder struct {
	From, Until int64 // on the loop's clock; Until is exclusive
	histogram   *hdrhistogram.Histogram
}

// NewRecorder returns a Recorder that keeps nothing until From and Until are set.
func NewRecorder() *Recorder {
	// One microsecond to one minute, with three digits.
	return &Recorder{histogram: hdrhistogram.New(1_000, 60_000_000_000, 3)}
}

// Record records a message by the times, on the loop's clock, at which it should have gone and at which it arrived.
func (r *Recorder) Record(intended, arrived int64) {
	if intended < r.From || intended >= r.Until {
		return
	}
	// Out of range means longer than a minute, and counts as that.
	if r.histogram.RecordValue(max(arrived-intended, 0)) != nil {
		r.histogram.RecordValue(r.histogram.HighestTrackableValue())
	}
}

// Snapshot returns what was recorded, for Merge in another process.
func (r *Recorder) Snapshot() *hdrhistogram.Snapshot { return r.histogram.Export() }

// Merge adds what another Recorder has recorded.
func (r *Recorder) Merge(s *hdrhistogram.Snapshot) { r.histogram.Merge(hdrhistogram.Import(s)) }

// Count returns how many latencies were recorded.
func (r *Recorder) Count() int64 { return r.histogram.TotalCount() }

// Quantile returns a percentile (such as 99.9) of the latencies, in seconds.
func (r *Recorder) Quantile(percentile float64) float64 {
	return float64(r.histogram.ValueAtQuantile(percentile)) / 1e9
}

// Percentiles returns the latencies in seconds by name, or nil if there are none.
func (r *Recorder) Percentiles() map[string]float64 {
	if r.Count() == 0 {
		return nil
	}
	return map[string]float64{
		"p50": r.Quantile(50), "p90": r.Quantile(90), "p99": r.Quantile(99), "p99.9": r.Quantile(99.9),
		"max": float64(r.histogram.Max()) / 1e9,
	}
}
