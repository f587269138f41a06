// Package report turns measurements into a table, JSON, plots, and the README's performance section.
package report

import "time"

// A Run is everything that one `make bench` measured.
type Run struct {
	Date    time.Time         `json:"date"`
	Machine Machine           `json:"machine"`
	Quick   bool              `json:"quick"`
	Peers   map[string]string `json:"peers"` // name to title, with versions
	Commit  string            `json:"commit"`
	Results []Result          `json:"results"`
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
	// Values by metric. The metrics are declared in metrics.go with unit and direction.
	Values map[string]float64 `json:"values"`
	// Latency, where measured: percentiles in seconds: "p50", "p90", "p99", "p99.9", "max".
	Latency map[string]float64 `json:"latency,omitempty"`
	// Owed and Missing count deliveries. Anything missing fails the run, unless the peer is not ours.
	Owed    int64 `json:"owed"`
	Missing int64 `json:"missing"`
	// LoadLimited tells that the load generator, not the server, was the limit.
	LoadLimited bool   `json:"load_limited,omitempty"`
	Error       string `json:"error,omitempty"` // the peer failed the workload: its words
}
