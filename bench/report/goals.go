package report

// What the project wants to reach, checked against a run.

// A goal is a bound for one of our numbers.
type goal struct {
	text     string // for people
	workload string
	metric   string
	peer     string  // compare with this peer, in the same rounds
	inMemory bool    // compare ours without Redis, like the peer
	to       string  // compare with another metric of ours
	atLeast  float64 // the bound: either this
	atMost   float64 // or this
}

// goals in the order of the table. bench/NOTES.md says why some were missed.
var goals = []goal{
	{
		text:     "fan-out to 1,000, 16 in flight: deliveries against Nest",
		workload: "fanout-w16", metric: "deliveries_per_second", peer: "nest", atLeast: 10,
	},
	{
		text:     "fan-out to 1,000, 16 in flight: deliveries against the floor",
		workload: "fanout-w16", metric: "deliveries_per_second", peer: "floor", atLeast: 4,
	},
	{
		text:     "fan-out to 1,000, 64 in flight: deliveries against Nest",
		workload: "fanout-w64", metric: "deliveries_per_second", peer: "nest", atLeast: 20,
	},
	{
		text:     "fan-out to 1,000, 20 messages/s: CPU per delivery against Nest",
		workload: "fanout-20", metric: "cpu_per_delivery", peer: "nest", atMost: 0.45,
	},
	{
		text:     "fan-out to 1,000, 20 messages/s: CPU per delivery against the floor, both without Redis",
		workload: "fanout-20", metric: "cpu_per_delivery", peer: "floor", inMemory: true, atMost: 1.1,
	},
	{
		text:     "fan-out to 1,000, 20 messages/s: p99 latency against Nest",
		workload: "fanout-20", metric: "p99", peer: "nest", atMost: 0.7,
	},
	{
		text:     "100 rooms of 10, one message in flight in each: deliveries against Nest",
		workload: "rooms-100x10", metric: "deliveries_per_second", peer: "nest", atLeast: 5,
	},
	{
		text:     "100 rooms of 10, 16 in flight in each: deliveries against Nest",
		workload: "rooms-w16", metric: "deliveries_per_second", peer: "nest", atLeast: 5,
	},
	{
		text:     "echo with acknowledgement: echoes against Nest",
		workload: "echo-ack", metric: "echoes_per_second", peer: "nest", atLeast: 5,
	},
	{
		text:     "polling only, one room: deliveries against Nest",
		workload: "polling-fanout", metric: "deliveries_per_second", peer: "nest", atLeast: 4,
	},
	{
		text:     "polling only, echo: echoes against Nest",
		workload: "polling-echo", metric: "echoes_per_second", peer: "nest", atLeast: 4,
	},
	{
		text:     "connect storm: CPU per connection against Nest",
		workload: "storm", metric: "cpu_per_connection", peer: "nest", atMost: 0.12,
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
		workload: "idle-memory", metric: "rss_per_connection", atMost: 8 << 10,
	},
	{
		text:     "15,000 idle: memory per connection against Nest",
		workload: "idle-memory", metric: "rss_per_connection", peer: "nest", atMost: 1.0 / 3,
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
	{
		text:     "start to first connection against Nest",
		workload: "startup", metric: "seconds_to_first_connect", peer: "nest", atMost: 0.1,
	},
	{text: "deliveries on two cores against one", workload: "two-cores", metric: "scaling", atLeast: 1.6},
}

// A Verdict says what became of a goal.
type Verdict struct {
	Goal     string
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
		of := ours
		if g.inMemory {
			of = oursInMemory
		}
		v.Got = r.ratio(g.workload, of, g.peer, g.metric)
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
