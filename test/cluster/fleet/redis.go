package fleet

// A redis-server for one test.

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// A Redis is a redis-server on a free loopback port.
type Redis struct {
	Addr     string
	Password string // for Do
	t        testing.TB
	args     []string
	cmd      *exec.Cmd
}

// StartRedis starts a Redis, with further arguments for redis-server. It ends with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	needs.Program(t, "redis-server")
	r := &Redis{t: t, args: args}
	t.Cleanup(r.Kill)
	r.Addr = freeaddr.Need(t)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Redis) start() error {
	_, port, _ := net.SplitHostPort(r.Addr)
	r.cmd = exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", os.TempDir()}, r.args...)...)
	if err := r.cmd.Start(); err != nil {
		return err
	}
	if !await.Until(Patience, r.answers) {
		r.Kill()
		return fmt.Errorf("redis-server does not answer on %s", r.Addr)
	}
	return nil
}

// answers reports whether the server replies to a PING, be it that it wants a password.
func (r *Redis) answers() bool {
	conn, err := net.Dial("tcp", r.Addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	fmt.Fprint(conn, "PING\r\n")
	conn.SetReadDeadline(time.Now().Add(time.Second))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH")
}

// URL returns the server's address as a URL.
func (r *Redis) URL() string { return "redis://" + r.Addr }

// Kill ends the server with SIGKILL.
func (r *Redis) Kill() {
	if r.cmd != nil {
		r.cmd.Process.Signal(syscall.SIGKILL)
		r.cmd.Wait()
		r.cmd = nil
	}
}

// Restart ends the server and starts it again on the same port, empty.
func (r *Redis) Restart() {
	r.t.Helper()
	r.Kill()
	if err := r.start(); err != nil {
		r.t.Fatal(err)
	}
}

// Freeze and Thaw stop the process and let it continue.
func (r *Redis) Freeze() { r.cmd.Process.Signal(syscall.SIGSTOP) }
func (r *Redis) Thaw()   { r.cmd.Process.Signal(syscall.SIGCONT) }

// Do runs a command on a new connection and returns the reply.
func (r *Redis) Do(args ...any) any {
	r.t.Helper()
	c := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	v, err := c.Do(ctx, args...).Result()
	if err != nil {
		r.t.Fatalf("%v: %v", args, err)
	}
	return v
}

// Publish publishes a message.
func (r *Redis) Publish(channel, message string) {
	r.t.Helper()
	r.Do("PUBLISH", channel, message)
}

// A Monitor sees every command that a Redis receives.
type Monitor struct {
	t        testing.TB
	Commands chan []string
	end      func()
}

// Monitor starts a Monitor. It ends with the test, or before by Close.
func (r *Redis) Monitor() *Monitor {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprint(conn, "MONITOR\r\n")
	in := bufio.NewReaderSize(conn, 1<<20)
	if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
		r.t.Fatalf("MONITOR: %q, %v", line, err)
	}
	m := &Monitor{t: r.t, Commands: make(chan []string, 1<<14)}
	done := make(chan struct{})
	m.end = sync.OnceFunc(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			m.Commands <- parseMonitor(line)
		}
	}()
	r.t.Cleanup(m.end)
	return m
}

// Close ends the Monitor, which costs both Redis and the test a lot while it runs.
func (m *Monitor) Close() { m.end() }

// parseMonitor returns the quoted arguments of a line.
func parseMonitor(line string) (args []string) {
	for {
		i := strings.IndexByte(line, '"')
		if i < 0 {
			return args
		}
		quoted, err := strconv.QuotedPrefix(line[i:])
		if err != nil {
			return args
		}
		s, _ := strconv.Unquote(quoted)
		args, line = append(args, s), line[i+len(quoted):]
	}
}

// Published waits for the next PUBLISH and returns its channel and message.
func (m *Monitor) Published() (channel, message string) {
	m.t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		select {
		case args := <-m.Commands:
			if len(args) == 3 && strings.EqualFold(args[0], "publish") {
				return args[1], args[2]
			}
		case <-timeout:
			m.t.Fatal("nothing is published")
		}
	}
}

// StartRedisSubscriber subscribes to a channel, by SUBSCRIBE or SSUBSCRIBE, and ignores what comes, like a server that
// has died without Redis noticing. end, or the test's end, closes the subscription.
func StartRedisSubscriber(t testing.TB, r *Redis, command, channel string) (end func()) {
	t.Helper()
	conn, err := net.Dial("tcp", r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "%s %s\r\n", command, channel)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line[0] != '*' {
		t.Fatalf("%s: %q, %v", command, line, err)
	}
	numsub := "NUMSUB"
	if command == "SSUBSCRIBE" {
		numsub = "SHARDNUMSUB"
	}
	subscribers := func() int64 { return r.Do("PUBSUB", numsub, channel).([]any)[1].(int64) }
	before := subscribers()
	return func() {
		conn.Close()
		if !await.Until(Patience, func() bool { return subscribers() < before }) {
			t.Fatal("Redis does not notice the end of a subscriber")
		}
	}
}
