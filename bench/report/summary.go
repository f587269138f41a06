package report

// Medians over the rounds, and ratios of ours to a peer, both with their spread.

import (
	"slices"
	"strings"
)

// ours is the name of the peer that the others are compared with.
const (
	ours         = "ours"
	oursInMemory = "ours-memory"
)

// A Summary is a number that was measured in several rounds.
type Summary struct {
	Median, Min, Max float64
	Rounds           int // 0: not measured
}

// summarize is the summary of values; with an even number of them the median lies in the middle of two.
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

// of are the results of a workload, of one peer or, with "", of all.
func (r *Run) of(workload, peer string) []Result {
	var results []Result
	for _, result := range r.Results {
		if result.Workload == workload && (peer == "" || result.Peer == peer) {
			results = append(results, result)
		}
	}
	return results
}

// summary is a metric of a peer in a workload.
func (r *Run) summary(workload, peer, metric string) Summary {
	var values []float64
	for _, result := range r.of(workload, peer) {
		if v, ok := result.value(metric); ok {
			values = append(values, v)
		}
	}
	return summarize(values)
}

// ratio is one peer's value to another's. Both are taken from the same round, so that what slows the machine down for a
// while slows both down.
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

// within is the ratio of two metrics of ours in the same workload.
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

// peers are those that have a result, in the order in which they first come.
func peersOf(results []Result) []string {
	var names []string
	for _, result := range results {
		if !slices.Contains(names, result.Peer) {
			names = append(names, result.Peer)
		}
	}
	return names
}

// remarks are what a reader must know about a peer's numbers: what was lost, what went wrong, whether the load was the
// limit.
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
		words = slices.Insert(words, 0, "lost "+english.count(missing)+" of "+english.count(owed))
	}
	if limited {
		words = append(words, "the load was the limit")
	}
	if disturbed {
		words = append(words, "the machine was not quiet")
	}
	return strings.Join(words, "; ")
}

// disturbed reports whether something else had the cores. With a window in flight either the server or the load has
// always something to do, so that together they take a core at least.
func (r *Result) disturbed() bool {
	_, fixedRate := r.Values["rate"]
	_, deliveries := r.value("deliveries_per_second")
	_, echoes := r.value("echoes_per_second")
	server, ok := r.value("server_cpu")
	return ok && !fixedRate && (deliveries || echoes) && server+r.Values["load_cpu"] < 0.8
}

// oneLine is a text as it fits into a table's cell.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "/")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:119]) + "…"
	}
	return s
}
