//go:build linux

// Command abuse measures what clients in good faith notice of an attack: 50 of them talk, undisturbed and then during
// each attack of test/abuse, on the gateway and on Node.js's Socket.IO in turn. It needs Linux.
//
// The server has one core; the clients have another, and the attacker what they leave of it: its process runs only when
// nobody else wants that core (SCHED_IDLE), and the clients take it whenever they want it (SCHED_FIFO, for root), so
// that their latency is the server's, and not that of waiting for an attacker that could be on any other machine. How
// late the clients themselves were is measured too.
//
// The exit code is 1 if a good client of ours was lost or a message did not arrive, 2 if the arguments make no sense.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
	"github.com/brunossouza/websocket-escalonavel/test/abuse"
)

// Exit codes.
const (
	exitMeasured = 0
	exitFailed   = 1
	exitMisuse   = 2
)

// Who is attacked.
const (
	ours = "ours-memory"
	node = "node-ws"
)

type options struct {
	only   string
	rounds int
	page   string
	attack string
	addr   string
	last   time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("abuse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.only, "only", "", "attacks, by name or pattern (handshakes*), separated by commas")
	flags.IntVar(&o.rounds, "rounds", 1, "rounds, of which the table has the medians")
	flags.StringVar(&o.page, "page", "", "document whose table of results is written anew")
	flags.StringVar(&o.attack, "attack", "", "make this attack on -addr for -last, and print what it did; "+
		"the command starts itself like that")
	flags.StringVar(&o.addr, "addr", "", "see -attack")
	flags.DurationVar(&o.last, "last", 0, "see -attack")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitMeasured
	} else if err != nil {
		return exitMisuse
	}
	rows, err := choose(o.only)
	if err == nil && (flags.NArg() > 0 || o.rounds < 1) {
		err = errors.New("there are no arguments beside the flags, and -rounds is at least 1")
	}
	if err != nil {
		fmt.Fprintln(stderr, "abuse:", err)
		return exitMisuse
	}
	if o.attack != "" {
		err = attack(ctx, o, stdout)
	} else {
		err = benchmark(ctx, o, rows, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "abuse:", err)
		return exitFailed
	}
	return exitMeasured
}

// choose returns the rows that a single server can be attacked with, or those that the patterns match.
func choose(patterns string) (chosen []abuse.Row, err error) {
	for _, row := range abuse.Rows() {
		take := patterns == ""
		for pattern := range strings.SplitSeq(patterns, ",") {
			ok, err := path.Match(pattern, row.Name)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pattern, err)
			}
			take = take || ok
		}
		if take && row.Nodes <= 1 {
			chosen = append(chosen, row)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no attack is called %q", patterns)
	}
	return chosen, nil
}

// attack is what a child process does: one attack, as long as it is to last.
func attack(ctx context.Context, o options, stdout io.Writer) error {
	if err := load.Yield(); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, o.last)
	defer stop()
	for _, row := range abuse.Rows() {
		if row.Name != o.attack {
			continue
		}
		did, err := row.Attack(ctx, []string{o.addr})
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(did)
	}
	return fmt.Errorf("no attack is called %q", o.attack)
}

// benchmark makes every attack on both servers in turn, and shows the table.
func benchmark(ctx context.Context, o options, rows []abuse.Row, out io.Writer) error {
	var peers []*peer.Peer
	for _, p := range peer.All() {
		if p.Name != ours && p.Name != node {
			continue
		}
		if err := peer.Prepare(ctx, p); err != nil {
			return err
		}
		peers = append(peers, p)
	}
	cores, err := load.Cores()
	if err != nil {
		return err
	}
	if len(cores) < 2 {
		return errors.New("it takes two cores: one for the server, and one for the clients and the attacker")
	}
	if err := load.Pin(cores[0]); err != nil {
		return err
	}
	result := &results{date: time.Now(), machine: report.ThisMachine(), rows: rows}
	for round := range o.rounds {
		for _, row := range rows {
			for _, p := range peers {
				m, err := measure(ctx, p, row, cores[1:2])
				if err != nil {
					return fmt.Errorf("%s, %s: %w", row.Name, p.Name, err)
				}
				result.add(row.Name, p.Name, m)
				fmt.Fprintf(out, "%d %-32s %-12s %v\n", round+1, row.Name, p.Name, m)
			}
		}
	}
	fmt.Fprintf(out, "\nmeasured in %v\n\n%s", time.Since(result.date).Round(time.Second), result.table())
	if o.page != "" {
		if err := result.write(o.page); err != nil {
			return err
		}
	}
	return result.failure()
}
