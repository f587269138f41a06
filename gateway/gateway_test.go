package gateway

// What the tests share: a gateway on a free port, its log, and raw HTTP to it.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It is not a measure of anything.
const patience = 30 * time.Second

// logBuffer keeps what a gateway logs, as JSON lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines are the lines logged so far.
func (l *logBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []map[string]any
	for line := range strings.Lines(l.buf.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

// find returns the lines with that message.
func (l *logBuffer) find(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, line := range l.lines(t) {
		if line["msg"] == msg {
			found = append(found, line)
		}
	}
	return found
}

// A node is a running gateway.
type node struct {
	*Gateway
	addr string
	log  *logBuffer
	stop func() error // ends it and returns what Run returned; further calls return the same
}

// start runs a gateway with these settings on a free port of 127.0.0.1 until the test ends.
func start(t *testing.T, settings ...string) *node {
	t.Helper()
	cfg, err := LoadConfig(env(append([]string{"HOST", "127.0.0.1", "PORT", "0", "LOG_FORMAT", "json", "ADAPTER", "memory", "DRAIN_DELAY", "0", "DRAIN_WINDOW", "0"}, settings...)...))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Version = "1.2.3 (commit abc)"
	cfg.Release, cfg.Commit = "1.2.3", "abc"
	log := new(logBuffer)
	g, err := New(cfg, NewLogger(cfg, log))
	if err != nil {
		t.Fatal(err)
	}
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
		case <-time.After(patience):
			return errors.New("the gateway did not end")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &node{Gateway: g, addr: g.Addr().String(), log: log, stop: stop}
}

// request sends one request as it stands, on a connection of its own, and reads the answer. headers are "Name: value".
func (n *node) request(t *testing.T, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
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

func TestRunStartsAndStops(t *testing.T) {
	n := start(t)
	if response, body := n.request(t, "GET", "/", ""); response.StatusCode != 200 || body != "Hello World!" {
		t.Errorf("got %d %q", response.StatusCode, body)
	}
	if err := n.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if conn, err := net.Dial("tcp", n.addr); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
	for _, msg := range []string{"starting", "listening", "stopping", "stopped"} {
		if got := n.log.find(t, msg); len(got) != 1 {
			t.Errorf("%d lines say %q", len(got), msg)
		}
	}
	if lines := n.log.find(t, "listening"); len(lines) == 1 && lines[0]["url"] != "http://"+n.addr {
		t.Errorf("the log gives the URL %v, want http://%s", lines[0]["url"], n.addr)
	}
}

// A client that neither reads nor leaves must not keep the process from ending.
func TestStopLetsPendingPollsGo(t *testing.T) {
	n := start(t, "SHUTDOWN_TIMEOUT", "1s")
	c := connect(t, n)
	polled := make(chan []string, 1)
	go func() {
		packets, _ := c.poll()
		polled <- packets
	}()
	if err := n.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	select {
	case <-polled:
	case <-time.After(patience):
		t.Error("the poll was left pending")
	}
}

func TestPortInUse(t *testing.T) {
	n := start(t)
	_, port, err := net.SplitHostPort(n.addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(env("HOST", "127.0.0.1", "PORT", port))
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("got %v, want ErrPortInUse", err)
	}
	if text := err.Error(); !strings.Contains(text, n.addr) || strings.Contains(text, "\n") {
		t.Errorf("the error is %q", text)
	}
}

func TestEveryLogLineHasTheHostname(t *testing.T) {
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, "SHUTDOWN_TIMEOUT", "100ms") // nobody polls when it stops
	c := connect(t, n)
	c.register()
	c.send(`42["messages",{"nickname":"Ana","message":"oi"}]`)
	c.receive(1)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	lines := n.log.lines(t)
	if len(lines) < 7 {
		t.Errorf("only %d lines", len(lines))
	}
	for _, line := range lines {
		if line["hostname"] != hostname {
			t.Errorf("hostname is %v in %v", line["hostname"], line)
		}
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		settings []string
		want     string
	}{
		{nil, "ADAPTER is memory"},
		{[]string{"ADAPTER", "pubsub", "REDIS_URL", "redis://:s3cret@127.0.0.1:1"}, "Redis cannot be reached"},
		{[]string{"MAX_QUEUE", "1000"}, "MAX_QUEUE is less than MAX_PAYLOAD"},
	}
	for _, test := range tests {
		n := start(t, test.settings...)
		found := false
		for deadline := time.Now().Add(patience); !found && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			for _, line := range n.log.lines(t) {
				found = found || line["level"] == "WARN" && strings.HasPrefix(line["msg"].(string), test.want)
			}
		}
		if !found {
			t.Errorf("%v: no warning %q in %v", test.settings, test.want, n.log.lines(t))
		}
		if err := n.stop(); err != nil {
			t.Error(err)
		}
		if n.log.buf.Len() == 0 || strings.Contains(n.log.buf.String(), "s3cret") {
			t.Errorf("%v: the log shows a secret", test.settings)
		}
	}
}

// A request is bounded in each of its phases; the limits on the body are tested in limits_test.go.
func TestServerLimits(t *testing.T) {
	n := start(t)
	if s := n.http; s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 || s.WriteTimeout <= n.cfg.PingInterval+n.cfg.PingTimeout {
		t.Errorf("limits: header %v, idle %v, write %v", s.ReadHeaderTimeout, s.IdleTimeout, s.WriteTimeout)
	}
	response, _ := n.request(t, "GET", "/", "", "X-Long: "+strings.Repeat("x", 32<<10))
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("32 KiB of header: got %d", response.StatusCode)
	}
}
