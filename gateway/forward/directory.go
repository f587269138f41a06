package forward

// A node's copy of the registry. A lookup asks the registry only about a tag that the copy does not have; however many
// clients send whatever ids, that is one question for all of them at a time.

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// heartbeat is how often a node renews its record and reads the others'.
	heartbeat = 2 * time.Second
	// retry is how often a node tries again that is not registered.
	retry = 250 * time.Millisecond
	// pace is the shortest time between two rounds.
	pace = 100 * time.Millisecond
	// roundTimeout bounds a round. A request that asks for one waits no longer for a registry that does not answer.
	roundTimeout = time.Second
)

// An owner is a registered node as others see it.
type owner struct {
	Record
	tag  string
	seen time.Time // when it was last read
}

// A directory is a node's copy of the registry, and keeps the node itself registered. It is brought up to date in
// rounds.
type directory struct {
	registry Registry
	tag      string
	own      func() *Record // what this node registers, nil while its address is not known
	log      *slog.Logger
	limited  *slog.Logger // for what clients can cause

	wanted chan struct{} // asks for a round

	mu     sync.RWMutex
	owners map[string]*owner
	// next is closed at the end of the next round to begin.
	next chan struct{}
	// down is whether the last round failed, read when one last succeeded.
	down       bool
	read       time.Time
	registered bool
}

// find returns the node of a tag, nil where there is none. It waits for the registry only where the tag is new to this
// node, and not at all while the registry does not answer.
func (d *directory) find(ctx context.Context, tag string) *owner {
	d.mu.RLock()
	o, down, round := d.owners[tag], d.down, d.next
	d.mu.RUnlock()
	switch {
	case o != nil:
		return o
	case down:
		d.limited.Warn("a session of a node that is not known, and the registry cannot be asked", "tag", tag)
		return nil
	}
	select {
	case d.wanted <- struct{}{}:
	default: // somebody has asked
	}
	select {
	case <-round:
	case <-ctx.Done():
		return nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.owners[tag]
}

// isRegistered reports whether this node has ever been registered.
func (d *directory) isRegistered() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.registered
}

// size is the number of other nodes.
func (d *directory) size() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.owners)
}

// await waits until this node is registered, the registry turns out to be away, or ctx is done.
func (d *directory) await(ctx context.Context) {
	for {
		d.mu.RLock()
		known, round := d.registered || d.down, d.next
		d.mu.RUnlock()
		if known {
			return
		}
		select {
		case <-round:
		case <-ctx.Done():
			return
		}
	}
}

// drop forgets a node that does not listen any more. It comes back with the next round if it is still registered.
func (d *directory) drop(o *owner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owners[o.tag] == o {
		delete(d.owners, o.tag)
	}
}

// run holds rounds until ctx is done: one at each heartbeat, and one as soon as pace allows when somebody asks.
func (d *directory) run(ctx context.Context) {
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.down = true
		close(d.next)
	}()
	for ctx.Err() == nil {
		began := time.Now()
		d.round(ctx)
		pause := heartbeat
		if !d.isRegistered() {
			pause = retry
		}
		beat := time.NewTimer(pause - time.Since(began))
		select {
		case <-beat.C:
		case <-ctx.Done():
		case <-d.wanted:
			beat.Reset(pace - time.Since(began))
			select {
			case <-beat.C:
			case <-ctx.Done():
			}
		}
		beat.Stop()
	}
}

// round renews this node's record and reads the others'. If it fails, the nodes that are known go on being used.
func (d *directory) round(ctx context.Context) {
	d.mu.Lock()
	over := d.next
	d.next = make(chan struct{})
	d.mu.Unlock()
	defer close(over)

	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	now := time.Now()
	own := d.own()
	found, err := d.registry.Exchange(ctx, d.tag, own)

	d.mu.Lock()
	defer d.mu.Unlock()
	away := d.down
	if d.down = err != nil; d.down {
		if !errors.Is(err, context.Canceled) {
			d.limited.Warn("the registry of nodes cannot be read", "error", err)
		}
		close(d.next) // who has come meanwhile need not wait for another failure
		d.next = make(chan struct{})
		return
	}
	d.registered = d.registered || own != nil
	if away {
		// Nobody could renew a record meanwhile. It does not count, so that the others have time to do it now.
		for _, o := range d.owners {
			o.seen = o.seen.Add(now.Sub(d.read))
		}
	}
	d.read = time.Now()
	d.update(found, own)
}

// update takes in what a round has found. d.mu is held.
func (d *directory) update(found map[string]Record, own *Record) {
	now := time.Now()
	for tag, r := range found {
		switch {
		case tag == d.tag:
			continue
		case !r.isUsable():
			d.limited.Warn("a record in the registry of nodes makes no sense", "tag", tag)
			continue
		case own != nil && r.Address == own.Address:
			// A process whose place this one has taken; or two nodes advertise one address.
			continue
		}
		if known := d.owners[tag]; known == nil || known.Record != r {
			d.log.Info("node found", "node", r.Host, "tag", tag, "address", r.Address)
		}
		d.owners[tag] = &owner{Record: r, tag: tag, seen: now}
	}
	for tag, o := range d.owners {
		// A registry that was started anew, empty, has forgotten nodes that are there, for one heartbeat of theirs. A
		// node that really is gone refuses connections meanwhile.
		if now.Sub(o.seen) > RecordLifetime {
			delete(d.owners, tag)
			d.log.Info("node gone", "node", o.Host, "tag", tag, "address", o.Address)
		}
	}
}
