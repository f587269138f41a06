//go:build linux

package main

// Calls of the API at little cost beside that of the server: a request's bytes are made once.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A call is a request of the API, and how many events it sends.
type call struct {
	name, path, body string
	events           int
	header           func(n int64) string // beside those of all, nil for none
}

// head is the request without its body, for the n-th time.
func (c *call) head(n int64) string {
	more := ""
	if c.header != nil {
		more = c.header(n)
	}
	return "POST " + c.path + " HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer " + token +
		"\r\nContent-Type: application/json\r\n" + more + "Content-Length: " + strconv.Itoa(len(c.body)) + "\r\n\r\n"
}

// A caller is one kept connection.
type caller struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

func dial(addr string) (*caller, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, reader: bufio.NewReader(conn)}, nil
}

// do sends the request, which must be accepted.
func (c *caller) do(what *call, n int64) error {
	if c.request == nil || what.header != nil {
		c.request = append([]byte(what.head(n)), what.body...)
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 202 ")):
			return fmt.Errorf("the API answers %q", line)
		case len(line) == 2:
			if length < 0 {
				return errors.New("an answer of no length")
			}
			_, err = io.CopyN(io.Discard, c.reader, int64(length))
			return err
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[16:]))); err != nil {
				return err
			}
		}
	}
}

const (
	callers    = 16
	warmFor    = 500 * time.Millisecond
	measureFor = 3 * time.Second
)

// calls are those whose rate is measured: each is sent again as soon as it has been answered.
func calls() []*call {
	emission := `{"event":"message","to":["nobody"],"args":[{"nickname":"ana","message":"hello, this is a message"}]}`
	batch := `{"emissions":[` + emission
	for range 99 {
		batch += "," + emission
	}
	return []*call{
		{name: "emit", path: "/v1/emit", body: emission, events: 1},
		{name: "emit with an Idempotency-Key", path: "/v1/emit", body: emission, events: 1, header: key},
		{name: "join", path: "/v1/join", body: `{"in":["nobody"],"rooms":["room"]}`},
		{name: "emit-batch of 100", path: "/v1/emit-batch", body: batch + "]}", events: 100},
	}
}

func key(n int64) string { return "Idempotency-Key: " + strconv.FormatInt(n, 10) + "\r\n" }

// requests measures how many requests a node answers that does nothing else, and what each costs it.
func requests(ctx context.Context, p *peer.Peer, cores []int, rounds int, r *results, out io.Writer) error {
	for round := range rounds {
		for _, what := range calls() {
			n, err := start(ctx, p, "", cores)
			if err != nil {
				return err
			}
			rate, cost, err := hammer(ctx, n, what)
			n.Stop()
			if err != nil {
				return fmt.Errorf("%s: %w", what.name, err)
			}
			fmt.Fprintf(out, "%d %-30s %8.0f requests/s, %v of CPU each\n", round+1, what.name, rate, cost)
			r.request(what, rate, cost)
		}
	}
	return nil
}

// hammer calls the API from several connections.
func hammer(ctx context.Context, n *node, what *call) (rate float64, cost time.Duration, err error) {
	var count atomic.Int64
	var ended atomic.Bool
	var all sync.WaitGroup
	failed := make(chan error, callers)
	for range callers {
		c, err := dial(n.api)
		if err != nil {
			return 0, 0, err
		}
		defer c.conn.Close()
		all.Go(func() {
			for !ended.Load() {
				if err := c.do(what, count.Add(1)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err = wait(warmFor); err == nil {
		var before, after peer.Usage
		if before, err = n.Usage(); err == nil {
			done := count.Load()
			err = wait(measureFor)
			done = count.Load() - done
			var usageErr error
			after, usageErr = n.Usage()
			err = errors.Join(err, usageErr)
			rate = float64(done) / after.At.Sub(before.At).Seconds()
			cost = (after.CPU - before.CPU) / time.Duration(max(done, 1))
		}
	}
	ended.Store(true)
	all.Wait()
	return rate, cost, err
}
