// Package report turns measurements into a table, JSON, plots, and the figures that the documents show.
package report

import "time"

// A Run is everything that one `make bench` measured.
type Run struct {
	Date    time.Time         `json:"date"`
	Machine Machine           `json:"machine"`
	Quick   bool              `json:"quick"`
	Peers   map[string]string `json:"peers"` // name to title, with versions
	Commit  string            `json:"commit"`
	// Absent are the peers that were meant to take part and did not.
	Absent []Absence `json:"absent,omitempty"`
	// Workloads that ran, in the order of the table.
	Workloads []Workload `json:"workloads"`
	Results   []Result   `json:"results"`
}

// An Absence is a peer that took no part, in one workload or in any.
type Absence struct {
	Workload string `json:"workload,omitempty"` // "" for all
	Peer     string `json:"peer"`
	Reason   string `json:"reason"` // goes on from the peer's name: "uses one core"
}

// A Workload is what the report says of one.
type Workload struct {
	Name     string `json:"name"`     // "fanout-w16"
	Measures string `json:"measures"` // one sentence
}

// A Machine is where it ran.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Node   string `json:"node"`
}

// A Result is one workload against one peer in one round.
type Result struct {
	Workload string `json:"workload"` // "fanout-w16"
	Peer     string `json:"peer"`
	Round    int    `json:"round"`
	// Values by metric; metrics.go declares their units and directions. The load fills in what applies. A "per" means
	// CPU seconds of the server; times are in seconds and sizes in bytes.
	//
	//	everywhere       server_cpu, load_cpu (cores: CPU seconds per second), rss; user_each and system_each are the
	//	                 parts of the workload's cpu_per_ or cpu_to_ metric
	//	fan-outs         deliveries_per_second, messages_per_second, cpu_per_delivery, bytes_per_second
	//	latency-*        the same, and rate (messages per second that were asked for), for the plot
	//	echo, posts      echoes_per_second, cpu_per_echo
	//	storm, -proxy    connections_per_second, cpu_per_connection, seconds_to_last
	//	storm-jwt        cpu_per_connection, jwt_ratio, jwt_again_ratio; plain_ and again_cpu_per_connection
	//	idle-memory      rss_0, rss_5000, rss_10000, rss_15000, rss_per_connection
	//	churn            deliveries_per_second, plain_deliveries_per_second, churn_ratio, changes_per_second
	//	slow-reader      p99_without, p99_with, slow_closed (1 or 0), slow_closed_after
	//	startup          seconds_to_first_connect, cpu_to_first_connect
	//	two-cores        one_core_deliveries_per_second, deliveries_per_second, scaling, scaling_alone
	Values map[string]float64 `json:"values"`
	// Latency, where it was measured, has percentiles in seconds: "p50", "p90", "p99", "p99.9", "max".
	Latency map[string]float64 `json:"latency,omitempty"`
	// Owed and Missing count deliveries. If anything of ours is missing, the run fails.
	Owed    int64 `json:"owed"`
	Missing int64 `json:"missing"`
	// LoadLimited means that the load generator, and not the server, was the limit.
	LoadLimited bool   `json:"load_limited,omitempty"`
	Error       string `json:"error,omitempty"` // why the peer failed, in its words
}
