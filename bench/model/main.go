// Command model answers how many nodes a number of users take, with which adapter, and what becomes of Redis or NATS,
// by a model of what each step costs that is fitted to a run of bench/cluster. Run it in bench:
//
//	go run ./model -users 200000 -messages 3000 -room 15 -joins 100
//	go run ./model fit            what each step costs, and how sure that is
//	go run ./model check          the model against the run that it was not fitted to
//	go run ./model docs ../docs   writes the tables of docs/SCALING.md
//
// The exit code is 1 if there is no answer, 2 if the arguments make no sense.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// Exit codes.
const (
	exitAnswered = 0
	exitFailed   = 1
	exitMisuse   = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the arguments say.
type options struct {
	scenario
	machines
	command []string
	adapter string
	nodes   int
	costs   string // the file with the run that the model is fitted to
	check   string // and the one that it is checked with
	fetch   string // and one of fetchSockets, which is shown as it is
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitAnswered
	case err != nil:
		fmt.Fprintln(stderr, "model:", err)
		return exitMisuse
	}
	if err := o.run(stdout); err != nil {
		fmt.Fprintln(stderr, "model:", err)
		return exitFailed
	}
	return exitAnswered
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	var messages, room, memory, network float64
	var rooms string
	flags := flag.NewFlagSet("model", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Float64Var(&o.users, "users", 100_000, "clients that are connected")
	flags.Float64Var(&messages, "messages", 1000, "messages a second, in all rooms together")
	flags.Float64Var(&room, "room", 15, "clients in a room")
	flags.StringVar(&rooms, "rooms", "", "rooms of several sizes and the messages a second in them, as "+
		"15:2800,500:200, in place of -messages and -room")
	flags.Float64Var(&o.all, "all", 0, "messages a second to all users")
	flags.Float64Var(&o.joins, "joins", 0, "rooms that begin, a second; as many end")
	flags.Float64Var(&o.connects, "connects", 0, "clients that connect, a second; as many go")
	flags.Float64Var(&o.fetches, "fetches", 0, "calls of fetchSockets for all sockets, a second")
	flags.Float64Var(&o.text, "text", 64, "bytes of a message's text, of which only the broker's network is counted")
	flags.StringVar(&o.adapter, "adapter", "auto", "pubsub, sharded, streams or nats; auto compares all")
	flags.IntVar(&o.nodes, "nodes", 0, "how many nodes there are; 0 finds how many it takes")
	flags.IntVar(&o.spare, "spare", 1, "how many nodes may be gone while the others carry all")
	flags.IntVar(&o.most, "most", 500, "nodes there can be")
	flags.Float64Var(&o.cores, "cores", 2, "of a node, like those that were measured")
	flags.Float64Var(&memory, "memory", 4, "of a node, in GB")
	flags.Float64Var(&o.connections, "connections", 100_000, "that a node may have")
	flags.Float64Var(&o.busy, "busy", 0.6, "share of cores, memory and network that may be used")
	flags.Float64Var(&o.brokerCores, "broker-cores", 4, "of a NATS server; Redis uses one")
	flags.Float64Var(&network, "network", 1, "of the broker, in Gbit/s")
	flags.StringVar(&o.costs, "costs", "results/costs.json", "the run that the model is fitted to")
	flags.StringVar(&o.check, "check", "results/check.json", "the run that it is checked with")
	flags.StringVar(&o.fetch, "fetch", "results/fetch.json", "the run of fetchSockets that is shown in the document")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.machines.memory, o.network = memory*1e9, network*1e9/8
	o.rooms = []talk{{room, messages}}
	if rooms != "" {
		var err error
		if o.rooms, err = parseRooms(rooms); err != nil {
			return nil, err
		}
	}
	o.command = flags.Args()
	return o, o.valid(room, messages)
}

// valid says what is wrong with the options.
func (o *options) valid(room, messages float64) error {
	_, known := adapterOf(o.adapter)
	switch {
	case !known && o.adapter != "auto":
		return fmt.Errorf("there is no adapter %q", o.adapter)
	case !(o.users >= 1) || !(room >= 1) || !(messages >= 0):
		return errors.New("there is at least one user, rooms have at least one, and messages are not negative")
	case slices.Min([]float64{o.all, o.joins, o.connects, o.fetches, o.text}) < 0:
		return errors.New("nothing is negative")
	case !(o.cores > 0) || !(o.machines.memory > 0) || !(o.connections > 0) || !(o.brokerCores > 0) || !(o.network > 0):
		return errors.New("nodes and the broker have cores, memory, connections and a network")
	case !(o.busy > 0 && o.busy <= 1):
		return errors.New("-busy is a share, more than 0 and at most 1")
	case o.nodes < 0 || o.spare < 0 || o.most < 1:
		return errors.New("-nodes, -spare and -most are not negative")
	}
	switch strings.Join(o.command[:min(len(o.command), 1)], "") {
	case "", "fit", "check":
		if len(o.command) > 1 {
			return fmt.Errorf("%q says nothing to %s", o.command[1], o.command[0])
		}
	case "docs":
		if len(o.command) != 2 {
			return errors.New("docs wants the folder of the documents")
		}
	default:
		return fmt.Errorf("there is no command %q", o.command[0])
	}
	return nil
}

func (o *options) run(out io.Writer) error {
	costs, err := report.LoadCosts(o.costs)
	if err != nil {
		return err
	}
	models, err := fitAll(costs)
	if err != nil {
		return err
	}
	if len(o.command) == 0 {
		return o.plan(models, out)
	}
	if o.command[0] == "fit" {
		showFits(models, out)
		return nil
	}
	check, err := report.LoadCosts(o.check)
	if err != nil {
		return err
	}
	if o.command[0] == "check" {
		showCheck(models, check, out)
		return nil
	}
	fetch, err := report.LoadCosts(o.fetch)
	if err != nil {
		return err
	}
	return writeDocs(o.command[1], &runs{costs, check, fetch}, models)
}

// plan answers for the adapters that are asked for.
func (o *options) plan(models []*model, out io.Writer) error {
	var answers []*answer
	for _, m := range models {
		if o.adapter == "auto" || o.adapter == m.name {
			answers = append(answers, m.answer(o.scenario, o.machines, o.nodes))
		}
	}
	if len(answers) == 0 {
		return fmt.Errorf("%s: %w", o.adapter, errNothing)
	}
	showAnswers(answers, o.machines, out)
	if choose(answers) == nil {
		return errors.New("no adapter carries this")
	}
	return nil
}
