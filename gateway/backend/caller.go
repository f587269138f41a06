package backend

// A request to the backend, from the breaker's yes to the answer's last byte.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotrace"
)

// firstBackoff is how long the first retry waits, about; each further one waits twice as long.
const firstBackoff = 50 * time.Millisecond

// A caller makes the requests. Its methods may be called from any goroutine.
type caller struct {
	settings settings
	log      *slog.Logger
	traces   *socketiotrace.Traces
	node     string // for ce-node
	sender   sender
	signers  []*signer
	scratch  sync.Pool // of *[]byte, for what is signed
	slots    slots
	breaker  breaker
	metrics  *metrics
	messages atomic.Uint64
	idPrefix string // of ce-id: no other gateway has it, and this one not after its next start

	life context.Context // ends with close
	end  context.CancelFunc
}

func newCaller(c settings, node gateway.Node) *caller {
	life, end := context.WithCancel(context.Background())
	t := &caller{
		scratch:  sync.Pool{New: func() any { return new([]byte) }},
		settings: c, log: node.Log, traces: node.Traces, node: headerText(node.Hostname),
		sender: traced(newSender(c), node.Traces, c.url),
		slots: slots{
			taken: make(chan struct{}, c.concurrency), most: int64(c.waiting), patience: c.timeout,
			stopped: life.Done(),
		},
		breaker: breaker{now: time.Now}, metrics: newMetrics(), idPrefix: engineio.NewID() + "-", life: life, end: end,
	}
	for _, secret := range c.secrets {
		t.signers = append(t.signers, newSigner(secret))
	}
	return t
}

// call makes a request, and counts and logs what goes wrong. ctx has values; its end is not the request's, because the
// backend is to hear of what a client has done before it went.
func (c *caller) call(ctx context.Context, m *message) (*response, *failure) {
	r, f := c.admitted(ctx, m, (*slots).take)
	if f == nil {
		return r, nil
	}
	c.traces.Failed(ctx, f.code)
	c.failed(m.kind, f)
	return nil, f
}

// failed counts and logs a failure.
func (c *caller) failed(k kind, f *failure) {
	c.metrics.count(k, outcomeOf(f.code))
	if f.err != nil {
		c.log.Warn("a request to the backend failed", "kind", kinds[k], "code", f.code, "error", f.err)
	}
}

// admitted makes a request once the breaker and the slots let it.
func (c *caller) admitted(ctx context.Context, m *message, take func(*slots) *failure) (*response, *failure) {
	if c.breaker.refuses() {
		return nil, failed(codeUnavailable)
	}
	if f := take(&c.slots); f != nil {
		return nil, f
	}
	defer c.slots.give()
	if !c.breaker.begin() { // it has opened meanwhile
		return nil, failed(codeUnavailable)
	}
	r, v, f := c.attempts(ctx, m)
	if opened, closed := c.breaker.end(v); opened {
		c.log.Error("the backend is away: requests are refused until it is back", "error", f.err)
	} else if closed {
		c.log.Info("the backend is back")
	}
	return r, f
}

// attempts makes a request, and again where it has surely not reached the backend.
func (c *caller) attempts(ctx context.Context, m *message) (*response, verdict, *failure) {
	for attempt := 0; ; attempt++ {
		r, v, f := c.attempt(ctx, m)
		if v != away || f.maybe || attempt == c.settings.retries {
			return r, v, f
		}
		c.metrics.retries.Add(1)
		pause := firstBackoff << attempt
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-c.life.Done():
			return nil, nothing, f
		}
	}
}

// attempt makes a request once, and judges what comes of it.
func (c *caller) attempt(ctx context.Context, m *message) (*response, verdict, *failure) {
	began := time.Now()
	r, sent, err := c.send(ctx, m, began)
	c.metrics.observe(m.kind, time.Since(began))
	switch {
	case err == nil && isAway(r.status):
		err := fmt.Errorf("it answers with status %d", r.status)
		return nil, away, &failure{code: codeUnavailable, err: err, maybe: true}
	case err == nil:
		return r, reached, nil
	case errors.Is(err, errTooLarge):
		return nil, reached, &failure{code: codeError, err: err, maybe: true}
	case c.life.Err() != nil:
		return nil, nothing, &failure{code: codeUnavailable, maybe: sent}
	case !sent:
		return nil, away, &failure{code: codeUnavailable, err: err}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("no answer within %v", c.settings.timeout)
		return nil, silent, &failure{code: codeTimeout, err: err, maybe: true}
	}
	return nil, away, &failure{code: codeError, err: err, maybe: true}
}

// isAway reports whether a status is a proxy's word that what is behind it is not there.
func isAway(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable ||
		status == http.StatusGatewayTimeout
}

// send is the one place from which requests go out: it sends a message and returns the whole answer. sent is false
// where the backend has surely not had it. ctx has the values of the event's; its end is not the request's.
func (c *caller) send(ctx context.Context, m *message, now time.Time) (r *response, sent bool, err error) {
	signature := ""
	if len(c.signers) > 0 {
		signature = c.signature(m, now)
	}
	return c.sender.send(ctx, m, signature, now.Add(c.settings.timeout))
}

// fault counts and logs an answer that is wrong.
func (c *caller) fault(ctx context.Context, k kind, err error) {
	c.traces.Failed(ctx, codeError)
	c.metrics.count(k, outcomeError)
	c.log.Warn("the backend has answered something wrong", "kind", kinds[k], "error", err)
}

// close ends all requests, and the connections.
func (c *caller) close() {
	c.end()
	c.sender.close()
}
