package report

// The metrics. Each is declared once: its name, its unit, and which way is better.

// A Unit says how a number is shown.
type Unit string

const (
	PerSecond Unit = "/s"
	Seconds   Unit = "s"
	Bytes     Unit = "B"
	Cores     Unit = "cores"
	Times     Unit = "×"
	YesNo     Unit = "yes/no"
)

// A Direction says which of two numbers is better.
type Direction int

const (
	Higher Direction = iota + 1
	Lower
	Neither // set by the workload, or explains another metric
)

// A Metric is something that is measured.
type Metric struct {
	Name   string // its key in Result.Values or, for a percentile, in Result.Latency
	Title  string
	Unit   Unit
	Better Direction
}

// metrics in the order of the tables' columns. A workload's peers are compared by the first one that it has and that
// has a better direction. At a fixed rate that is never a throughput.
var metrics = []Metric{
	{"scaling", "two cores against one", Times, Higher},
	{"scaling_alone", "load counted out", Times, Higher},
	{"churn_ratio", "with against without", Times, Higher},
	{"jwt_ratio", "with tokens against without", Times, Lower},
	{"jwt_again_ratio", "once more against without", Times, Lower},
	{"seconds_to_first_connect", "first connection after", Seconds, Lower},
	{"rss_per_connection", "memory per connection", Bytes, Lower},
	{"cpu_per_connection", "CPU per connection", Seconds, Lower},
	{"plain_cpu_per_connection", "without tokens", Seconds, Lower},
	{"again_cpu_per_connection", "once more", Seconds, Lower},
	{"p99_with", "p99 with the slow one", Seconds, Lower},
	{"p99_without", "p99 without it", Seconds, Lower},
	{"slow_closed", "the slow one is closed", YesNo, Higher},
	{"slow_closed_after", "after", Seconds, Neither},
	{"echoes_per_second", "echoes", PerSecond, Higher},
	{"deliveries_per_second", "deliveries", PerSecond, Higher},
	{"plain_deliveries_per_second", "without churn", PerSecond, Higher},
	{"one_core_deliveries_per_second", "on one core", PerSecond, Higher},
	{"connections_per_second", "connections", PerSecond, Higher},
	{"seconds_to_last", "all connected after", Seconds, Lower},
	{"cpu_per_delivery", "CPU per delivery", Seconds, Lower},
	{"cpu_per_echo", "CPU per echo", Seconds, Lower},
	{"cpu_to_first_connect", "CPU until then", Seconds, Lower},
	{"user_each", "of it user", Seconds, Lower},
	{"system_each", "of it system", Seconds, Lower},
	{"messages_per_second", "messages", PerSecond, Neither},
	{"bytes_per_second", "bytes", PerSecond, Neither},
	{"changes_per_second", "joins and leaves", PerSecond, Neither},
	{"p50", "p50", Seconds, Lower},
	{"p90", "p90", Seconds, Lower},
	{"p99", "p99", Seconds, Lower},
	{"p99.9", "p99.9", Seconds, Lower},
	{"max", "max", Seconds, Lower},
	{"rss", "memory", Bytes, Lower},
	{"server_cpu", "server", Cores, Neither},
	{"load_cpu", "load", Cores, Neither},
}

// metricNamed returns a metric's declaration.
func metricNamed(name string) (Metric, bool) {
	for _, m := range metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// value returns a metric of a result. A result with an error has none.
func (r *Result) value(metric string) (float64, bool) {
	if r.Error != "" {
		return 0, false
	}
	if v, ok := r.Values[metric]; ok {
		return v, true
	}
	v, ok := r.Latency[metric]
	return v, ok
}

// openLoop reports whether the load set the pace. Then throughput says nothing about the server.
func openLoop(results []Result) bool {
	for i := range results {
		if _, ok := results[i].Values["rate"]; ok {
			return true
		}
	}
	return false
}

// compared returns the metric by which a workload's peers are compared.
func compared(results []Result) (Metric, bool) {
	open := openLoop(results)
	for _, m := range metrics {
		if m.Better == Neither || open && m.Unit == PerSecond {
			continue
		}
		for i := range results {
			if _, ok := results[i].value(m.Name); ok {
				return m, true
			}
		}
	}
	return Metric{}, false
}
