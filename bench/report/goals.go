package report

// What the project wants to reach, checked against a run.

import "slices"

// A goal is a bound for one of our numbers.
type goal struct {
	text     string // for people
	workload string
	metric   string
	peer     string  // compare with this peer, or with the best one, in the same rounds
	to       string  // compare with another metric of ours
	atLeast  float64 // the bound: either this
	atMost   float64 // or this
}

// best stands for whichever Socket.IO server of others does best in a workload.
const best = "the best peer"

// goals in the order of the table. bench/NOTES.md says why some were missed.
var goals = []goal{
	{
		text:     "fan-out to 1,000, 16 in flight: deliveries against the best peer",
		workload: "fanout-w16", metric: "deliveries_per_second", peer: best, atLeast: 13,
	},
	{
		text:     "fan-out to 1,000, 16 in flight: deliveries against the floor",
		workload: "fanout-w16", metric: "deliveries_per_second", peer: "floor", atLeast: 4,
	},
	{
		text:     "fan-out to 1,000, 64 in flight: deliveries against the best peer",
		workload: "fanout-w64", metric: "deliveries_per_second", peer: best, atLeast: 25,
	},
	{
		text:     "fan-out to 1,000, 20 messages/s: CPU per delivery against the best peer",
		workload: "fanout-20", metric: "cpu_per_delivery", peer: best, atMost: 0.7,
	},
	{
		text:     "fan-out to 1,000, 20 messages/s: CPU per delivery against the floor",
		workload: "fanout-20", metric: "cpu_per_delivery", peer: "floor", atMost: 1.05,
	},
	{
		text:     "fan-out to 1,000, 20 messages/s: p99 latency against the best peer",
		workload: "fanout-20", metric: "p99", peer: best, atMost: 0.7,
	},
	{
		text:     "100 rooms of 10, one message in flight in each: deliveries against the best peer",
		workload: "rooms-100x10", metric: "deliveries_per_second", peer: best, atLeast: 1.8,
	},
	{
		text:     "100 rooms of 10, 16 in flight in each: deliveries against the best peer",
		workload: "rooms-w16", metric: "deliveries_per_second", peer: best, atLeast: 1.8,
	},
	{
		text:     "echo with acknowledgement: echoes against the best peer",
		workload: "echo-ack", metric: "echoes_per_second", peer: best, atLeast: 2.5,
	},
	{
		text:     "polling only, one room: deliveries against the best peer",
		workload: "polling-fanout", metric: "deliveries_per_second", peer: best, atLeast: 3,
	},
	{
		text:     "polling only, echo: echoes against the best peer",
		workload: "polling-echo", metric: "echoes_per_second", peer: best, atLeast: 3,
	},
	{
		text:     "connect storm: CPU per connection against the best peer",
		workload: "storm", metric: "cpu_per_connection", peer: best, atMost: 0.6,
	},
	{
		text:     "connect storm with CORS origins and behind a proxy: CPU per connection against the best peer",
		workload: "storm-proxy", metric: "cpu_per_connection", peer: best, atMost: 0.6,
	},
	{
		text:     "connect storm with tokens (ES256): CPU against the same without",
		workload: "storm-jwt", metric: "jwt_ratio", atMost: 1.6,
	},
	{
		text:     "the same once more, with the same tokens",
		workload: "storm-jwt", metric: "jwt_again_ratio", atMost: 1.6,
	},
	{
		text:     "15,000 idle: memory per connection",
		workload: "idle-memory", metric: "rss_per_connection", atMost: 2.7 * (1 << 10),
	},
	{
		text:     "15,000 idle: memory per connection against the best peer",
		workload: "idle-memory", metric: "rss_per_connection", peer: best, atMost: 0.25,
	},
	{
		text:     "broadcast while others join and leave, against the same without",
		workload: "churn", metric: "churn_ratio", atLeast: 0.8,
	},
	// A fifth more is noise: that is how much the p99 of one workload differs between rounds on a quiet machine.
	{
		text:     "p99 of 1,000 clients with a slow reader among them, against without",
		workload: "slow-reader", metric: "p99_with", to: "p99_without", atMost: 1.2,
	},
	{text: "the slow reader is closed at its limit", workload: "slow-reader", metric: "slow_closed", atLeast: 1},
	// Whoever replaces a Nest service has that start. No bound was set against the best peer.
	{
		text:     "start to first connection against Nest",
		workload: "startup", metric: "seconds_to_first_connect", peer: "nest", atMost: 0.1,
	},
	{
		text:     "deliveries on two cores against one, the load counted out",
		workload: "two-cores", metric: "scaling_alone", atLeast: 1.8,
	},
}

// A Verdict says what became of a goal.
type Verdict struct {
	Goal     string
	Against  string // the peer that ours was compared with, or ""
	InMemory bool   // ours was without Redis, like that peer
	Unit     Unit
	AtLeast  float64 // the bound: either this
	AtMost   float64 // or this
	Got      Summary
	Measured bool // the run has what the goal needs
	Met      bool // by the median
}

// Goals checks every goal. The last one is that ours lost nothing and failed nowhere.
func (r *Run) Goals() []Verdict {
	var verdicts []Verdict
	for _, g := range goals {
		verdicts = append(verdicts, r.judge(g))
	}
	return append(verdicts, r.lossless())
}

func (r *Run) judge(g goal) Verdict {
	v := Verdict{Goal: g.text, Unit: Times, AtLeast: g.atLeast, AtMost: g.atMost}
	switch {
	case g.peer != "":
		v.Against = g.peer
		if g.peer == best {
			v.Against = r.best(g.workload, g.metric)
		}
		if v.Against == "" { // nobody to compare with
			break
		}
		of := r.oursBeside(g.workload, v.Against)
		v.InMemory = of == oursInMemory
		v.Got = r.ratio(g.workload, of, v.Against, g.metric)
	case g.to != "":
		v.Got = r.within(g.workload, g.metric, g.to)
	default:
		v.Got = r.summary(g.workload, ours, g.metric)
		if m, ok := metricNamed(g.metric); ok {
			v.Unit = m.Unit
		}
	}
	v.Measured = v.Got.Rounds > 0
	got := v.Got.Median
	if v.Unit == YesNo {
		got = v.Got.Min // it must hold in every round
	}
	v.Met = v.Measured && got >= g.atLeast && (g.atMost == 0 || got <= g.atMost)
	return v
}

// best returns the peer that does best in a workload by a metric, of the Socket.IO servers of others that have lost no
// message in it and failed in no round: it is easy to be fast with less to do. It is "" if there is none.
func (r *Run) best(workload, metric string) string {
	m, _ := metricNamed(metric)
	found, value := "", 0.0
	for _, peer := range peersOf(r.of(workload, "")) {
		if slices.Contains(notRivals, peer) || slices.ContainsFunc(r.of(workload, peer), func(result Result) bool {
			return result.Missing > 0 || result.Error != ""
		}) {
			continue
		}
		s := r.summary(workload, peer, metric)
		if s.Rounds == 0 {
			continue
		}
		if found == "" || m.Better == Higher && s.Median > value || m.Better == Lower && s.Median < value {
			found, value = peer, s.Median
		}
	}
	return found
}

// oursBeside returns which of ours is compared with a peer: that without Redis, unless the peer has one too. Where it
// was not measured it is the other, which does more.
func (r *Run) oursBeside(workload, peer string) string {
	if slices.Contains(onRedis, peer) || len(r.of(workload, oursInMemory)) == 0 {
		return ours
	}
	return oursInMemory
}

// lossless judges whether ours delivered all that it owed, in all workloads.
func (r *Run) lossless() Verdict {
	v := Verdict{Goal: "no message lost and no error, in all workloads", Unit: YesNo, AtLeast: 1}
	whole := 1.0
	for _, result := range r.Results {
		if result.Peer != ours {
			continue
		}
		v.Measured = true
		v.Got.Rounds++
		// A rate that cannot be kept up is not a loss. It is where the plot of the latency ends.
		if result.Missing > 0 || result.Error != "" && result.Values["overloaded"] == 0 {
			whole = 0
		}
	}
	v.Got.Median, v.Got.Min, v.Got.Max = whole, whole, whole
	v.Met = v.Measured && whole == 1
	return v
}
