//go:build linux

// Command bench compares the gateway with the servers that a team might run instead of it. It runs every workload
// against every peer in turn, several rounds of them, and prints a table. It needs Linux.
//
// The server runs on one core and the load on another, and everything stays on 127.0.0.1. The exit code is 1 if our own
// server lost a message or failed, and 2 if the arguments make no sense.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
	"github.com/brunossouza/websocket-escalonavel/bench/workload"
)

// Exit codes.
const (
	exitMeasured = 0
	exitFailed   = 1
	exitMisuse   = 2
	ours         = "ours"
)

// quickPeers are the peers of a quick run.
var quickPeers = []string{ours, "nest", "uws", "floor"}

type options struct {
	quick   bool
	only    string
	peers   string
	rounds  int
	folder  string
	verbose bool
	backend bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal, a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.quick, "quick", false,
		"the main workloads and peers only, once and briefly, in less than two minutes")
	flags.StringVar(&o.only, "only", "", "workloads, by name or pattern (fanout-*), separated by commas")
	flags.StringVar(&o.peers, "peers", "", "peers, by name, separated by commas")
	flags.IntVar(&o.rounds, "rounds", 0, "rounds (3, in a quick run 1)")
	flags.StringVar(&o.folder, "out", "", "folder for the table, the JSON and the plots; nothing is written without")
	flags.BoolVar(&o.backend, "backend", false,
		"events through SERVICE=backend, beside servers that handle them themselves; by default nothing else")
	flags.BoolVar(&o.verbose, "v", false, "print every value of every result")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitMeasured
	} else if err != nil {
		return exitMisuse
	}
	if flags.NArg() > 0 || o.rounds < 0 {
		fmt.Fprintln(stderr, "bench: there are no arguments beside the flags, and -rounds is not negative")
		return exitMisuse
	}
	if o.backend {
		o.peers = cmp.Or(o.peers, "ours-memory,ours-backend,ours-socket,nest,node-ws")
		o.only = cmp.Or(o.only, "echo-ack,echo-quiet")
	}
	b, err := newBenchmark(o, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitMisuse
	}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitFailed
	}
	return exitMeasured
}

// A benchmark is one run of this command.
type benchmark struct {
	options
	out       io.Writer
	settings  workload.Settings
	workloads []*workload.Workload
	peers     []*peer.Peer
	byName    bool // the user has named the peers
	// excused holds what a peer need not run, by workload and peer: it could not keep up with less load.
	excused map[[2]string]bool
	absent  []report.Absence // peers that are not here
	failed  []string         // what our own server did wrong
}

func newBenchmark(o options, out io.Writer) (*benchmark, error) {
	b := &benchmark{options: o, out: out, byName: o.peers != "", excused: make(map[[2]string]bool)}
	if err := b.chooseCores(); err != nil {
		return nil, err
	}
	b.settings.Clients, b.settings.Storm, b.settings.Idle = 1000, 3000, 15_000
	b.settings.Settle, b.settings.Warm, b.settings.Measure = 3*time.Second, 800*time.Millisecond, 3*time.Second
	b.settings.Start = peer.Start
	b.settings.FreePort = peer.FreePort
	if b.quick {
		b.settings.Settle, b.settings.Warm, b.settings.Measure = time.Second, 500*time.Millisecond, 2*time.Second
	}
	if b.rounds == 0 {
		b.rounds = 3
		if b.quick {
			b.rounds = 1
		}
	}
	var err error
	if b.workloads, err = choose(workload.All(b.settings), o.only, func(w *workload.Workload) (string, bool) {
		return w.Name, !o.quick || w.Quick
	}); err != nil {
		return nil, err
	}
	b.peers, err = choose(peer.All(), o.peers, func(p *peer.Peer) (string, bool) {
		return p.Name, !o.quick || slices.Contains(quickPeers, p.Name)
	})
	return b, err
}

// choose returns what the comma-separated patterns match, or the default choice if there are no patterns.
func choose[T any](all []T, patterns string, about func(T) (name string, byDefault bool)) ([]T, error) {
	var chosen []T
	if patterns == "" {
		for _, v := range all {
			if _, byDefault := about(v); byDefault {
				chosen = append(chosen, v)
			}
		}
		return chosen, nil
	}
	matched := make(map[string]bool)
	var names []string
	for _, v := range all {
		name, _ := about(v)
		names = append(names, name)
		take := false
		for pattern := range strings.SplitSeq(patterns, ",") {
			if ok, err := path.Match(pattern, name); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pattern, err)
			} else if ok {
				matched[pattern], take = true, true
			}
		}
		if take {
			chosen = append(chosen, v)
		}
	}
	for pattern := range strings.SplitSeq(patterns, ",") {
		if !matched[pattern] {
			return nil, fmt.Errorf("nothing is called %q; there are %s", pattern, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

// chooseCores gives the load the first core that this process may use, and the server the second.
func (b *benchmark) chooseCores() error {
	cores, err := load.Cores()
	if err != nil {
		return err
	}
	b.settings.Load, b.settings.Server, b.settings.AllCores = cores[0], cores[:1], cores[:1]
	if len(cores) > 1 {
		b.settings.Server, b.settings.AllCores = cores[1:2], cores[:2]
	}
	return nil
}

func (b *benchmark) run(ctx context.Context) error {
	if len(b.settings.AllCores) < 2 {
		fmt.Fprintln(b.out,
			"warning: one core only: server and load take it from one another, so the figures mean little")
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "plan: %d rounds, %d workloads, %s; about %v\n",
		b.rounds, len(b.workloads), b.peerNames(), b.estimate().Round(time.Second))

	if err := load.Pin(b.settings.Load); err != nil {
		return err
	}
	// The load makes little garbage. It should not pause to collect it.
	debug.SetGCPercent(1000)
	redis, err := peer.StartRedis(ctx, []int{b.settings.Load})
	if err != nil {
		fmt.Fprintln(b.out, "without Redis, so without the peers and workloads that need one:", err)
	} else {
		defer redis.Stop()
		b.settings.Redis = redis.URL()
		b.settings.RedisCPU = func() (time.Duration, error) {
			u, err := redis.Usage()
			return u.CPU, err
		}
	}
	if b.backend {
		backend, err := peer.StartBackend(ctx, []int{b.settings.Load})
		if err != nil {
			return err
		}
		defer backend.Stop()
		b.settings.Backend = backend.URLs()
	}
	record := b.record(ctx)
	began := time.Now()
	for round := 1; round <= b.rounds; round++ {
		for _, w := range b.workloads {
			if w.Rounds > 0 && round > w.Rounds {
				continue
			}
			for _, p := range b.peers {
				if !b.takesPart(w, p) {
					continue
				}
				result, err := w.Run(ctx, b.settings, p, round)
				if err != nil {
					return err
				}
				b.judge(w, &result)
				record.Results = append(record.Results, result)
				fmt.Fprintln(b.out, line(&result, b.verbose))
			}
		}
	}
	fmt.Fprintf(b.out, "\nmeasured in %v\n\n%s", time.Since(began).Round(time.Second), record.Table())
	if b.folder != "" {
		if err := record.Write(b.folder); err != nil {
			return err
		}
	}
	if len(b.failed) > 0 {
		return fmt.Errorf("our own server failed:\n  %s", strings.Join(b.failed, "\n  "))
	}
	return nil
}

// prepare builds the peers. It drops those that cannot be built here, except our own.
func (b *benchmark) prepare(ctx context.Context) error {
	var have []*peer.Peer
	for _, p := range b.peers {
		if err := peer.Prepare(ctx, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if p.Name == ours {
				return err
			}
			fmt.Fprintf(b.out, "without %s: %v\n", p.Name, err)
			text, _, _ := strings.Cut(err.Error(), "\n")
			b.absent = append(b.absent, report.Absence{Peer: p.Name, Reason: "is not here: " + text})
			continue
		}
		have = append(have, p)
	}
	b.peers = have
	return nil
}

func (b *benchmark) takesPart(w *workload.Workload, p *peer.Peer) bool {
	if b.settings.Redis == "" && (p.Has(peer.NeedsRedis) || slices.Contains(w.Needs, peer.Cluster)) {
		return false
	}
	if b.settings.Backend.TCP == "" && p.Has(peer.NeedsBackend) {
		return false
	}
	if slices.Contains(w.Needs, peer.TwoCores) && len(b.settings.AllCores) < 2 {
		return false
	}
	if w.Of != "" && b.excused[[2]string{w.Of, p.Name}] {
		b.excused[[2]string{w.Name, p.Name}] = true
		return false
	}
	if b.byName {
		return w.Suits(p)
	}
	return w.Wanted(p)
}

// judge records overloads and our own faults.
func (b *benchmark) judge(w *workload.Workload, r *report.Result) {
	overloaded := r.Values["overloaded"] > 0
	if overloaded {
		b.excused[[2]string{w.Name, r.Peer}] = true
	}
	if r.Peer != ours {
		return
	}
	if r.Missing > 0 {
		b.failed = append(b.failed, fmt.Sprintf("%s, round %d: %d of %d deliveries are missing",
			r.Workload, r.Round, r.Missing, r.Owed))
	}
	if r.Error != "" && !overloaded {
		b.failed = append(b.failed, fmt.Sprintf("%s, round %d: %s", r.Workload, r.Round, r.Error))
	}
}

// estimate returns roughly how long the plan takes.
func (b *benchmark) estimate() (total time.Duration) {
	b.settings.Redis, b.settings.Backend.TCP = "assumed", "assumed"
	for _, w := range b.workloads {
		rounds := b.rounds
		if w.Rounds > 0 {
			rounds = min(rounds, w.Rounds)
		}
		for _, p := range b.peers {
			if b.takesPart(w, p) {
				total += time.Duration(rounds) * w.Estimate(b.settings)
			}
		}
	}
	b.settings.Redis, b.settings.Backend.TCP = "", ""
	return total
}

func (b *benchmark) peerNames() string {
	var names []string
	for _, p := range b.peers {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// record returns the run, without results yet.
func (b *benchmark) record(ctx context.Context) *report.Run {
	r := &report.Run{Date: time.Now(), Machine: report.ThisMachine(), Quick: b.quick, Peers: make(map[string]string)}
	for _, p := range b.peers {
		r.Peers[p.Name] = p.Title
	}
	r.Absent = slices.Clone(b.absent)
	for _, w := range b.workloads {
		r.Workloads = append(r.Workloads, report.Workload{Name: w.Name, Measures: w.Measures})
		for _, p := range b.peers {
			if reason := w.LeftOut(p); reason != "" {
				r.Absent = append(r.Absent, report.Absence{Workload: w.Name, Peer: p.Name, Reason: reason})
			}
		}
	}
	describe := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*")
	if out, err := describe.Output(); err == nil {
		r.Commit = strings.TrimSpace(string(out))
	}
	return r
}
