package adapter

// The lag between servers, measured without trusting anybody's clock: how long what is published takes to come back to the
// server that published it, through Redis and the connection that brings the other servers' messages.

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// firstProbe is when, after its subscription has been asked for, the first probe follows: one that goes to Redis before
	// would not come back.
	firstProbe = 200 * time.Millisecond
	// probeLost is when a probe is given up. Until then it is waited for, rather than another one sent: a lag that is longer
	// than the interval is measured too.
	probeLost = time.Minute
)

// A lagProbe is what has been sent and not come back.
type lagProbe struct {
	mu      sync.Mutex
	number  uint64
	sent    time.Time
	waiting bool
}

// measureLag publishes a probe every so often, until the Redis is closed. Its channel is this server's own: no pattern of
// an adapter begins like it (those have a "#" behind the prefix), so that nobody else gets a probe.
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
	for wait := min(firstProbe, r.opts.RoundTripEvery); r.pause(wait); wait = r.opts.RoundTripEvery {
		st := r.Stats()
		if !st.Up {
			continue
		}
		if payload, ok := p.next(time.Now(), st.Connects != connects); ok {
			_ = r.publishProbe(channel, payload) // what is lost is given up
		}
		connects = st.Connects
	}
}

// awaitProbing waits until the adapters are connected, so that a probe's subscription is not taken for theirs, and finds
// out whether probes are allowed: a user of Redis may be confined to the adapters' channels, and a subscription that is
// refused would end their connection.
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

// publishProbe goes past the outbox: the order of the messages in that, and what is tried again, is none of its business.
func (r *Redis) publishProbe(channel, payload string) error {
	ctx, cancel := context.WithTimeout(r.ctx, ioTimeout)
	defer cancel()
	return r.client.Publish(ctx, channel, payload).Err()
}

// pause reports false where the Redis is closed before d has passed.
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

// next is the probe to send now, if the last one has come back or is lost: so it is where the connection is another one.
func (p *lagProbe) next(now time.Time, lost bool) (payload string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting && !lost && now.Sub(p.sent) < probeLost {
		return "", false
	}
	p.number++
	p.sent, p.waiting = now, true
	return strconv.FormatUint(p.number, 10), true
}

// back takes what has come; it reports false where that is not the probe that is waited for.
func (p *lagProbe) back(payload string, now time.Time) (took time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiting || payload != strconv.FormatUint(p.number, 10) {
		return 0, false
	}
	p.waiting = false
	return now.Sub(p.sent), true
}
