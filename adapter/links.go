package adapter

// A subscriber's connections: one, and on a Redis Cluster one more to each master whose sharded channels are wanted.

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// links are the connections of one session of a subscriber. Any of them failing is the end of all: the next session
// finds out anew who serves what.
type links struct {
	main    *redis.PubSub
	cluster *redis.ClusterClient // nil where the main connection is the only one
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

func newLinks(ctx context.Context, client redis.UniversalClient) *links {
	l := &links{}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.main = client.Subscribe(l.ctx)
	if cluster, ok := client.(*redis.ClusterClient); ok {
		cluster.ReloadState(l.ctx) // the last session may have ended because a master did
		l.cluster, l.arrivals, l.masters = cluster, make(chan arrival, 256), make(map[string]*redis.PubSub)
	}
	return l
}

// begin makes sure that there is a main connection, and that it is not silent as long as it lives.
func (l *links) begin(ctx context.Context) error {
	if err := l.main.Ping(ctx); err != nil {
		return err
	}
	if l.cluster == nil {
		l.readers.Go(func() { ping(l.ctx, l.main) })
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read(l.main)
	return nil
}

// read hands on what conn receives. It is called with mu held.
func (l *links) read(conn *redis.PubSub) {
	if l.masters == nil {
		return // closed
	}
	l.readers.Go(func() { ping(l.ctx, conn) })
	l.readers.Go(func() {
		for {
			msg, err := receive(l.ctx, conn, pingAfter+deadAfter)
			l.arrive(arrival{msg, err})
			if err != nil {
				return
			}
		}
	})
}

func (l *links) arrive(a arrival) {
	select {
	case l.arrivals <- a:
	case <-l.ctx.Done():
	}
}

// receive waits for a message of any connection. An error is the end.
func (l *links) receive(wait time.Duration) (any, error) {
	if l.cluster == nil {
		return receive(l.ctx, l.main, wait)
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case a := <-l.arrivals:
		return a.msg, a.err
	case <-timeout.C:
		return nil, context.DeadlineExceeded
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
}

// send tells Redis whether a topic is wanted. An error shows in receive too.
func (l *links) send(ctx context.Context, t topic, wanted bool) error {
	conn := l.main
	if t.kind == topicShard && l.cluster != nil {
		var err error
		if conn, err = l.master(ctx, t.name); err != nil {
			l.arrive(arrival{err: err})
			return err
		}
	}
	return send(ctx, conn, t, wanted)
}

// master is the connection to the server of a sharded channel.
func (l *links) master(ctx context.Context, channel string) (*redis.PubSub, error) {
	client, err := l.cluster.MasterForKey(ctx, channel)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.masters == nil {
		return nil, context.Canceled
	}
	addr := client.Options().Addr
	conn := l.masters[addr]
	if conn == nil {
		conn = client.Subscribe(l.ctx)
		if err := conn.Ping(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		l.masters[addr] = conn
		l.read(conn)
	}
	return conn, nil
}

// close ends the connections, and wakes who receives. It may be called more than once.
func (l *links) close() {
	l.cancel()
	_ = l.main.Close()
	l.mu.Lock()
	for _, conn := range l.masters {
		_ = conn.Close()
	}
	l.masters = nil
	l.mu.Unlock()
}
