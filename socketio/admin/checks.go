package admin

// How often strangers may try, and how much of a core that may take.

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// attemptBurst attempts of an address may come at one moment, and attemptEvery another one.
	attemptBurst = 10
	attemptEvery = 6 * time.Second
	// attemptAddresses bounds the addresses that are counted apart. Further ones share a limit.
	attemptAddresses = 4096
)

// attempts counts what each address has tried. An address of IPv6 is its first 64 bits.
type attempts struct {
	mu     sync.Mutex
	by     map[netip.Prefix]*rate.Limiter
	others *rate.Limiter // of addresses for which there is no room
	swept  time.Time
}

func newAttempts() *attempts {
	return &attempts{by: make(map[netip.Prefix]*rate.Limiter), others: newAttemptLimiter()}
}

func newAttemptLimiter() *rate.Limiter {
	return rate.NewLimiter(rate.Every(attemptEvery), attemptBurst)
}

// allow reports whether address may try once more.
func (t *attempts) allow(address string) bool {
	key := network(address)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.by[key]
	if l == nil {
		if len(t.by) >= attemptAddresses && time.Since(t.swept) > attemptEvery {
			t.sweep()
		}
		if l = t.others; len(t.by) < attemptAddresses {
			l = newAttemptLimiter()
			t.by[key] = l
		}
	}
	return l.Allow()
}

// forgive forgets what an address has tried: it has got in.
func (t *attempts) forgive(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, network(address))
}

// sweep drops those who have not tried for so long that it makes no difference. mu is held.
func (t *attempts) sweep() {
	t.swept = time.Now()
	for key, l := range t.by {
		if l.Tokens() >= attemptBurst {
			delete(t.by, key)
		}
	}
}

// network is the addresses that count as one. What is no address is the zero Prefix.
func network(address string) netip.Prefix {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // as many bits as there are
	return p
}

// checks lets one password be checked at a time, with a rest behind each, and bounds who waits for that.
type checks struct {
	turn    chan struct{} // of one: in it while nobody has the turn
	waiting chan struct{}
}

func newChecks() *checks {
	c := &checks{turn: make(chan struct{}, 1), waiting: make(chan struct{}, checksWaiting)}
	c.turn <- struct{}{}
	return c
}

// enter waits for the turn. release gives it back after a rest. The error is errBusy where too many wait, or ctx is
// done first.
func (c *checks) enter(ctx context.Context) (release func(rest time.Duration), err error) {
	select {
	case c.waiting <- struct{}{}:
	default:
		return nil, errBusy
	}
	defer func() { <-c.waiting }()
	select {
	case <-c.turn:
	case <-ctx.Done():
		return nil, errBusy
	}
	return func(rest time.Duration) {
		time.AfterFunc(rest, func() { c.turn <- struct{}{} })
	}, nil
}
