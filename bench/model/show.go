package main

// What the program prints.

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// showAnswers prints what each adapter takes, and which to use.
func showAnswers(answers []*answer, h machines, out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "adapter\tnodes\tcores of each\tmemory of each\tclients of each\tbroker\tbroker's cores\tin, out\t"+
		"ends first\tat\ta dead node's clients are back after")
	for _, a := range answers {
		u := a.use
		back := "-"
		if a.back > 0 {
			back = fmt.Sprintf("%.1f s", a.back)
		}
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.0f MB\t%.0f\t", a.name, u.nodes, u.cpu, u.memory/1e6, u.clients)
		fmt.Fprintf(w, "%s\t%.2f\t%.1f, %.1f MB/s\t", a.broker(), u.brokerCPU, u.in/1e6, u.out/1e6)
		fmt.Fprintf(w, "%s\t%.0f%%\t%s\n", a.first.what, 100*a.first.part, back)
	}
	w.Flush()
	fmt.Fprintf(out, "\n%.0f%% of a core, of memory and of the network count as all of it; with %d of the nodes "+
		"gone.\n", 100*h.busy, h.spare)
	best := choose(answers)
	for _, a := range answers {
		if a.why != "" {
			fmt.Fprintf(out, "%s does not do: %s.\n", a.name, a.why)
		}
	}
	if best != nil {
		fmt.Fprintf(out, "Use %s: %d nodes, %s, %.1f cores in all.\n", best.name, best.use.nodes, best.broker(),
			best.total())
	}
}

// broker says how many there are.
func (a *answer) broker() string {
	one, many := "1 Redis", "%d masters"
	if !a.redis {
		one, many = "1 server", "%d servers"
	}
	if a.parts == 1 {
		return one
	}
	return fmt.Sprintf(many, a.parts)
}

// unit is how a quantity is shown: microseconds, or bytes.
func (q quantity) unit() (scale float64, name string) {
	if q.least == leastCPU {
		return 1e6, "µs"
	}
	return 1, "bytes"
}

func showFits(models []*model, out io.Writer) {
	for _, m := range models {
		for _, f := range m.fits {
			scale, unit := f.unit()
			fmt.Fprintf(out, "%s, %s: error %.1f%% of a row; awake for %.1f ms\n", m.name, f.name, 100*f.error,
				1e3*f.moment)
			for i, s := range f.steps {
				fmt.Fprintf(out, "  %10.2f ± %-8.2f %s  %s\n", scale*f.each[i], scale*f.sigma[i], unit, s.name)
			}
		}
		fmt.Fprintf(out, "%s, memory: %.0f bytes of a connection, %.1f MB of a node\n\n", m.name, m.connection,
			m.base/1e6)
	}
}

// A checked row is one of a run that the model was not fitted to.
type checked struct {
	report.Cost
	predicted [4]float64 // of quantities
	relative  [4]float64
}

// check compares a model with the rows of its adapter.
func (m *model) check(c *report.Costs) (list []checked) {
	for _, row := range c.Rows {
		if row.Kind != m.name || !reached(row) {
			continue
		}
		one := checked{Cost: row}
		for i := range m.fits {
			w := workOf(m.adapter, row)
			one.predicted[i] = m.fits[i].of(&w)
			one.relative[i] = m.fits[i].relative(m.adapter, row)
		}
		list = append(list, one)
	}
	return list
}

// wrong is the root mean square of the relative errors of a quantity, in rows that use more than the least.
func wrong(list []checked, quantity int) float64 {
	var errs []float64
	for _, c := range list {
		if q := quantities[quantity]; q.of(c.Cost) >= q.least {
			errs = append(errs, c.relative[quantity])
		}
	}
	return rms(errs)
}

func showCheck(models []*model, c *report.Costs, out io.Writer) {
	for _, m := range models {
		list := m.check(c)
		if len(list) == 0 {
			continue
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%s\tnodes\troom\tmessages/s\tnode CPU\tmodel\t\tbroker CPU\tmodel\t\tin\tout\n", m.name)
		for _, r := range list {
			fmt.Fprintf(w, "%s\t%d\t%d\t%.0f", r.What, r.Nodes, r.Room, float64(r.Messages)/r.Seconds)
			for i, measured := range []float64{r.NodeCPU, r.BrokerCPU} {
				fmt.Fprintf(w, "\t%.3f s\t%.3f s\t%+.0f%%", measured, r.predicted[i], 100*r.relative[i])
			}
			fmt.Fprintf(w, "\t%+.0f%%\t%+.0f%%\n", 100*r.relative[2], 100*r.relative[3])
		}
		w.Flush()
		fmt.Fprintf(out, "%s: root mean square of the errors: node CPU %.1f%%, broker CPU %.1f%%, in %.1f%%, "+
			"out %.1f%%\n\n", m.name, 100*wrong(list, 0), 100*wrong(list, 1), 100*wrong(list, 2), 100*wrong(list, 3))
	}
}
