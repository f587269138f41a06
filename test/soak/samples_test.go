package soak

// Samples of what a gateway holds, and what growth is.

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// A sample is what a gateway held at a time.
type sample struct {
	at                                      time.Duration
	resident, heap, goroutines, descriptors float64
	sessions                                float64 // for the table alone: it is what the load makes of it
}

const mb = 1 << 20

// A tolerance is how much a figure may differ between two quarters of a run without being growth: by a share of it, and
// by so much besides.
type tolerance struct {
	name  string
	of    func(sample) float64
	share float64
	plus  float64
	// notRacing is set where the race detector's own memory, which only grows, is a part of the figure.
	notRacing bool
}

// The load, the attacks and the faults come in turns that are shorter than a quarter. What is left is chance: which of
// them a sample meets, and when the garbage collector last ran, which lets a heap grow to twice what is live in it.
var tolerances = []tolerance{
	{"resident", func(s sample) float64 { return s.resident }, 0.05, 2 * mb, true},
	{"heap", func(s sample) float64 { return s.heap }, 0.25, 2 * mb, false},
	{"goroutines", func(s sample) float64 { return s.goroutines }, 0.10, 10, false},
	{"descriptors", func(s sample) float64 { return s.descriptors }, 0.10, 10, false},
}

// growth compares the median of the second quarter of a run with that of its last, and says what has grown. The first
// quarter is for everything that fills once.
func growth(samples []sample, racing bool) (grown []string) {
	n := len(samples)
	for _, tol := range tolerances {
		if racing && tol.notRacing {
			continue
		}
		before, after := median(samples[n/4:n/2], tol.of), median(samples[n*3/4:], tol.of)
		if most := before*(1+tol.share) + tol.plus; after > most {
			grown = append(grown, fmt.Sprintf("%s: %.0f, then %.0f; up to %.0f is no growth", tol.name, before, after,
				most))
		}
	}
	return grown
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return math.NaN()
	}
	return values[len(values)/2]
}

// table shows every so many samples that there are about rows of them, and the quarters' medians.
func table(samples []sample, rows int) string {
	var b strings.Builder
	line := func(at string, s sample) {
		fmt.Fprintf(&b, "%9s  %8.1f MB  %6.1f MB  %10.0f  %11.0f  %8.0f\n",
			at, s.resident/mb, s.heap/mb, s.goroutines, s.descriptors, s.sessions)
	}
	fmt.Fprintf(&b, "%9s  %11s  %9s  %10s  %11s  %8s\n",
		"", "resident", "heap", "goroutines", "descriptors", "sessions")
	step := max(len(samples)/rows, 1)
	for i := 0; i < len(samples); i += step {
		line(samples[i].at.Round(time.Second).String(), samples[i])
	}
	for q := range 4 {
		part := samples[len(samples)*q/4 : len(samples)*(q+1)/4]
		line(fmt.Sprintf("median %d", q+1), sample{
			resident:    median(part, func(s sample) float64 { return s.resident }),
			heap:        median(part, func(s sample) float64 { return s.heap }),
			goroutines:  median(part, func(s sample) float64 { return s.goroutines }),
			descriptors: median(part, func(s sample) float64 { return s.descriptors }),
			sessions:    median(part, func(s sample) float64 { return s.sessions }),
		})
	}
	return b.String()
}

// What grows slowly is seen, what swings is not taken for it.
func TestGrowth(t *testing.T) {
	run := func(at func(i int) sample) []sample {
		samples := make([]sample, 180)
		for i := range samples {
			samples[i] = at(i)
		}
		return samples
	}
	steady := func(i int) sample {
		swing := float64(i % 7)
		return sample{
			resident: (60 + swing) * mb, heap: (3 + swing/4) * mb, goroutines: 25 + swing, descriptors: 25 + swing,
		}
	}
	if grown := growth(run(steady), false); grown != nil {
		t.Error(grown)
	}
	for name, leak := range map[string]func(s *sample, i int){
		"resident":    func(s *sample, i int) { s.resident += float64(i) * mb / 6 },
		"heap":        func(s *sample, i int) { s.heap += float64(i) * mb / 16 },
		"goroutines":  func(s *sample, i int) { s.goroutines += float64(i / 6) },
		"descriptors": func(s *sample, i int) { s.descriptors += float64(i / 6) },
	} {
		grown := growth(run(func(i int) sample { s := steady(i); leak(&s, i); return s }), false)
		if len(grown) != 1 || !strings.HasPrefix(grown[0], name) {
			t.Errorf("%s: %q", name, grown)
		}
	}
}
