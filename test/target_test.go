package test

// The services under test: the gateway, the Nest service that it replaces, and the Redis that Nest needs. All listen on
// free loopback ports.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"websocket-escalonavel/test/wire"
)

// A target is a chat service that can be started, stopped and started again on the same address.
type target struct {
	name    string // nest or gateway
	addr    string // host:port
	env     []string
	program string
	args    []string
	child   *child
}

func (tg *target) url() string { return "http://" + tg.addr }

// start starts the service and waits until it answers.
func (tg *target) start() error {
	host, port, err := net.SplitHostPort(tg.addr)
	if err != nil {
		return err
	}
	env := append([]string{"HOST=" + host, "PORT=" + port}, tg.env...)
	if tg.child, err = startChild(env, tg.program, tg.args...); err != nil {
		return err
	}
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case <-tg.child.ended:
			return fmt.Errorf("%s ended while starting:\n%s\n%s", tg.name, tg.child.stdout.tail(), tg.child.stderr.tail())
		case <-time.After(20 * time.Millisecond):
		}
		response, err := wire.Do(tg.addr, wire.Request{Method: "GET", Target: "/"}, time.Second)
		if err == nil && response.Code == 200 {
			return nil
		}
	}
	tg.child.kill()
	return fmt.Errorf("%s does not answer on %s:\n%s\n%s", tg.name, tg.addr, tg.child.stdout.tail(), tg.child.stderr.tail())
}

// stop ends the service with SIGTERM. A data race that it reported is an error.
func (tg *target) stop() error {
	if err := tg.child.stop(); err != nil {
		return fmt.Errorf("stop %s: %w", tg.name, err)
	}
	return nil
}

// newTarget describes a service of the given name with further environment variables; it is not started.
func newTarget(name string, env ...string) (*target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	tg := &target{name: name, addr: addr, env: env}
	switch name {
	case "nest":
		redis, err := sharedRedis()
		if err != nil {
			return nil, err
		}
		tg.env = append([]string{"REDIS_URL=redis://" + redis.addr, "NO_COLOR=1"}, env...)
		tg.program, tg.args = "node", []string{"js/nest/main.mjs"}
	case "gateway":
		// A port without a Redis: the gateway has to serve the chat on one node all the same.
		tg.program = gatewayBinary()
	default:
		return nil, fmt.Errorf("no service is called %q", name)
	}
	return tg, nil
}

// startTarget starts a service of a test's own and ends it with the test.
func startTarget(t *testing.T, name string, env ...string) *target {
	t.Helper()
	tg, err := newTarget(name, env...)
	if err != nil {
		t.Fatal(err)
	}
	if err := tg.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tg.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s\n%s", name, tg.child.stdout.tail(), tg.child.stderr.tail())
		}
	})
	return tg
}

// freeAddr is a loopback address on which nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// eachTarget runs a test against every service that is to be tested.
func eachTarget(t *testing.T, test func(t *testing.T, name string)) {
	for _, name := range []string{"nest", "gateway"} {
		if wants(name) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, name)
			})
		}
	}
}

// Services that many tests share: started when first needed, ended by TestMain.
var shared struct {
	mu    sync.Mutex
	stops []func() error
}

func stopShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	var errs []error
	for i := len(shared.stops) - 1; i >= 0; i-- {
		errs = append(errs, shared.stops[i]())
	}
	return errors.Join(errs...)
}

func stopAtEnd(stop func() error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.stops = append(shared.stops, stop)
}

// A redis is a Redis server without persistence.
type redis struct {
	addr  string
	child *child
}

var sharedRedis = sync.OnceValues(func() (*redis, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(workDir, "redis")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	c, err := startChild(nil, "redis-server", "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, err
	}
	stopAtEnd(c.stop)
	for range 500 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return &redis{addr, c}, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("redis-server does not listen:\n%s", c.stdout.tail())
})
