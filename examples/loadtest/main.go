// Command loadtest connects many clients to a server, has each of them ask it something again and again, and prints how
// many answers come per second and how long they take.
//
//	go run ./examples/hello &
//	go run ./examples/loadtest -clients 1000 -every 1s -for 10s
//
// Each client sends the event once in -every, at moments of its own, and waits for nothing: a server that falls behind
// gets no less to do. Latencies count from the moment at which an event was due to its acknowledgement. Clients and
// server on one machine take each other's CPU: for figures that mean something give them two. Each client is an open
// file: ulimit -n.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// patience is how long an answer may take.
const patience = 10 * time.Second

// A load is what the server has to bear.
type load struct {
	url        string
	clients    int
	connecting int           // handshakes at once
	event      string        // with one argument, and an answer
	every      time.Duration // from one event of a client to its next
	lasts      time.Duration // from when all clients are connected
	options    client.Options
}

func main() {
	var l load
	flag.StringVar(&l.url, "url", "http://localhost:3000", "URL of the server, with the namespace as its path")
	flag.IntVar(&l.clients, "clients", 100, "how many clients")
	flag.IntVar(&l.connecting, "connecting", 50, "how many of them connect at once")
	flag.StringVar(&l.event, "event", "hello", "event that is acknowledged")
	flag.DurationVar(&l.every, "every", time.Second, "time from one event of a client to its next")
	flag.DurationVar(&l.lasts, "for", 10*time.Second, "how long events are sent")
	polling := flag.Bool("polling", false, "use HTTP long-polling in place of WebSocket")
	flag.Parse()
	if l.clients < 1 || l.connecting < 1 || l.every <= 0 || l.lasts <= 0 {
		log.Fatal("-clients, -connecting, -every and -for must be above 0")
	}
	l.options = client.Options{Transports: []string{engine.WebSocket}}
	if *polling {
		l.options.Transports = []string{engine.Polling}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := l.run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run connects the clients, has them send, and writes what came of it. An error means that not all could connect, or
// that ctx was done before.
func (l load) run(ctx context.Context, out io.Writer) error {
	l.options.Dialer = new(engine.Dialer) // with it a client needs no goroutine to read
	l.options.NoReconnection = true       // a client that is lost is counted, and not another one
	began := time.Now()
	sockets, err := l.connect(ctx)
	defer func() {
		for _, s := range sockets {
			s.Conn().Close()
		}
		for _, s := range sockets {
			_ = s.Conn().Wait(context.Background()) // which has no end before
		}
	}()
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(out, "%d clients connected in %v, %.0f per second\n",
		len(sockets), took.Round(time.Millisecond), float64(len(sockets))/took.Seconds())

	var r results
	began = time.Now()
	end := began.Add(l.lasts)
	// Ctrl-C ends the sending early; what has come by then is reported.
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	var sending sync.WaitGroup
	for _, s := range sockets {
		sending.Go(func() { l.send(ctx, s, &r) })
	}
	sending.Wait()
	r.report(out, time.Since(began))
	return nil
}

// connect returns the clients that are connected, also where the error says that not all are.
func (l load) connect(ctx context.Context) ([]*client.Socket, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sockets := make([]*client.Socket, 0, l.clients)
	slots := make(chan struct{}, l.connecting)
	var group sync.WaitGroup
	for range l.clients {
		s, err := client.New(l.url, l.options)
		if err != nil {
			cancel(err)
			break
		}
		sockets = append(sockets, s)
		slots <- struct{}{}
		group.Go(func() {
			if err := s.Connect(ctx); err != nil {
				cancel(err)
			}
			<-slots
		})
	}
	group.Wait()
	return sockets, context.Cause(ctx)
}

// send emits events from one client until ctx is done or the client is lost, and waits for the answers to all of them.
func (l load) send(ctx context.Context, s *client.Socket, r *results) {
	due := time.Now().Add(rand.N(l.every)) // the clients do not all send at once
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	var answers sync.WaitGroup
	defer answers.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Context().Done():
			r.lose()
			return
		case <-timer.C:
		}
		at := due
		answers.Add(1)
		r.sent()
		err := s.Timeout(patience).EmitAck(l.event, func(_ parser.Args, err error) {
			r.answered(time.Since(at), err)
			answers.Done()
		}, "load")
		if err != nil { // it is never called then
			r.answered(0, err)
			answers.Done()
		}
		due = due.Add(l.every)
		timer.Reset(time.Until(due))
	}
}

// results are what all clients have seen.
type results struct {
	mu        sync.Mutex
	events    int
	lost      int            // clients
	failed    map[string]int // by the error
	latencies []time.Duration
}

func (r *results) sent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events++
}

func (r *results) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost++
}

func (r *results) answered(after time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.latencies = append(r.latencies, after)
		return
	}
	if r.failed == nil {
		r.failed = make(map[string]int)
	}
	r.failed[err.Error()]++
}

// report writes the figures of what has come in that time.
func (r *results) report(out io.Writer, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(out, "%d events in %v, %d answered, %.0f per second\n",
		r.events, took.Round(time.Millisecond), len(r.latencies), float64(len(r.latencies))/took.Seconds())
	if r.lost > 0 {
		fmt.Fprintf(out, "%d clients lost\n", r.lost)
	}
	for why, n := range r.failed {
		fmt.Fprintf(out, "%d not answered: %s\n", n, why)
	}
	if len(r.latencies) == 0 {
		return
	}
	slices.Sort(r.latencies)
	for _, p := range []int{500, 900, 990, 999, 1000} {
		fmt.Fprintf(out, "p%v %v\n", float64(p)/10, percentile(r.latencies, p).Round(10*time.Microsecond))
	}
}

// percentile returns the smallest of the sorted values that so many of a thousand do not exceed.
func percentile(sorted []time.Duration, perMille int) time.Duration {
	rank := (perMille*len(sorted) + 999) / 1000
	return sorted[max(rank, 1)-1]
}
