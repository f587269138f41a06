// Package admission decides who gets in: how many guests there may be at once, in all and from each address, how fast
// those of one address may come, and whether there is memory for one more. A guest is whatever the program says.
package admission

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are what a Door keeps. One of 0 is none.
type Limits struct {
	Guests      int     // at once
	FromAddress int     // at once from one address
	Rate        float64 // from one address, per second
	Burst       int     // that may come at one moment, from one address; at least 1 where there is a Rate
	MemoryShare float64 // of the memory limit (GOMEMLIMIT), past which nobody gets in
}

// A Verdict says who gets in, or why not.
type Verdict uint8

const (
	Welcome     Verdict = iota
	Full                // there are as many guests as there may be
	ShortMemory         // the memory limit is near
	AddressFull         // there are as many guests of the address as there may be
	TooFast             // those of the address come too fast
	Verdicts            // how many there are
)

const (
	// maxQuiet bounds how many addresses are remembered that have no guest. Each takes some 250 bytes. Past it the one
	// that was last seen the longest ago is forgotten.
	maxQuiet = 1 << 16
	// sweepAtOnce is how many addresses are forgotten before others get their turn.
	sweepAtOnce = 1 << 10
	// sweepPause is how long a Door waits at least before it looks again whom to forget.
	sweepPause = time.Second
)

// A Door keeps Limits. Its methods may be called from any goroutine.
type Door struct {
	limits Limits
	refill time.Duration // how long an address takes to get its whole burst back

	mu        sync.Mutex // taken while nothing else is
	guests    int
	memory    memory
	addresses map[netip.Addr]*address
	quiet     ring // of those without a guest, the one last seen the longest ago first
	sweeping  bool // a timer calls sweep
}

// An address is what is known of one while it has guests, and until its burst is whole again.
type address struct {
	key        netip.Addr
	door       *Door
	guests     int
	pace       *rate.Limiter // nil without a Rate
	seen       time.Time     // when it became quiet, or was refused since
	prev, next *address      // in Door.quiet, nil elsewhere
}

// A Guest is somebody who has got in. The zero Guest is nobody.
type Guest struct {
	address *address // nil where it does not count
	holds   int      // bytes
}

// NewDoor returns a Door that keeps these limits.
func NewDoor(limits Limits) *Door {
	d := &Door{limits: limits, memory: memory{read: readMemory}}
	d.quiet.init()
	if limits.Rate > 0 {
		d.limits.Burst = max(limits.Burst, 1)
		d.refill = time.Duration(float64(d.limits.Burst) / limits.Rate * float64(time.Second))
	}
	return d
}

// Enter lets in a guest that comes from an address and will hold so many bytes of memory, or says why not. Whoever gets
// in must Leave. An address that is not valid has no limits. IPv6 addresses are told apart by their first 64 bits: a
// single host may have all others at will (RFC 4291, section 2.5.4).
func (d *Door) Enter(from netip.Addr, holds int, now time.Time) (Guest, Verdict) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.limits.Guests > 0 && d.guests >= d.limits.Guests:
		return Guest{}, Full
	case d.limits.MemoryShare > 0 && d.memory.short(d.limits.MemoryShare, now):
		return Guest{}, ShortMemory
	}
	g := Guest{holds: holds}
	if from.IsValid() && (d.limits.FromAddress > 0 || d.limits.Rate > 0) {
		a := d.find(from)
		switch {
		case a.pace != nil && !a.pace.AllowN(now, 1):
			d.rest(a, now)
			return Guest{}, TooFast
		case d.limits.FromAddress > 0 && a.guests >= d.limits.FromAddress:
			return Guest{}, AddressFull
		}
		if a.guests++; a.next != nil {
			d.quiet.remove(a)
		}
		g.address = a
	}
	d.guests++
	d.memory.held += int64(g.holds)
	return g, Welcome
}

// Leave lets a guest out, once.
func (d *Door) Leave(g Guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guests--
	d.memory.held -= int64(g.holds)
	if a := g.address; a != nil {
		if a.guests--; a.guests == 0 {
			d.rest(a, time.Now())
		}
	}
}

// A Counter is told when a guest leaves, once.
type Counter interface{ Ended() }

// Counter returns the Counter of a guest that holds no memory. It takes none itself.
func (d *Door) Counter(g Guest) Counter {
	if g.address == nil {
		return (*noAddress)(d)
	}
	return g.address
}

// Ended implements Counter.
func (a *address) Ended() { a.door.Leave(Guest{address: a}) }

// noAddress is the Counter of guests whose address does not count.
type noAddress Door

// Ended implements Counter.
func (d *noAddress) Ended() { (*Door)(d).Leave(Guest{}) }

// Guests is how many there are.
func (d *Door) Guests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.guests
}

// find returns what is known of an address. mu is held.
func (d *Door) find(from netip.Addr) *address {
	key := from.Unmap().WithZone("")
	if key.Is6() {
		key = netip.PrefixFrom(key, 64).Masked().Addr()
	}
	a := d.addresses[key]
	if a == nil {
		a = &address{key: key, door: d}
		if d.limits.Rate > 0 {
			a.pace = rate.NewLimiter(rate.Limit(d.limits.Rate), d.limits.Burst)
		}
		if d.addresses == nil {
			d.addresses = make(map[netip.Addr]*address)
		}
		d.addresses[key] = a
	}
	return a
}

// rest has an address forgotten when it has been quiet for long enough, unless it has guests. mu is held.
func (d *Door) rest(a *address, now time.Time) {
	if a.guests > 0 {
		return
	}
	if a.next != nil {
		d.quiet.remove(a)
	}
	a.seen = now
	d.quiet.add(a)
	if d.quiet.count > maxQuiet {
		d.forget(d.quiet.first())
	}
	if !d.sweeping {
		d.sweeping = true
		time.AfterFunc(max(d.refill, sweepPause), d.sweep)
	}
}

// forget is called with mu held.
func (d *Door) forget(a *address) {
	d.quiet.remove(a)
	delete(d.addresses, a.key)
	if len(d.addresses) == 0 {
		d.addresses = nil // a map does not shrink
	}
}

// sweep forgets the addresses that have been quiet for long enough, and comes again while there are others.
func (d *Door) sweep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for range sweepAtOnce {
		a := d.quiet.first()
		if a == nil {
			d.sweeping = false
			return
		}
		if due := d.refill - now.Sub(a.seen); due > 0 {
			time.AfterFunc(max(due, sweepPause), d.sweep)
			return
		}
		d.forget(a)
	}
	time.AfterFunc(time.Millisecond, d.sweep)
}

// A ring is a list of addresses. Its own place in it is the end and the beginning.
type ring struct {
	ends  address
	count int
}

func (r *ring) init() { r.ends.prev, r.ends.next = &r.ends, &r.ends }

// first is nil where the list is empty.
func (r *ring) first() *address {
	if r.count == 0 {
		return nil
	}
	return r.ends.next
}

// add puts a at the end.
func (r *ring) add(a *address) {
	a.prev, a.next = r.ends.prev, &r.ends
	a.prev.next, r.ends.prev = a, a
	r.count++
}

func (r *ring) remove(a *address) {
	a.prev.next, a.next.prev = a.next, a.prev
	a.prev, a.next = nil, nil
	r.count--
}
