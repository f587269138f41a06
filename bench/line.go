//go:build linux

package main

// One line for each result, printed while the run goes on.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// headlines are the metrics that a line shows, if the result has them.
var headlines = []struct{ metric, format string }{
	{"deliveries_per_second", "%.0f deliveries/s"},
	{"echoes_per_second", "%.0f echoes/s"},
	{"connections_per_second", "%.0f connections/s"},
	{"cpu_per_delivery", "%.2fµs CPU each"},
	{"cpu_per_echo", "%.2fµs CPU each"},
	{"cpu_per_connection", "%.1fµs CPU each"},
	{"jwt_ratio", "%.2f times without tokens"},
	{"jwt_again_ratio", "%.2f once more"},
	{"rss_per_connection", "%.2f KB a connection"},
	{"cpu_to_first_connect", "%.0fµs CPU to the first client"},
	{"user_each", "(user %.2f"},
	{"system_each", "system %.2f)"},
	{"seconds_to_first_connect", "%.3f s"},
	{"churn_ratio", "%.2f of it without churn"},
	{"p99_without", "p99 %.2fms without"},
	{"p99_with", "%.2fms with the slow one"},
	{"slow_closed", "closed %.0f"},
	{"scaling", "%.2f times one core"},
	{"scaling_alone", "%.2f without the load"},
	{"server_cpu", "server %.0f%%"},
	{"load_cpu", "load %.0f%%"},
	{"stalls", "%.0f stalls"},
}

// line returns the line; with verbose set, all other values follow it.
func line(r *report.Result, verbose bool) string {
	parts := []string{fmt.Sprintf("%-15s %-14s %d", r.Workload, r.Peer, r.Round)}
	for _, h := range headlines {
		v, ok := r.Values[h.metric]
		if !ok {
			continue
		}
		switch {
		case strings.HasPrefix(h.metric, "cpu_"), strings.HasSuffix(h.metric, "_each"):
			v *= 1e6
		case strings.HasPrefix(h.metric, "p99_"):
			v *= 1e3
		case strings.HasPrefix(h.metric, "rss_"):
			v /= 1e3
		case strings.HasSuffix(h.metric, "_cpu"):
			v *= 100
		}
		parts = append(parts, fmt.Sprintf(h.format, v))
	}
	if p99, ok := r.Latency["p99"]; ok {
		parts = append(parts, fmt.Sprintf("p50 %v p99 %v", duration(r.Latency["p50"]), duration(p99)))
	}
	if r.Missing > 0 {
		parts = append(parts, fmt.Sprintf("LOST %d of %d", r.Missing, r.Owed))
	}
	if r.LoadLimited {
		parts = append(parts, "the load was the limit")
	}
	if r.Error != "" {
		parts = append(parts, "ERROR "+strings.Join(strings.Fields(r.Error), " "))
	}
	if verbose {
		for _, metric := range slices.Sorted(maps.Keys(r.Values)) {
			parts = append(parts, fmt.Sprintf("\n    %-32s %g", metric, r.Values[metric]))
		}
		for _, name := range slices.Sorted(maps.Keys(r.Latency)) {
			parts = append(parts, fmt.Sprintf("\n    %-32s %v", name, duration(r.Latency[name])))
		}
	}
	return strings.Join(parts, "  ")
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * 1e9).Round(10 * time.Microsecond)
}
