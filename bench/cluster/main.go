//go:build linux

// Command cluster measures five nodes as one: how many clients they take and at what cost, when the last of all has a
// broadcast, rooms over all nodes, storms of new rooms, what a node pays for traffic that is none of its business, the
// cost of more nodes, and what happens when one is killed. It does so with each adapter of ours and of Node.js, and
// counts every delivery. It needs Linux.
//
// Half of the cores are the nodes', the others the load's and the broker's. The clients are in processes of their own,
// as one may have 20,000 files.
//
// The exit code is 1 if something could not be measured or a delivery of ours is missing, 2 if the arguments make no
// sense.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// Exit codes.
const (
	exitMeasured = 0
	exitFailed   = 1
	exitMisuse   = 2
)

// rowNames are what can be measured, and costRows what only is where it is asked for.
var (
	rowNames = []string{"crowd", "storm", "bystander", "nodes", "recovery"}
	costRows = []string{"costs", "check", "fetch"}
)

// options say what is measured, and at which size.
type options struct {
	kinds      []kind
	rows       []string
	clients    int
	broadcasts int
	rates      []float64 // joins a second
	talk       int       // messages a second of which a bystander has no client
	steps      []int     // numbers of nodes
	span       time.Duration
	docs       string
	results    string // folder for the costs
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	var quick, isWorker bool
	var names, rows, rates string
	var nats, monitor int
	var store string
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&quick, "quick", false, "2 minutes: 2,000 clients and nodes of ours only, if -clients and -kinds do "+
		"not say otherwise, and shorter spans")
	flags.StringVar(&names, "kinds", "", "pubsub, sharded, streams, nats, node-pubsub, node-sharded and node-streams, "+
		"separated by commas")
	flags.StringVar(&rows, "rows", strings.Join(rowNames, ","), "what to measure; costs, check and fetch, which are "+
		"what bench/model is made of, have no others beside them")
	flags.StringVar(&o.results, "results", "", "folder for what those three measure: costs.json and so on")
	flags.IntVar(&o.clients, "clients", 0, "how many clients connect; 75,000 if it says nothing")
	flags.StringVar(&rates, "joins", "", "joins a second, ascending; 5000,10000,20000 if it says nothing, with "+
		"-quick 20000")
	flags.IntVar(&o.talk, "talk", 24_000, "messages a second that a bystander has no client for")
	flags.StringVar(&o.docs, "docs", "", "folder with the documents whose table is written anew")
	flags.BoolVar(&isWorker, "worker", false, "be a worker; the command starts itself like that")
	flags.IntVar(&nats, "nats", 0, "be a NATS server on this port; the command starts itself like that")
	flags.IntVar(&monitor, "monitor", 0, "see -nats")
	flags.StringVar(&store, "store", "", "see -nats")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitMeasured
	} else if err != nil {
		return exitMisuse
	}
	var err error
	switch {
	case isWorker:
		err = runWorker(ctx, os.Stdin, stdout)
	case nats > 0:
		err = runNATS(ctx, nats, monitor, store)
	default:
		if err := o.choose(quick, names, rows, rates, flags.NArg()); err != nil {
			fmt.Fprintln(stderr, "cluster:", err)
			return exitMisuse
		}
		err = benchmark(ctx, o, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "cluster:", err)
		return exitFailed
	}
	return exitMeasured
}

// choose completes the options.
func (o *options) choose(quick bool, names, rows, rates string, rest int) (err error) {
	o.broadcasts, o.steps, o.span = 5, []int{1, 2, 3, 4, 5}, 5*time.Second
	if quick {
		o.steps, o.span = []int{1, 5}, 2*time.Second
	}
	switch {
	case rates == "" && quick:
		rates = "20000"
	case rates == "":
		rates = "5000,10000,20000"
	}
	if quick && names == "" {
		names = "pubsub,sharded,streams,nats"
	}
	if o.clients == 0 && quick {
		o.clients = 2000
	} else if o.clients == 0 {
		o.clients = 75_000
	}
	if o.kinds, err = choose(names); err != nil {
		return err
	}
	for row := range strings.SplitSeq(rows, ",") {
		if !slices.Contains(rowNames, row) && !slices.Contains(costRows, row) {
			return fmt.Errorf("there is no row %q", row)
		}
		o.rows = append(o.rows, row)
	}
	if slices.ContainsFunc(o.rows, isCost) && !o.onlyCosts() {
		return errors.New("costs, check and fetch have no other rows beside them")
	}
	for text := range strings.SplitSeq(rates, ",") {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate < 100 || rate > 1e6 {
			return fmt.Errorf("%q is no rate from 100 to 1,000,000 joins a second", text)
		}
		o.rates = append(o.rates, rate)
	}
	o.clients -= o.clients % perRoom
	switch {
	case rest > 0:
		return errors.New("there are no arguments beside the flags")
	case o.clients < perRoom*allNodes:
		return fmt.Errorf("it takes at least %d clients", perRoom*allNodes)
	case o.talk < foreignRooms:
		return fmt.Errorf("a bystander hears at least %d messages a second", foreignRooms)
	}
	return nil
}

func (o *options) has(row string) bool { return slices.Contains(o.rows, row) }

func isCost(row string) bool { return slices.Contains(costRows, row) }

func (o *options) onlyCosts() bool {
	return !slices.ContainsFunc(o.rows, func(row string) bool { return !isCost(row) })
}

// benchmark measures all, and shows the table.
func benchmark(ctx context.Context, o options, out io.Writer) error {
	cores, err := load.Cores()
	if err != nil {
		return err
	}
	if len(cores) < 2 {
		return errors.New("it takes two cores: one for the nodes, and one for the load and the broker")
	}
	m := &machine{load: cores[:len(cores)/2], nodes: cores[len(cores)/2:]}
	if m.programs, err = build(ctx, o.kinds); err != nil {
		return err
	}
	if err := load.PinTo(m.load); err != nil {
		return err
	}
	if o.onlyCosts() {
		return m.writeCosts(ctx, o, out)
	}
	before, err := machineUsage()
	if err != nil {
		return err
	}
	r := &results{date: time.Now(), machine: report.ThisMachine(), options: o}
	if o.has("crowd") {
		if err := m.alone(ctx, o, r, out); err != nil {
			return err
		}
	}
	for _, k := range o.kinds {
		of := &ofKind{kind: k}
		r.kinds = append(r.kinds, of)
		if err := m.measure(ctx, o, of, out); err != nil {
			if !k.node || ctx.Err() != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			fmt.Fprintf(out, "%s: %v\n", k.name, err) // what one could measure stands
			of.failed = err
		}
	}
	if r.others, err = othersSince(before); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nmeasured in %v\n\n%s", time.Since(r.date).Round(time.Second), r.table(report.English))
	if o.docs != "" {
		if err := r.write(o.docs); err != nil {
			return err
		}
	}
	return r.failure()
}

// alone is one node with as many clients as it may have files for.
func (m *machine) alone(ctx context.Context, o options, r *results, out io.Writer) error {
	f := &fleet{machine: m, kind: kinds[0]}
	err := f.addAll(ctx, 1, false)
	if err == nil {
		r.alone, err = f.crowd(ctx, min(o.clients, clientsPerWorker), o.broadcasts, false)
	}
	if err = f.blame(err); err != nil {
		return fmt.Errorf("one node: %w", err)
	}
	fmt.Fprintf(out, "one node: %v\n", r.alone)
	return nil
}

// measure measures one kind of nodes.
func (m *machine) measure(ctx context.Context, o options, of *ofKind, out io.Writer) error {
	k := of.kind
	say := func(what any) { fmt.Fprintf(out, "%s: %v\n", k.name, what) }
	with := func(nodes int, recovers bool, f func(*fleet) error) error {
		fleet, err := m.newFleet(ctx, k)
		if err != nil {
			return err
		}
		if err = fleet.addAll(ctx, nodes, recovers); err == nil {
			err = f(fleet)
		}
		return fleet.blame(err)
	}
	if o.has("crowd") {
		if err := with(allNodes, false, func(f *fleet) (err error) {
			if of.crowd, err = f.crowd(ctx, o.clients, o.broadcasts, false); err == nil {
				of.crowd.rooms, err = f.chat(ctx, roomRate(o.clients), 2*o.span, "room")
				say(of.crowd)
			}
			return err
		}); err != nil {
			return err
		}
	}
	if o.has("storm") {
		if err := with(allNodes, false, func(f *fleet) (err error) {
			of.storms, err = f.storms(ctx, o.rates, o.span)
			for _, s := range of.storms {
				say(s)
			}
			return err
		}); err != nil {
			return err
		}
	}
	if o.has("bystander") {
		if err := with(0, false, func(f *fleet) (err error) {
			if of.bystander, err = f.bystander(ctx, o.talk, o.span); err == nil {
				say(of.bystander)
			}
			return err
		}); err != nil {
			return err
		}
	}
	if o.has("nodes") {
		for _, n := range o.steps {
			if err := with(n, false, func(f *fleet) error {
				s, err := f.step(ctx, o.span)
				if err == nil {
					of.steps = append(of.steps, s)
					say(s)
				}
				return err
			}); err != nil {
				return err
			}
		}
	}
	if o.has("recovery") && k.recovers() {
		return with(allNodes, true, func(f *fleet) error {
			_, err := f.crowd(ctx, o.clients, 1, true)
			if err == nil {
				of.rescue, err = f.rescue(ctx)
			}
			if err == nil {
				say(of.rescue)
			}
			return err
		})
	}
	return nil
}

// roomRate is how many messages a second all rooms get: one room in five a second, and at most 1,000.
func roomRate(clients int) float64 { return min(float64(clients/perRoom)/5, 1000) }
