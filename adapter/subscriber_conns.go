package adapter

// A subscriber's connections: one, and on a Redis Cluster one more to each master that has sharded channels we want.

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// pubsubConns are the connections of one session of a subscriber. When one fails, all are closed: the next session
// finds out anew which master has which channels.
type pubsubConns struct {
	main    *redis.PubSub
	cluster *redis.ClusterClient // nil unless it is a Cluster
	ctx     context.Context
	cancel  context.CancelFunc

	arrivals chan arrival // of a Cluster
	readers  sync.WaitGroup

	mu      sync.Mutex
	masters map[string]*redis.PubSub // by address; nil once closed
}

// arrival is what a connection has received.
type arrival struct {
	msg any
	err error
}

func newPubSubConns(ctx context.Context, client redis.UniversalClient) *pubsubConns {
	c := &pubsubConns{}
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.main = client.Subscribe(c.ctx)
	if cluster, ok := client.(*redis.ClusterClient); ok {
		cluster.ReloadState(c.ctx) // the last session may have ended because a master did
		c.cluster, c.arrivals, c.masters = cluster, make(chan arrival, 256), make(map[string]*redis.PubSub)
	}
	return c
}

// begin dials the main connection and keeps it from being silent.
func (c *pubsubConns) begin(ctx context.Context) error {
	if err := c.main.Ping(ctx); err != nil {
		return err
	}
	if c.cluster == nil {
		c.readers.Go(func() { ping(c.ctx, c.main) })
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read(c.main)
	return nil
}

// read hands on what conn receives. It is called with mu held.
func (c *pubsubConns) read(conn *redis.PubSub) {
	if c.masters == nil {
		return // closed
	}
	c.readers.Go(func() { ping(c.ctx, conn) })
	c.readers.Go(func() {
		for {
			msg, err := receive(c.ctx, conn, pingAfter+deadAfter)
			c.arrive(arrival{msg, err})
			if err != nil {
				return
			}
		}
	})
}

func (c *pubsubConns) arrive(a arrival) {
	select {
	case c.arrivals <- a:
	case <-c.ctx.Done():
	}
}

// receive waits for a message on any connection. After an error the connections are of no use.
func (c *pubsubConns) receive(wait time.Duration) (any, error) {
	if c.cluster == nil {
		return receive(c.ctx, c.main, wait)
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case a := <-c.arrivals:
		return a.msg, a.err
	case <-timeout.C:
		return nil, context.DeadlineExceeded
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
}

// send tells Redis whether a topic is wanted. receive sees the error too.
func (c *pubsubConns) send(ctx context.Context, t topic, wanted bool) error {
	conn := c.main
	if t.kind == topicShard && c.cluster != nil {
		var err error
		if conn, err = c.master(ctx, t.name); err != nil {
			c.arrive(arrival{err: err})
			return err
		}
	}
	return send(ctx, conn, t, wanted)
}

// master is the connection to the server of a sharded channel.
func (c *pubsubConns) master(ctx context.Context, channel string) (*redis.PubSub, error) {
	client, err := c.cluster.MasterForKey(ctx, channel)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.masters == nil {
		return nil, context.Canceled
	}
	addr := client.Options().Addr
	conn := c.masters[addr]
	if conn == nil {
		conn = client.Subscribe(c.ctx)
		if err := conn.Ping(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		c.masters[addr] = conn
		c.read(conn)
	}
	return conn, nil
}

// close ends the connections and wakes receive. It may be called more than once.
func (c *pubsubConns) close() {
	c.cancel()
	_ = c.main.Close()
	c.mu.Lock()
	for _, conn := range c.masters {
		_ = conn.Close()
	}
	c.masters = nil
	c.mu.Unlock()
}
