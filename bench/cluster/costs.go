//go:build linux

package main

// What each thing that a cluster does costs: at which sizes it is measured. bench/model fits a model to one run, and is
// checked with the other.

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// A design is the sizes of a run.
type design struct {
	idle   []int // nodes without clients
	crowds []crowdSize
	rooms  []roomSize
	talks  []talkSize
	storms []stormSize
}

// A crowdSize is many clients that connect, are idle, hear what is said to all, and are fetched; or are fetched only.
type crowdSize struct {
	nodes, clients int
	fetched        bool
}

// A roomSize is clients in rooms of so many, which get so many messages a second together, one rate after the other.
type roomSize struct {
	nodes, room int
	rates       []float64
}

// A talkSize is a node that says so many messages a second by itself, to 100 rooms, and so many others, each of which
// has a client in each of these rooms, or none.
type talkSize struct {
	nodes   int
	members bool
	rates   []int
}

// A stormSize is joins of new rooms, so many a second.
type stormSize struct {
	nodes int
	rate  float64
}

// designs are the run that the model is fitted to, the one that it is checked with, of which no size is in the other,
// and how many sockets can be fetched at once.
var designs = map[string]design{
	"costs": {
		idle:   []int{25, 50},
		crowds: []crowdSize{{1, 5010, false}, {2, 5010, false}, {5, 10_005, false}},
		rooms: []roomSize{
			{1, 15, []float64{200, 600, 1500}}, {2, 15, []float64{200, 600, 1200}}, {3, 15, []float64{200, 600}},
			{5, 15, []float64{200, 600, 1200}}, {8, 15, []float64{200, 600}}, {1, 3, []float64{1000, 3000}},
			{2, 3, []float64{1000, 2000}}, {5, 3, []float64{500, 1500}}, {8, 3, []float64{500, 1500}},
			{1, 50, []float64{100, 500}}, {5, 50, []float64{60, 200, 500}}, {25, 5, []float64{100, 300}},
			{50, 3, []float64{150}},
		},
		talks: []talkSize{
			{2, false, []int{5000, 20_000, 50_000}}, {5, false, []int{5000, 15_000, 40_000}},
			{10, false, []int{3000, 10_000, 30_000}}, {2, true, []int{1000, 3000}}, {4, true, []int{1000, 2000}},
		},
		storms: []stormSize{{1, 3000}, {5, 2000}, {5, 6000}},
	},
	"check": {
		idle:   []int{15},
		crowds: []crowdSize{{3, 7500, false}},
		rooms: []roomSize{
			{2, 2, []float64{1500}}, {3, 30, []float64{100, 400}}, {4, 10, []float64{300, 1000}},
			{6, 6, []float64{400, 1000}}, {10, 20, []float64{250}}, {30, 4, []float64{150}},
		},
		talks:  []talkSize{{3, false, []int{12_000}}, {7, false, []int{8000}}, {3, true, []int{1500}}},
		storms: []stormSize{{3, 4000}},
	},
	"fetch": {crowds: []crowdSize{{5, 15_000, true}, {5, 30_000, true}, {5, 45_000, true}, {5, 75_000, true}}},
}

// costs measures a design with each kind of nodes of ours.
func (m *machine) costs(ctx context.Context, o options, d design, out io.Writer) (*report.Costs, error) {
	all := &report.Costs{Date: time.Now(), Machine: report.ThisMachine(), Text: textSize}
	if commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		all.Commit = strings.TrimSpace(string(commit))
	}
	before, err := machineUsage()
	if err != nil {
		return nil, err
	}
	for _, k := range o.kinds {
		if !k.ours() {
			continue
		}
		c := &costing{machine: m, kind: k, span: min(o.span, costSpan), out: out}
		if err := c.measure(ctx, d); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		all.Rows = append(all.Rows, c.rows...)
	}
	all.Others, err = othersSince(before)
	return all, err
}

// writeCosts measures the designs that are asked for, and writes each to its file where there is a folder.
func (m *machine) writeCosts(ctx context.Context, o options, out io.Writer) error {
	for _, name := range o.rows {
		c, err := m.costs(ctx, o, designs[name], out)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: measured in %v; other processes used %.2f cores\n", name,
			time.Since(c.Date).Round(time.Second), c.Others)
		if o.results == "" {
			continue
		}
		if err := report.WriteCosts(filepath.Join(o.results, name+".json"), c); err != nil {
			return err
		}
	}
	return nil
}
