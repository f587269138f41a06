package report

// Medians over the rounds, and ratios of ours to a peer, both with their range.

import (
	"slices"
	"strings"
)

// ours is the peer that the others are compared with; oursInMemory is the same without Redis.
const (
	ours         = "ours"
	oursInMemory = "ours-memory"
)

var (
	// notRivals are no Socket.IO servers of others.
	notRivals = []string{ours, oursInMemory, "ours-backend", "ours-socket", "floor", "centrifuge"}
	// onRedis are the peers that run on a Redis even alone.
	onRedis = []string{ours, "nest", "nest12"}
)

// A Summary is a number that was measured in one or more rounds.
type Summary struct {
	Median, Min, Max float64
	Rounds           int // 0: not measured
}

// summarize returns the summary of values. With an even number of them, the median is the mean of the middle two.
func summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return Summary{
		Median: (values[(n-1)/2] + values[n/2]) / 2,
		Min:    values[0],
		Max:    values[n-1],
		Rounds: n,
	}
}

// of returns the results of a workload, for one peer or, if peer is "", for all.
func (r *Run) of(workload, peer string) []Result {
	var results []Result
	for _, result := range r.Results {
		if result.Workload == workload && (peer == "" || result.Peer == peer) {
			results = append(results, result)
		}
	}
	return results
}

// summary returns a metric of a peer in a workload.
func (r *Run) summary(workload, peer, metric string) Summary {
	var values []float64
	for _, result := range r.of(workload, peer) {
		if v, ok := result.value(metric); ok {
			values = append(values, v)
		}
	}
	return summarize(values)
}

// ratio returns one peer's value divided by another's. Both come from the same round, so what slows the machine down
// for a while slows both down.
func (r *Run) ratio(workload, of, peer, metric string) Summary {
	theirs := make(map[int]float64)
	for _, result := range r.of(workload, peer) {
		if v, ok := result.value(metric); ok && v != 0 {
			theirs[result.Round] = v
		}
	}
	var ratios []float64
	for _, result := range r.of(workload, of) {
		v, ok := result.value(metric)
		if base := theirs[result.Round]; ok && base != 0 {
			ratios = append(ratios, v/base)
		}
	}
	return summarize(ratios)
}

// within returns the ratio of two metrics of ours in the same workload.
func (r *Run) within(workload, metric, to string) Summary {
	var ratios []float64
	for _, result := range r.of(workload, ours) {
		v, ok := result.value(metric)
		if base, found := result.value(to); ok && found && base != 0 {
			ratios = append(ratios, v/base)
		}
	}
	return summarize(ratios)
}

// peersOf returns the peers that have a result, in order of appearance.
func peersOf(results []Result) []string {
	var names []string
	for _, result := range results {
		if !slices.Contains(names, result.Peer) {
			names = append(names, result.Peer)
		}
	}
	return names
}

// remarks returns what a reader must know about a peer's numbers: what was lost, what went wrong, and whether the
// load was the limit.
func remarks(results []Result) string {
	var owed, missing int64
	var words []string
	limited, disturbed := false, false
	for _, result := range results {
		owed += result.Owed
		missing += result.Missing
		limited = limited || result.LoadLimited
		disturbed = disturbed || result.disturbed()
		text, _, _ := strings.Cut(result.Error, "; it wrote:")
		if text = oneLine(text); text != "" && !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	if missing > 0 {
		words = slices.Insert(words, 0, "lost "+English.count(missing)+" of "+English.count(owed))
	}
	if limited {
		words = append(words, "the load was the limit")
	}
	if disturbed {
		words = append(words, "the machine was not quiet")
	}
	return strings.Join(words, "; ")
}

// disturbed reports whether something else used the cores. With a window in flight, either the server or the load
// always has something to do, so together they use at least a core.
func (r *Result) disturbed() bool {
	_, fixedRate := r.Values["rate"]
	_, deliveries := r.value("deliveries_per_second")
	_, echoes := r.value("echoes_per_second")
	server, ok := r.value("server_cpu")
	return ok && !fixedRate && (deliveries || echoes) && server+r.Values["load_cpu"] < 0.8
}

// oneLine returns a text in a form that fits a cell of a table.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "/")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:119]) + "…"
	}
	return s
}
