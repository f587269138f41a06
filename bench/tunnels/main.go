//go:build linux

// Command tunnels measures what a WebSocket costs that leads through a node to another: 1,000 clients of one room at
// node A, whose WebSockets lead through node B (or, to compare, directly to A). It prints the CPU of both nodes'
// processes for each delivery, and memory and descriptors for each client. It needs Linux and a redis-server.
//
//	go run ./tunnels -gateways before=/tmp/gateway-before,now=/tmp/gateway-now -rounds 3
//
// The gateways take turns in each round. The clients run in this process, and share the machine's cores with the nodes.
// A figure is of user and system time, by the scheduler's clock.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience is how long anything may take that must happen.
const patience = 60 * time.Second

type options struct {
	gateways string
	ways     string
	rounds   int
	clients  int
	last     time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.gateways, "gateways", "gateway=bin/gateway", "name=program, separated by commas")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds, of which the table has the medians")
	flag.IntVar(&o.clients, "clients", 1000, "clients")
	flag.StringVar(&o.ways, "ways", "direct,tunnelled", "which of the two")
	flag.DurationVar(&o.last, "last", 5*time.Second, "how long each load lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "tunnels:", err)
		os.Exit(1)
	}
}

// A cell is what was measured of a gateway in a row.
type cell map[string][]float64

var columns = []string{
	"KB/client", "files/client", "20/s, µs", "100/s, µs", "200/s, µs", "16 in flight, µs", "16 in flight, 1,000/s",
}

// rates are those of the columns that have one, in messages a second.
var rates = []int{20, 100, 200}

func run(ctx context.Context, o options) error {
	cells := make(map[string]cell)
	var names []string
	for round := range o.rounds {
		for pair := range strings.SplitSeq(o.gateways, ",") {
			name, program, ok := strings.Cut(pair, "=")
			if !ok {
				return fmt.Errorf("%q is not name=program", pair)
			}
			for _, way := range strings.Split(o.ways, ",") {
				row := name + ", " + way
				if cells[row] == nil {
					cells[row] = make(cell)
					names = append(names, row)
				}
				if err := measure(ctx, o, program, way == "tunnelled", cells[row]); err != nil {
					return fmt.Errorf("%s: %w", row, err)
				}
				fmt.Fprintf(os.Stderr, "round %d: %s: %v\n", round+1, row, cells[row])
			}
		}
	}
	fmt.Printf("| | %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)+1))
	for _, row := range names {
		fmt.Printf("| %s |", row)
		for _, column := range columns {
			all := slices.Sorted(slices.Values(cells[row][column]))
			fmt.Printf(" %.3g (%.3g to %.3g) |", all[len(all)/2], all[0], all[len(all)-1])
		}
		fmt.Println()
	}
	return nil
}

// measure starts two nodes and their clients, and adds what it finds to c.
func measure(ctx context.Context, o options, program string, tunnelled bool, c cell) error {
	redis, err := peer.StartRedis(ctx, nil)
	if err != nil {
		return err
	}
	defer redis.Stop()
	var nodes []*node
	defer func() {
		for _, n := range nodes {
			n.stop()
		}
	}()
	for range 2 {
		n, err := startNode(program, redis.URL())
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	owner, via := nodes[0], nodes[0]
	if tunnelled {
		via = nodes[1]
	}
	if err := until(ctx, "the nodes find each other", func() bool {
		sid, err := wire.OpenSession(owner.addr, patience)
		if err != nil {
			return false
		}
		r, err := wire.Post(via.addr, wire.NewPolling+"&sid="+sid, "41", patience)
		return err == nil && r.Code == 200
	}); err != nil {
		return err
	}
	time.Sleep(time.Second) // the memory of a start has been given back, or will not be
	memory, files := total(nodes, (*node).memory), total(nodes, (*node).files)
	g, err := gather(ctx, o.clients, owner.addr, via.addr)
	if err != nil {
		return err
	}
	defer g.leave()
	time.Sleep(3 * time.Second)
	clients := float64(o.clients)
	add := func(column string, v float64) { c[column] = append(c[column], v) }
	add(columns[0], (total(nodes, (*node).memory)-memory)/1e3/clients)
	add(columns[1], (total(nodes, (*node).files)-files)/clients)

	load := func(talk func(context.Context, time.Duration) (int, error)) (µs, perSecond float64, err error) {
		if _, err := talk(ctx, time.Second); err != nil { // to warm up
			return 0, 0, err
		}
		began, cpu := time.Now(), total(nodes, (*node).cpu)
		said, err := talk(ctx, o.last)
		deliveries := float64(said) * clients
		return (total(nodes, (*node).cpu) - cpu) / 1e3 / deliveries, deliveries / time.Since(began).Seconds(), err
	}
	for i, rate := range rates {
		µs, _, err := load(func(ctx context.Context, last time.Duration) (int, error) {
			return g.paced(ctx, rate, last)
		})
		if err != nil {
			return err
		}
		add(columns[2+i], µs)
	}
	µs, rate, err := load(g.inFlight)
	if err != nil {
		return err
	}
	add(columns[5], µs)
	add(columns[6], rate/1e3)
	return nil
}

func until(ctx context.Context, what string, done func() bool) error {
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.New("not within " + patience.String() + ": " + what)
		}
	}
	return nil
}

// A node is a gateway's process.
type node struct {
	cmd  *exec.Cmd
	addr string
}

func startNode(program, redis string) (*node, error) {
	port, err := peer.FreePort()
	if err != nil {
		return nil, err
	}
	n := &node{cmd: exec.Command(program), addr: "127.0.0.1:" + strconv.Itoa(port)}
	n.cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(port), "HOST=127.0.0.1", "REDIS_URL="+redis,
		"NODE_ENV=production", "DRAIN_DELAY=0", "DRAIN_WINDOW=0")
	n.cmd.Stderr = os.Stderr
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	return n, until(context.Background(), "the gateway is ready", func() bool {
		r, err := wire.Get(n.addr, "/readyz", patience)
		return err == nil && r.Code == 200
	})
}

func (n *node) stop() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

func (n *node) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", n.cmd.Process.Pid, name) }

// cpu is how long the process has run, in ns, by its CPU clock (clock_getcpuclockid(3)).
func (n *node) cpu() float64 {
	const processClock = 2 // CPUCLOCK_SCHED, whole process
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^n.cmd.Process.Pid<<3|processClock), &ts); err != nil {
		return 0
	}
	return float64(ts.Nano())
}

// memory is what is resident, in bytes.
func (n *node) memory() float64 {
	file, err := os.Open(n.proc("status"))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			v, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return v * 1024
		}
	}
	return 0
}

// files is how many descriptors are open.
func (n *node) files() float64 {
	entries, _ := os.ReadDir(n.proc("fd"))
	return float64(len(entries))
}

func total(nodes []*node, of func(*node) float64) (sum float64) {
	for _, n := range nodes {
		sum += of(n)
	}
	return sum
}
