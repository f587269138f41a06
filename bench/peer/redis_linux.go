package peer

// The Redis of the cluster's nodes, which Nest also needs when alone.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Redis is a redis-server for the benchmark, on a free port of 127.0.0.1. It keeps nothing on disk.
type Redis struct{ *process }

// StartRedis runs a redis-server on these cores until Stop or the end of ctx. Pin it to the load's cores: in production
// it has a machine of its own, so here it must not take from the server's.
func StartRedis(ctx context.Context, cores []int) (*Redis, error) {
	for try := 0; ; try++ {
		port, err := FreePort()
		if err != nil {
			return nil, fmt.Errorf("start redis-server: %w", err)
		}
		p, err := start(ctx, []string{"redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "no", "--dir", os.TempDir()}, nil, cores)
		if err != nil {
			return nil, fmt.Errorf("start redis-server: %w", err)
		}
		p.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if err = p.await(ctx, answersRedis); err == nil {
			return &Redis{p}, nil
		}
		words := p.Stop()
		if try == 5 || ctx.Err() != nil { // otherwise somebody may have taken the port
			return nil, fmt.Errorf("start redis-server: %w\n%s", err, words)
		}
	}
}

// URL returns the value for REDIS_URL.
func (r *Redis) URL() string { return "redis://" + r.addr }

func answersRedis(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") {
		err = fmt.Errorf("redis-server answers %q", line)
	}
	return err
}
