package report

// What is drawn: which numbers of a run become lines and bars.

import (
	"slices"
	"strconv"
	"strings"
)

// A plot is one picture.
type plot struct {
	file  string
	title string
	x, y  axis
	lines func(r *Run, peer string) series // a peer's line; nil for bars
	bars  []bar
}

// A bar is a metric of a workload. Every peer has one.
type bar struct{ title, workload, metric string }

// An axis takes its range from the values.
type axis struct {
	title string
	unit  Unit
	log   bool
}

// A point is a measurement.
type point struct{ x, y float64 }

type series struct {
	peer   string
	points []point
	ended  bool // the peer could not keep up with the next rate
}

// plots are the pictures of a run.
var plots = []plot{
	{
		file:  "latency.svg",
		title: "Latency against load: 1,000 clients in one room, one core",
		x:     axis{title: "deliveries per second", unit: PerSecond, log: true},
		y:     axis{title: "p99 latency", unit: Seconds, log: true},
		lines: latencyLine,
	},
	{
		file:  "deliveries.svg",
		title: "Deliveries per second on one core: 1,000 clients in one room",
		x:     axis{title: "deliveries per second", unit: PerSecond},
		bars: []bar{
			{"1 in flight", "fanout-w1", "deliveries_per_second"},
			{"16 in flight", "fanout-w16", "deliveries_per_second"},
			{"64 in flight", "fanout-w64", "deliveries_per_second"},
		},
	},
	{
		file:  "memory.svg",
		title: "Resident memory against idle connections",
		x:     axis{title: "connections"},
		y:     axis{title: "memory of the server", unit: Bytes},
		lines: memoryLine,
	},
}

// plot returns one picture as SVG, or "" if the run has nothing for it.
func (r *Run) plot(p plot) string {
	if p.lines == nil {
		return r.drawBars(p)
	}
	var all []series
	for _, peer := range r.peerNames() {
		if s := p.lines(r, peer); len(s.points) > 1 {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return drawLines(p, all)
}

// latencyLine is the p99 latency at each rate that a peer kept up with.
func latencyLine(r *Run, peer string) series {
	s := series{peer: peer}
	for _, w := range r.Workloads {
		if !strings.HasPrefix(w.Name, "latency-") {
			continue
		}
		rate := r.summary(w.Name, peer, "deliveries_per_second")
		p99 := r.summary(w.Name, peer, "p99")
		if rate.Rounds > 0 && p99.Rounds > 0 && p99.Median > 0 && rate.Median > 0 {
			s.points = append(s.points, point{rate.Median, p99.Median})
		} else if len(s.points) > 0 {
			s.ended = true
		}
	}
	slices.SortFunc(s.points, byX)
	return s
}

// memoryLine is the resident memory by idle connections.
func memoryLine(r *Run, peer string) series {
	s := series{peer: peer}
	connections := make(map[int]bool)
	for _, result := range r.of("idle-memory", peer) {
		for name := range result.Values {
			if n, err := strconv.Atoi(strings.TrimPrefix(name, "rss_")); err == nil && strings.HasPrefix(name, "rss_") {
				connections[n] = true
			}
		}
	}
	for n := range connections {
		if rss := r.summary("idle-memory", peer, "rss_"+strconv.Itoa(n)); rss.Rounds > 0 {
			s.points = append(s.points, point{float64(n), rss.Median})
		}
	}
	slices.SortFunc(s.points, byX)
	return s
}

func byX(a, b point) int {
	switch {
	case a.x < b.x:
		return -1
	case a.x > b.x:
		return 1
	}
	return 0
}
