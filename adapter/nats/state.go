package nats

// Whether there is a connection, and what happens to it.

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"
)

// A state is what is known of the connection.
type state struct {
	mu      sync.Mutex
	linked  bool // there is a connection
	silent  int  // how often in a row the server at its other end has not answered
	since   time.Time
	server  string
	epoch   int           // how many connections there have been
	changed chan struct{} // closed, and replaced, when any of these change
	local   net.Addr
}

func (s *state) init() { s.since, s.changed = time.Now(), make(chan struct{}) }

func (s *state) up() bool { return s.linked && s.silent < stuckAfter } // mu is held

// set changes what is known.
func (s *state) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.up()
	change()
	if s.up() != before {
		s.since = time.Now()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *state) get() (up bool, since time.Time, server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up(), s.since, s.server
}

// now reports whether messages come and go, over which connection, and returns a channel that is closed when that may
// have changed.
func (s *state) now() (up bool, epoch int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up(), s.epoch, s.changed
}

func (s *state) localAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.local
}

// A noting dialer notes the address of this end.
type noting struct {
	*net.Dialer
	state *state
}

// Dial implements natsio.CustomDialer.
func (n noting) Dial(network, address string) (net.Conn, error) {
	c, err := n.Dialer.Dial(network, address)
	if err == nil {
		n.state.mu.Lock()
		n.state.local = c.LocalAddr()
		n.state.mu.Unlock()
	}
	return c, err
}

// listenTo puts this Broker's handlers before those that a connection has.
func (b *Broker) listenTo(conn *natsio.Conn) {
	alive := func() bool { return b.ctx.Err() == nil }
	reconnected, disconnected := conn.ReconnectHandler(), conn.DisconnectErrHandler()
	closed, failed := conn.ClosedHandler(), conn.ErrorHandler()
	conn.SetReconnectHandler(func(c *natsio.Conn) {
		if alive() {
			b.connected(c)
		}
		if reconnected != nil {
			reconnected(c)
		}
	})
	conn.SetDisconnectErrHandler(func(c *natsio.Conn, err error) {
		if alive() {
			b.disconnected(c, err)
		}
		if disconnected != nil {
			disconnected(c, err)
		}
	})
	conn.SetClosedHandler(func(c *natsio.Conn) {
		if alive() {
			b.closed(c)
		}
		if closed != nil {
			closed(c)
		}
	})
	conn.SetErrorHandler(func(c *natsio.Conn, s *natsio.Subscription, err error) {
		if alive() {
			b.asyncError(c, s, err)
		}
		if failed != nil {
			failed(c, s, err)
		}
	})
}

// connected notes that there is a connection. It may be called twice for the first.
func (b *Broker) connected(conn *natsio.Conn) {
	server := conn.ConnectedUrlRedacted()
	fresh := false
	b.state.set(func() {
		if b.state.linked {
			return
		}
		fresh = true
		b.state.linked, b.state.silent, b.state.server = true, 0, server
		b.state.epoch++
	})
	if fresh {
		b.stats.connects.Add(1)
		b.throttled.Info("connected to NATS", "server", server)
	}
}

// disconnected notes that the connection has ended. The client makes another.
func (b *Broker) disconnected(_ *natsio.Conn, err error) {
	b.state.set(func() { b.state.linked, b.state.server = false, "" })
	if b.ctx.Err() == nil {
		b.throttled.Warn("the connection to NATS is lost; it is made again", "error", err)
	}
}

// notConnected counts an attempt that has failed.
func (b *Broker) notConnected(_ *natsio.Conn, err error) {
	b.throttled.Warn("no connection to NATS; it is tried again", "error", err,
		"failed_total", b.stats.connectErrors.Add(1))
}

// closed notes that there will be no connection any more.
func (b *Broker) closed(*natsio.Conn) {
	b.state.set(func() { b.state.linked, b.state.server = false, "" })
	if b.ctx.Err() == nil {
		b.log.Error("the connection to NATS has been closed: THIS SERVER STANDS ALONE from now on")
	}
}

// asyncError is told by the client what went wrong that nobody waits for.
func (b *Broker) asyncError(_ *natsio.Conn, sub *natsio.Subscription, err error) {
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	if errors.Is(err, natsio.ErrSlowConsumer) && sub != nil {
		if b.listeners.slow(sub) {
			b.throttled.LogAttrs(b.ctx, slog.LevelWarn,
				"more messages from NATS than this process takes: the client drops some",
				slog.String("subject", subject),
				slog.Int("limit_messages", b.opts.PendingMessages),
				slog.Int64("dropped_total", b.stats.slow.Load()))
		}
		return
	}
	b.throttled.Warn("NATS has an error for this server", "subject", subject, "error", err)
}

// A server that has not answered so often in a row, each time for ioTimeout, stands still; a little later it is left
// for another.
const (
	stuckAfter = 2
	leaveAfter = 3
)

// ping sees whether the NATS server answers, and notes it.
func (b *Broker) ping() error {
	ctx, cancel := context.WithTimeout(b.ctx, ioTimeout)
	defer cancel()
	start := time.Now()
	err := b.conn.FlushWithContext(ctx)
	took := time.Since(start)
	switch {
	case err == nil:
		b.stats.roundTrip.Store(int64(took))
		b.state.answered()
		if b.opts.OnRoundTrip != nil {
			b.opts.OnRoundTrip(took)
		}
	case errors.Is(err, context.DeadlineExceeded) && b.conn.IsConnected():
		silent := 0
		b.state.set(func() { b.state.silent++; silent = b.state.silent })
		b.throttled.Warn("the NATS server does not answer", "within", ioTimeout.String(), "times", silent)
		if silent >= leaveAfter && b.own {
			_ = b.conn.ForceReconnect() // the error says that it is closed
		}
	}
	return err
}

// awaitUp waits until there is a connection. It reports false where the Broker is closed, or ctx ends, first.
func (b *Broker) awaitUp(ctx context.Context) bool {
	for b.ctx.Err() == nil && ctx.Err() == nil {
		up, _, changed := b.state.now()
		if up {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-b.ctx.Done():
		}
	}
	return false
}

// jetStreamFailed counts and logs that JetStream has refused something, or has not answered.
func (b *Broker) jetStreamFailed(what string, err error) {
	if b.ctx.Err() == nil {
		b.throttled.LogAttrs(b.ctx, slog.LevelWarn, "JetStream fails; it is tried again", slog.String("what", what),
			slog.Any("error", err), slog.Int64("failed_total", b.stats.journalErrors.Add(1)))
	}
}

// answered notes that the server answers.
func (s *state) answered() {
	s.mu.Lock()
	silent := s.silent
	s.mu.Unlock()
	if silent > 0 {
		s.set(func() { s.silent = 0 })
	}
}

// malformed counts and logs a message that made no sense and is no namespace's.
func (b *Broker) malformed(subject string, err error) {
	b.throttled.LogAttrs(b.ctx, slog.LevelWarn, "malformed message from another server", slog.String("from", subject),
		slog.Any("error", err), slog.Int64("malformed_total", b.stats.inbound.Malformed.Add(1)))
}
