// Package measure measures a client library: many clients in one process, against a server in another.
package measure

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Client is connected, and has got a function that it calls at each event "m". Trigger has the server emit that event
// so many times to all clients.
type Client interface {
	Trigger(messages int)
	Close()
}

// Result is what has been measured.
type Result struct {
	Name           string
	Clients        int
	ConnectsPerSec float64
	LiveKB         float64 // heap in use behind a collection, and stacks, for each client
	RSSKB          float64 // resident memory, for each client
	Goroutines     float64 // for each client
	MessagesPerSec float64 // received, by all clients together
	CPUPerMessage  time.Duration
}

// Header and String are the columns of a table.
func Header() string {
	return "client | clients | connects/s | heap+stack each | RSS each | goroutines each | messages/s | " +
		"CPU each message\n" +
		"--- | ---: | ---: | ---: | ---: | ---: | ---: | ---:"
}

func (r Result) String() string {
	return fmt.Sprintf("%s | %d | %.0f | %.1f KB | %.1f KB | %.1f | %.0f | %.2f µs", r.Name, r.Clients,
		r.ConnectsPerSec,
		r.LiveKB, r.RSSKB, r.Goroutines, r.MessagesPerSec, float64(r.CPUPerMessage.Nanoseconds())/1000)
}

// connecting is how many clients connect at once.
const connecting = 64

// timeout bounds each phase.
const timeout = 2 * time.Minute

// Main runs the command line of a program that measures one library, and prints its row.
func Main(name string, dial func(url string, received func()) (Client, error)) {
	n := flag.Int("n", 1000, "clients")
	url := flag.String("url", "", "the server's URL")
	messages := flag.Int("messages", 100, "messages to each client")
	flag.Parse()
	r, err := run(name, *url, *n, *messages, dial)
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	fmt.Println(r)
}

func run(name, url string, n, messages int, dial func(string, func()) (Client, error)) (Result, error) {
	r := Result{Name: name, Clients: n}
	var received atomic.Int64
	heard := func() { received.Add(1) }
	heapBefore, rssBefore, goroutinesBefore := live(), rss(), runtime.NumGoroutine()

	began := time.Now()
	clients := make([]Client, n)
	var next atomic.Int64
	var firstErr atomic.Value
	var wait sync.WaitGroup
	for range connecting {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				c, err := dial(url, heard)
				if err != nil {
					firstErr.CompareAndSwap(nil, err)
					return
				}
				clients[i] = c
			}
		})
	}
	wait.Wait()
	if err, _ := firstErr.Load().(error); err != nil {
		return r, err
	}
	r.ConnectsPerSec = float64(n) / time.Since(began).Seconds()

	// One message to each, so that what is made at the first is there.
	clients[0].Trigger(1)
	if err := await(&received, int64(n)); err != nil {
		return r, err
	}
	time.Sleep(time.Second) // what has been needed for connecting ends
	r.LiveKB = float64(live()-heapBefore) / 1024 / float64(n)
	r.RSSKB = float64(rss()-rssBefore) / 1024 / float64(n)
	r.Goroutines = float64(runtime.NumGoroutine()-goroutinesBefore) / float64(n)

	received.Store(0)
	cpuBefore, began := cpu(), time.Now()
	clients[0].Trigger(messages)
	if err := await(&received, int64(n)*int64(messages)); err != nil {
		return r, err
	}
	total := float64(n) * float64(messages)
	r.MessagesPerSec = total / time.Since(began).Seconds()
	r.CPUPerMessage = time.Duration(float64(cpu()-cpuBefore) / total)
	for _, c := range clients {
		c.Close()
	}
	return r, nil
}

func await(received *atomic.Int64, want int64) error {
	for deadline := time.Now().Add(timeout); received.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d messages have come", received.Load(), want)
		}
	}
	return nil
}

// live is what the heap holds and stacks take, in bytes.
func live() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// rss is the process's resident memory, in bytes.
func rss() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10
}
