package nats

// A server of a test, and what its clients get.

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
)

const patience = testclient.Patience

// A node is a Socket.IO server with a Broker.
type node struct {
	*socketio.Server
	broker *Broker
	url    string
	log    *logText
}

type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// startNode starts a server. It ends with the test.
func startNode(t testing.TB, urls string, opts Options) *node {
	t.Helper()
	return startNodeWith(t, urls, opts, socketio.Options{}, (*Broker).Adapter)
}

// startJournalNode starts a server on JetStream.
func startJournalNode(t testing.TB, urls string, opts Options, j JetStreamOptions) *node {
	t.Helper()
	return startNodeWith(t, urls, opts, socketio.Options{ConnectionStateRecovery: j.Recovery},
		func(b *Broker) func(*socketio.Namespace) socketio.Adapter { return b.JetStream(j) })
}

func startNodeWith(t testing.TB, urls string, opts Options, io socketio.Options,
	adapter func(*Broker) func(*socketio.Namespace) socketio.Adapter) *node {
	t.Helper()
	n := &node{log: new(logText)}
	opts.Logger = slog.New(slog.NewTextHandler(n.log, nil))
	var err error
	if n.broker, err = Open(urls, opts); err != nil {
		t.Fatal(err)
	}
	closeWith(t, n.broker)
	io.Adapter, io.Logger = adapter(n.broker), opts.Logger
	io.MaxHTTPBufferSize, io.MaxQueueBytes = 64<<20, 256<<20
	n.Server = socketio.NewServer(io)
	ts := httptest.NewServer(n.Server)
	n.url = ts.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		ts.Close()
		if t.Failed() {
			t.Logf("%+v\n%s", n.broker.Stats(), n.log.text.String())
		}
	})
	return n
}

// client connects a client, which is in rooms.
func (n *node) client(t testing.TB, rooms ...string) *testclient.Client {
	t.Helper()
	c := testclient.Dial(t, n.url, "/")
	n.Of("/").Socket(c.ID).Join(rooms...)
	return c
}

// together waits until all nodes know of each other, and NATS of their subscriptions.
func together(t testing.TB, nodes ...*node) {
	t.Helper()
	for i, n := range nodes {
		eventually(t, fmt.Sprintf("node %d knows of %d others", i, len(nodes)-1), func() bool {
			count, err := n.Adapter().ServerCount(context.Background())
			return err == nil && count == len(nodes)
		})
	}
	for _, n := range nodes {
		n.settle(t)
	}
}

// settle waits until NATS has the node's subscriptions.
func (n *node) settle(t testing.TB) {
	t.Helper()
	<-n.broker.listeners.changes.Drained()
	if err := n.broker.conn.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	if !await.Until(patience, done) {
		t.Fatalf("never happened: %s", what)
	}
}

// A reader counts the numbers that a client gets: ["n",<node>,<number>].
type reader struct {
	mu    sync.Mutex
	got   map[[2]int]int
	last  map[int]int
	wrong []string
	at    string // the offset of the last of them that had one
	done  chan struct{}
}

func read(c *testclient.Client) *reader {
	r := &reader{got: make(map[[2]int]int), last: make(map[int]int)}
	r.follow(c)
	return r
}

// follow reads what a client gets, which may be another one than before.
func (r *reader) follow(c *testclient.Client) {
	done := make(chan struct{})
	r.done = done
	for _, m := range c.Missed {
		r.hear(c, m)
	}
	go func() {
		defer close(done)
		for m := range c.Messages {
			r.hear(c, m)
		}
	}()
}

func (r *reader) hear(c *testclient.Client, m string) {
	_, payload := c.Cut(m)
	var from, number int
	var offset string
	if n, _ := fmt.Sscanf(payload, `["n",%d,%d,%q`, &from, &number, &offset); n >= 2 {
		r.take(from, number, offset)
	}
}

func (r *reader) take(from, number int, offset string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if offset != "" {
		r.at = offset
	}
	if r.got[[2]int{from, number}]++; r.got[[2]int{from, number}] > 1 {
		r.wrong = append(r.wrong, fmt.Sprintf("%d of node %d twice", number, from))
	}
	if number <= r.last[from] {
		r.wrong = append(r.wrong, fmt.Sprintf("%d of node %d after %d", number, from, r.last[from]))
	}
	r.last[from] = number
}

// has is how many of the numbers of a node have come that lie behind from, up to to.
func (r *reader) has(node, from, to int) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for number := from + 1; number <= to; number++ {
		n += min(r.got[[2]int{node, number}], 1)
	}
	return n
}

// lacks names the first and the last of the numbers of a node behind from, up to to, that have not come.
func (r *reader) lacks(node, from, to int) (first, last int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for number := from + 1; number <= to; number++ {
		if r.got[[2]int{node, number}] == 0 {
			first, last = cmp.Or(first, number), number
		}
	}
	return first, last
}

// offset is that of the last event that had one.
func (r *reader) offset() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *reader) faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}

// A speaker has a node say numbers to the room "all", one after the other.
type speaker struct {
	mu     sync.Mutex
	number int
	stop   chan struct{}
	ended  chan struct{}
}

func speak(t testing.TB, n *node, i int, every time.Duration) *speaker {
	s := &speaker{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-s.stop:
				return
			}
			s.mu.Lock()
			s.number++
			err := n.To("all").Emit("n", i, s.number)
			s.mu.Unlock()
			if err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(s.end)
	return s
}

// said is the last number so far.
func (s *speaker) said() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number
}

func (s *speaker) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	<-s.ended
}
