package gatewaytest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Samples are a scrape's values by series, as the text format has them: name{label="value"}.
type Samples map[string]float64

// ParseSamples reads the text format of Prometheus.
func ParseSamples(t testing.TB, text string) Samples {
	t.Helper()
	all := make(Samples)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if _, twice := all[line[:max(at, 0)]]; err != nil || twice {
			t.Fatalf("%q: %v, there already: %v", line, err, twice)
		}
		all[line[:at]] = value
	}
	return all
}

// Own are the series that are not the Go runtime's and the process's.
func (s Samples) Own() []string {
	var names []string
	for name := range s {
		if strings.HasPrefix(name, "gateway_") {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// Scrape asks /metrics.
func (n *Node) Scrape(t testing.TB) Samples {
	t.Helper()
	response, body := n.Request(t, "GET", "/metrics", "")
	contentType := response.Header.Get("Content-Type")
	if response.StatusCode != 200 || !strings.HasPrefix(contentType, "text/plain; version=0.0.4") {
		t.Fatalf("%d %v %s", response.StatusCode, response.Header, body)
	}
	return ParseSamples(t, body)
}

// WantSamples waits until a scrape has these values; some of them may be a second old.
func (n *Node) WantSamples(t testing.TB, want Samples) Samples {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		got, wrong := n.Scrape(t), []string(nil)
		for series, value := range want {
			if v, found := got[series]; !found || v != value {
				wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v), want %v", series, v, found, value))
			}
		}
		if len(wrong) == 0 {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal(strings.Join(wrong, "\n"))
		}
	}
}
