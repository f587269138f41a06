package adapter

// The lag between servers, measured with one clock: how long a message takes from this server to Redis and back, on the
// connection that brings the other servers' messages.

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// firstProbe is how long after the subscription the first probe follows. One that reached Redis before the
	// subscription did would not come back.
	firstProbe = 200 * time.Millisecond
	// probeLost is when a probe is given up. No other is sent until then, so that a lag longer than the interval is
	// measured too.
	probeLost = time.Minute
	// firstLost is the same while none has come back on a connection: it may have been ahead of the subscription.
	firstLost = 2 * time.Second
)

// A lagProbe is the last probe: whether it has come back, and when it was sent.
type lagProbe struct {
	mu      sync.Mutex
	number  uint64
	sent    time.Time
	waiting bool
	heard   bool // one has come back on this connection
}

// measureLag publishes a probe every RoundTripEvery until the Redis is closed. Nobody else gets it: the channel is this
// server's own, and the adapters' patterns, which have a "#" behind the prefix, do not match it.
func (r *Redis) measureLag() {
	channel := r.opts.Prefix + "-probe#" + newUID(8)
	if !r.awaitProbing(channel) {
		return
	}
	var p lagProbe
	r.events.add(&subscription{
		subscriber: r.events,
		handler: func(_, payload string) {
			if took, ok := p.back(payload, time.Now()); ok {
				r.opts.OnRoundTrip(took)
			}
		},
		uncounted: true,
	}, topic{topicChannel, channel})
	connects := r.Stats().Connects
	for wait := firstProbe; r.pause(wait); wait = r.opts.RoundTripEvery {
		st := r.Stats()
		if !st.Up {
			continue
		}
		if payload, ok := p.next(time.Now(), st.Connects != connects); ok {
			_ = r.publishProbe(channel, payload) // a lost probe is given up in time
		}
		connects = st.Connects
	}
}

// awaitProbing waits until the adapters are connected, so that the probe's subscription is not counted as theirs.
// Then it tries whether probes are allowed: Redis's user may be confined to the adapters' channels, and a
// subscription that is refused would end their connection.
func (r *Redis) awaitProbing(channel string) bool {
	for {
		changed := r.Changed()
		if !r.Stats().Up {
			select {
			case <-changed:
				continue
			case <-r.ctx.Done():
				return false
			}
		}
		err := r.publishProbe(channel, "0")
		switch {
		case err == nil:
			return true
		case strings.HasPrefix(err.Error(), "NOPERM"):
			r.log.Info("the lag between servers is not measured: Redis's user may not use the channels that begin so",
				"channels", r.opts.Prefix+"-probe#", "error", err)
			return false
		}
		if !r.pause(r.opts.RoundTripEvery) {
			return false
		}
	}
}

// publishProbe does not use the outbox: a probe needs no order, and is not to be sent again.
func (r *Redis) publishProbe(channel, payload string) error {
	ctx, cancel := context.WithTimeout(r.ctx, ioTimeout)
	defer cancel()
	return r.client.Publish(ctx, channel, payload).Err()
}

// pause waits for d. It reports false where the Redis is closed before.
func (r *Redis) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// next is the probe to send now. There is none while the last one may still come back: lost says that it cannot, as the
// connection is another one.
func (p *lagProbe) next(now time.Time, lost bool) (payload string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lost {
		p.heard = false
	}
	patience := firstLost
	if p.heard {
		patience = probeLost
	}
	if p.waiting && !lost && now.Sub(p.sent) < patience {
		return "", false
	}
	p.number++
	p.sent, p.waiting = now, true
	return strconv.FormatUint(p.number, 10), true
}

// back takes a probe that has come. It reports false where that is not the one that is waited for.
func (p *lagProbe) back(payload string, now time.Time) (took time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiting || payload != strconv.FormatUint(p.number, 10) {
		return 0, false
	}
	p.waiting, p.heard = false, true
	return now.Sub(p.sent), true
}
