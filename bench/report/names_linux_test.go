package report_test

import (
	"slices"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
	"github.com/brunossouza/websocket-escalonavel/bench/workload"
)

// If a workload or a peer is renamed, no goal may be left that is never measured.
func TestWorkloadsExist(t *testing.T) {
	var workloads, peers []string
	for _, p := range peer.All() {
		peers = append(peers, p.Name)
	}
	for _, w := range workload.All(workload.Settings{}) {
		workloads = append(workloads, w.Name)
		for _, name := range w.Peers {
			if !slices.Contains(peers, name) {
				t.Errorf("%s is for %q, which is no peer", w.Name, name)
			}
		}
	}
	for _, name := range report.WorkloadsNamed() {
		if !slices.Contains(workloads, name) {
			t.Errorf("the report shows %q, which is no workload", name)
		}
	}
	latency := func(w string) bool { return len(w) > 8 && w[:8] == "latency-" }
	if !slices.Contains(workloads, "idle-memory") || !slices.ContainsFunc(workloads, latency) {
		t.Error("the plots' workloads are not there")
	}
}
