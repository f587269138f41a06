//go:build linux

package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// A design at a small size, with real nodes on each broker: each row says what was done, and what it has used.
func TestCosts(t *testing.T) {
	m, chosen := wholeMachine(t, "pubsub,nats")
	small := design{
		rooms: []roomSize{{2, 15, []float64{100}}},
		talks: []talkSize{{2, true, []int{500}}},
		storms: []stormSize{
			{1, 200},
		},
	}
	var shown bytes.Buffer
	c, err := m.costs(t.Context(), options{kinds: chosen, span: 500 * time.Millisecond}, small, &shown)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range chosen {
		what := make(map[string]report.Cost)
		for _, row := range c.Rows {
			if row.Kind == k.name {
				what[row.What] = row
			}
			used := row.NodeCPU > 0 || row.What == "idle" // a node with nothing to do may sleep for so long
			if row.Missing != 0 || row.Seconds <= 0 || !used || row.BrokerCPU <= 0 || row.NodeMemory <= 0 {
				t.Errorf("%+v", row)
			}
		}
		if r := what["connect"]; r.Connects != stepClients || r.Memory <= 0 || r.Room != 15 {
			t.Errorf("%+v", r)
		}
		if r := what["rooms"]; r.Messages < 40 || r.Deliveries != 15*r.Messages || r.Nodes != 2 ||
			r.BrokerIn < 64*r.Messages {
			t.Errorf("%+v", r)
		}
		if r := what["talk"]; r.Messages < 200 || r.Deliveries < r.Messages || r.BrokerOut < 2*64*r.Messages {
			t.Errorf("%+v", r)
		}
		if what["join"].Joins != 100 || what["leave"].Leaves != 100 || what["idle"].Clients != 0 {
			t.Errorf("%+v", what)
		}
	}
	t.Log(shown.String())
}

// The model is checked with sizes that it has not seen.
func TestDesigns(t *testing.T) {
	type size struct {
		nodes, room int
		rate        float64
	}
	seen := make(map[size]bool)
	for name, d := range designs {
		add := func(s size) {
			if seen[s] {
				t.Errorf("%s has %+v, as the other has", name, s)
			}
			seen[s] = true
		}
		for _, s := range d.rooms {
			if stepClients%s.room != 0 {
				t.Errorf("%s: rooms of %d are not all full", name, s.room)
			}
			for _, rate := range s.rates {
				add(size{s.nodes, s.room, rate})
			}
		}
		for _, s := range d.talks {
			for _, rate := range s.rates {
				add(size{s.nodes, -1, float64(rate)})
			}
		}
	}
}
