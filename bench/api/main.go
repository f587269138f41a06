//go:build linux

// Command api measures the gateway's server API: how many requests a second one core answers, and what a message to a
// room of 1,000 clients on three nodes costs when the API sends it, beside one that a client's event sends inside. It
// needs Linux.
//
// The servers have one core, and the clients, the caller of the API and Redis another. The phases take turns, round by
// round, and the table has their medians. The exit code is 1 if a message did not arrive or a request failed, 2 if the
// arguments make no sense.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// Exit codes.
const (
	exitMeasured = 0
	exitFailed   = 1
	exitMisuse   = 2
)

// token is what the API is called with.
const token = "a-token-of-the-benchmark"

type options struct {
	rounds int
	docs   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 3, "rounds, of which the table has the medians")
	flags.StringVar(&o.docs, "docs", "", "folder of the documents whose tables of results are written anew")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitMeasured
	} else if err != nil {
		return exitMisuse
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		fmt.Fprintln(stderr, "api: there are no arguments beside the flags, and -rounds is at least 1")
		return exitMisuse
	}
	if err := benchmark(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "api:", err)
		return exitFailed
	}
	return exitMeasured
}

func benchmark(ctx context.Context, o options, out io.Writer) error {
	p, err := ours(ctx)
	if err != nil {
		return err
	}
	cores, err := load.Cores()
	if err != nil {
		return err
	}
	if len(cores) < 2 {
		return errors.New("it takes two cores: one for the servers, and one for the clients and Redis")
	}
	if err := load.Pin(cores[0]); err != nil {
		return err
	}
	r := &results{date: time.Now(), machine: report.ThisMachine()}
	if err := requests(ctx, p, cores[1:2], o.rounds, r, out); err != nil {
		return err
	}
	if err := deliveries(ctx, p, cores, o.rounds, r, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nmeasured in %v\n\n%s", time.Since(r.date).Round(time.Second), r.table(report.English))
	if o.docs != "" {
		return r.write(o.docs)
	}
	return nil
}

// ours is the gateway with the benchmark's events, built.
func ours(ctx context.Context) (*peer.Peer, error) {
	for _, p := range peer.All() {
		if p.Name == "ours" {
			return p, peer.Prepare(ctx, p)
		}
	}
	return nil, errors.New("there is no peer ours")
}

// A node is a running gateway with the API.
type node struct {
	peer.Process
	api string // host:port
}

// start starts a gateway, alone where redis is "".
func start(ctx context.Context, p *peer.Peer, redis string, cores []int) (*node, error) {
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = peer.FreePort(); err != nil {
			return nil, err
		}
	}
	n := &node{api: fmt.Sprintf("127.0.0.1:%d", ports[1])}
	var err error
	n.Process, err = peer.Start(ctx, p, peer.Options{
		Port: ports[0], Extra: true, RedisURL: redis, Cores: cores,
		Env: []string{"NODE_ENV=production", "API_ADDR=" + n.api, "API_TOKENS=" + token},
	})
	return n, err
}
