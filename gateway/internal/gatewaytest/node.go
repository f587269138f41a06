package gatewaytest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Gateway is a *gateway.Gateway.
type Gateway interface {
	Listen(ctx context.Context) error
	Run(ctx context.Context) error
	Addr() net.Addr
}

// A Node is a running gateway.
type Node struct {
	Address string
	Log     *Log
	Stop    func() error // ends it and returns what Run returned; further calls return the same
}

// Settings are for a gateway of a test, on a free port of 127.0.0.1, with more of them.
func Settings(more ...string) func(string) string {
	return Env(append([]string{
		"HOST", "127.0.0.1", "PORT", "0", "LOG_FORMAT", "json", "ADAPTER", "memory",
		"DRAIN_DELAY", "0", "DRAIN_WINDOW", "0",
	}, more...)...)
}

// Run runs a gateway, whose lines go to log, until the test ends.
func Run(t testing.TB, g Gateway, log *Log) *Node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if err := g.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(Patience):
			return errors.New("the gateway did not end")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &Node{Address: g.Addr().String(), Log: log, Stop: stop}
}

// Request sends one request as it stands, on a connection of its own, and reads the answer. headers are "Name: value".
func (n *Node) Request(t testing.TB, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", n.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	text := method + " " + target + " HTTP/1.1\r\nHost: chat.example\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	if body != "" {
		text += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := io.WriteString(conn, text+"\r\n"+body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return response, string(content)
}
