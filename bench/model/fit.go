package main

// The costs of steps, by non-negative least squares: what nobody can have back for doing something.

import (
	"errors"
	"fmt"
	"math"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// workOf is what was done while a row was measured.
func workOf(a adapter, c report.Cost) work {
	n := float64(c.Nodes)
	w := work{
		seconds: c.Seconds, nodes: n, pings: float64(c.Pings), connects: float64(c.Connects),
	}
	w.change(a, float64(c.Joins+c.Leaves))
	clients := float64(c.Clients)
	switch c.What {
	case "connect":
		w.subscribe(a, clients/float64(c.Room)*min(n, float64(c.Room))) // what it costs a node is a connection's
	case "rooms":
		// Those of a room are on as many nodes as it can have: see bench/cluster.
		w.say(a, float64(c.Messages), min(n, float64(c.Room)), float64(c.Deliveries))
	case "all":
		w.say(a, float64(c.Messages), n, float64(c.Deliveries))
	case "talk":
		w.hear(a, float64(c.Messages), c.Room > 0, float64(c.Deliveries))
	case "fetch":
		w.fetch(float64(c.Fetches), clients)
	}
	return w
}

// A quantity is something that was measured of each row.
type quantity struct {
	name  string
	steps []step
	of    func(c report.Cost) float64
	// least is what is too little to be measured well: errors count against so much at least.
	least float64
	// moments are those of which the best is chosen.
	moments []float64
}

var quantities = []quantity{
	{"node CPU", nodeSteps, func(c report.Cost) float64 { return c.NodeCPU }, leastCPU, moments},
	{"broker CPU", brokerSteps, func(c report.Cost) float64 { return c.BrokerCPU }, leastCPU, moments},
	{"broker in", byteSteps, func(c report.Cost) float64 { return float64(c.BrokerIn) }, leastBytes, moments},
	{"broker out", byteSteps, func(c report.Cost) float64 { return float64(c.BrokerOut) }, leastBytes, moments},
}

const (
	leastCPU   = 0.02 // s: five ticks of the scheduler
	leastBytes = 20_000
)

// moments are from a process that is woken by everything to one that sleeps rarely.
var moments = []float64{0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.003, 0.01, 0.03}

// A fitted quantity is what each step costs, and how sure that is.
type fitted struct {
	quantity
	each  []float64 // of each step
	sigma []float64 // their standard errors, by leaving out one row after the other
	error float64   // root mean square of the relative errors of rows that use more than the least
	// moment is how long a process stays awake, in seconds, with which the error is least.
	moment float64
}

// of is what some work costs.
func (f *fitted) of(w *work) (total float64) {
	for i, s := range f.steps {
		total += f.each[i] * s.of(w, f.moment)
	}
	return total
}

// relative is by how much the model is wrong about a row: 0.1 says that it is 10% too much.
func (f *fitted) relative(a adapter, c report.Cost) float64 {
	measured := f.quantity.of(c)
	w := workOf(a, c)
	return (f.of(&w) - measured) / max(measured, f.least)
}

// step is what one step costs.
func (f *fitted) step(name string) float64 {
	for i, s := range f.steps {
		if s.name == name {
			return f.each[i]
		}
	}
	return 0
}

// A model is what is known of nodes with one adapter.
type model struct {
	adapter
	fits       [4]fitted // as in quantities
	connection float64   // bytes of a node's memory for each
	base       float64   // bytes of a node without any
	text       int       // bytes of what was said in each message
	rate       float64   // the most messages a second that were measured
	socket     float64   // bytes of a socket in an answer
}

func (m *model) nodeCPU() *fitted   { return &m.fits[0] }
func (m *model) brokerCPU() *fitted { return &m.fits[1] }
func (m *model) brokerIn() *fitted  { return &m.fits[2] }
func (m *model) brokerOut() *fitted { return &m.fits[3] }

// oneAnswered is a socket in an answer.
var oneAnswered = work{answered: 1}

var errNothing = errors.New("nothing was measured")

// fitAll returns the models of all adapters that were measured.
func fitAll(c *report.Costs) (models []*model, err error) {
	for _, a := range adapters {
		var rows []report.Cost
		for _, row := range c.Rows {
			if row.Kind == a.name && reached(row) {
				rows = append(rows, row)
			}
		}
		if len(rows) == 0 {
			continue
		}
		m, err := fit(a, rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		m.text = c.Text
		models = append(models, m)
	}
	if len(models) == 0 {
		return nil, errNothing
	}
	return models, nil
}

// reached reports whether a node has said what it was to say. One that could not is behind, and says more at a time.
func reached(c report.Cost) bool { return float64(c.Messages) >= 0.9*c.Rate*c.Seconds }

// fit finds what the steps cost that these rows are made of.
func fit(a adapter, rows []report.Cost) (*model, error) {
	m := &model{adapter: a}
	for i, q := range quantities {
		m.fits[i] = fitQuantity(a, q, rows)
	}
	var connections, idle, memory, base float64
	for _, c := range rows {
		if c.What == "connect" {
			connections, memory = connections+float64(c.Connects), memory+float64(c.Memory)
		}
		m.rate = max(m.rate, float64(c.Messages)/c.Seconds)
		if c.Clients == 0 && c.NodeMemory > 0 {
			idle, base = idle+float64(c.Nodes), base+float64(c.NodeMemory)
		}
	}
	if connections == 0 || idle == 0 {
		return nil, fmt.Errorf("memory: %w", errNothing)
	}
	m.connection, m.base = memory/connections, base/idle
	m.socket = m.brokerIn().of(&oneAnswered)
	return m, nil
}

// fitQuantity finds it with each moment, and takes the best.
func fitQuantity(a adapter, q quantity, rows []report.Cost) (best fitted) {
	for i, moment := range q.moments {
		f := fitted{quantity: q, moment: moment}
		lines, right := f.system(a, rows)
		f.each = leastSquares(lines, right)
		var errs []float64
		for _, c := range rows {
			if q.of(c) >= q.least {
				errs = append(errs, f.relative(a, c))
			}
		}
		f.error = rms(errs)
		if i == 0 || f.error < best.error {
			best = f
		}
	}
	best.sigma = jackknife(best.system(a, rows))
	return best
}

// rms is the root mean square.
func rms(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(len(list), 1)))
}

// system is what is to be solved: each row divided by what is measured, so that relative errors count.
func (f *fitted) system(a adapter, rows []report.Cost) (lines [][]float64, right []float64) {
	for _, c := range rows {
		w, measured := workOf(a, c), f.quantity.of(c)
		scale := 1 / max(measured, f.least)
		var line []float64
		for _, s := range f.steps {
			line = append(line, s.of(&w, f.moment)*scale)
		}
		lines, right = append(lines, line), append(right, measured*scale)
	}
	return lines, right
}

// leastSquares returns the x >= 0 for which lines·x is nearest to right, by coordinate descent: in turn each x takes
// the value that is best with the others as they are. What no line has is 0.
func leastSquares(lines [][]float64, right []float64) []float64 {
	n := len(lines[0])
	// The normal equations, each x in the unit that makes its column as long as others.
	unit, rhs := make([]float64, n), make([]float64, n)
	gram := make([][]float64, n)
	for j := range n {
		for _, line := range lines {
			unit[j] += line[j] * line[j]
		}
		unit[j] = math.Sqrt(unit[j])
	}
	for j := range n {
		gram[j] = make([]float64, n)
		if unit[j] == 0 {
			continue
		}
		for i, line := range lines {
			rhs[j] += line[j] / unit[j] * right[i]
			for k := range n {
				if unit[k] > 0 {
					gram[j][k] += line[j] / unit[j] * line[k] / unit[k]
				}
			}
		}
	}
	const rounds, enough = 200_000, 1e-13
	x := make([]float64, n)
	for range rounds {
		moved := 0.0
		for j := range n {
			if unit[j] == 0 {
				continue
			}
			slope := rhs[j]
			for k := range n {
				slope -= gram[j][k] * x[k]
			}
			next := max(x[j]+slope, 0) // gram[j][j] is 1
			moved, x[j] = max(moved, math.Abs(next-x[j])), next
		}
		if moved < enough {
			break
		}
	}
	for j := range n {
		if unit[j] > 0 {
			x[j] /= unit[j]
		}
	}
	return x
}

// jackknife returns standard errors of what leastSquares finds.
func jackknife(lines [][]float64, right []float64) []float64 {
	n := len(lines)
	var sum, squares []float64
	for i := range n {
		x := leastSquares(without(lines, i), without(right, i))
		if sum == nil {
			sum, squares = make([]float64, len(x)), make([]float64, len(x))
		}
		for j, v := range x {
			sum[j] += v
			squares[j] += v * v
		}
	}
	sigma := make([]float64, len(sum))
	for j := range sigma {
		mean := sum[j] / float64(n)
		sigma[j] = math.Sqrt(float64(n-1) * max(squares[j]/float64(n)-mean*mean, 0))
	}
	return sigma
}

// without is a list without one of its elements.
func without[T any](list []T, i int) []T { return append(append([]T(nil), list[:i]...), list[i+1:]...) }
