package test

// Replays the Nest service's recorded behaviour against a live Nest service and against the gateway. Neither may differ
// from the record, except where testdata/differences.txt says how the gateway differs, and why.

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// recordedCases is how many conversations with the Nest service were recorded. One of them, the upgrade, is six cases
// here.
const recordedCases = 211 + 6

func TestParity(t *testing.T) {
	t.Parallel()
	cases, differences := parityCases(t)
	if len(cases) < recordedCases {
		t.Errorf("%d cases, but %d were recorded", len(cases), recordedCases)
	}
	for name, d := range differences {
		i := slices.IndexFunc(cases, func(c parityCase) bool { return c.name == name })
		if d.String() == cases[i].String() {
			t.Errorf("differences.txt: %q is no difference", name)
		}
	}
	eachTarget(t, func(t *testing.T, name string) {
		tg := startTarget(t, name)
		expected := slices.Clone(cases)
		if name == "gateway" {
			for i, c := range expected {
				if d, ok := differences[c.name]; ok {
					expected[i] = d
					expected[i].file = c.file
				}
			}
		}
		for i, result := range playAll(tg.addr, expected) {
			c := expected[i]
			t.Run(strings.TrimSuffix(c.file, ".txt")+"/"+c.name, func(t *testing.T) {
				if result.err != nil {
					t.Fatal(result.err)
				}
				if got, want := result.got.String(), c.String(); got != want {
					if c.reason != "" {
						if got == cases[i].String() {
							t.Errorf("%s answers as Nest does: take the case off differences.txt", name)
						}
						t.Logf("The case is on the list of differences: %s", c.reason)
					}
					t.Errorf("the conversation went\n%s\nand should have gone\n%s", got, want)
				}
			})
		}
	})
}

type playResult struct {
	got parityCase
	err error
}

// playAll plays many cases at once, because they mostly wait. Cases in which somebody joins the room are played one
// after the other: they would hear each other's messages. A case that has not gone as it should is played once more,
// alone and slowly: what a busy machine answers late counted as no answer.
func playAll(addr string, cases []parityCase) []playResult {
	results := make([]playResult, len(cases))
	slots := make(chan struct{}, 16)
	var room sync.Mutex
	var group sync.WaitGroup
	for i, c := range cases {
		group.Go(func() {
			if strings.Contains(c.String(), "registrar") {
				room.Lock()
				defer room.Unlock()
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i].got, results[i].err = play(addr, c)
		})
	}
	group.Wait()
	for i, c := range cases {
		if r := &results[i]; r.err != nil || r.got.String() != c.String() {
			r.got, r.err = playAt(slowly, addr, c)
		}
	}
	return results
}
