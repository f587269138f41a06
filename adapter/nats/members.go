package nats

// Who is there: the processes of the cluster, and their namespaces. NATS does not say how many listen to a subject, so
// they give signs of life. NATS does say where nobody listens, and who is silent is asked after.

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	natsio "github.com/nats-io/nats.go"
)

const (
	// beatEvery is how often a process gives a sign of life.
	beatEvery = time.Second
	// silentAfter is when one that gives none is asked after.
	silentAfter = 2500 * time.Millisecond
	// goneAfter is when it counts as gone where NATS cannot say (no_header_support).
	goneAfter = 30 * time.Second
	// settleTime is how long after a question to all their answers are waited for before they are counted.
	settleTime = time.Second
	// returnTime is how long after an outage those are counted that were there before and are not heard again yet.
	returnTime = 5 * time.Second
	// othersPatience is how long, after an outage, what is said waits for the others to be heard again.
	othersPatience = 3 * time.Second
)

// A member is another process as this one knows it.
type member struct {
	version uint64
	known   bool // its namespaces are those of that version
	has     map[string]struct{}
	partial []string  // of a list that is still coming
	heard   time.Time // its last sign of life
	epoch   int       // the connection that this came on
	asked   time.Time // when its namespaces were last asked for
}

// members are the other processes, and what they are told of this one.
type members struct {
	broker  *Broker
	conn    *natsio.Conn
	id      string
	subject string

	wake chan struct{} // there is something to be told

	mu      sync.Mutex
	of      map[string]*member
	own     map[string]int // namespaces, as tokens, and how many adapters they have here
	version uint64
	changes []told              // of own, not told yet
	answer  bool                // somebody wants to know who is there
	ask     map[string]struct{} // whose namespaces are to be asked for
	epoch   int                 // the connection on which all have been asked
	settled time.Time           // when the answers to that are in
	turned  chan struct{}       // closed, and replaced, when any of this changes
}

func newMembers(b *Broker) *members {
	return &members{
		broker: b, id: b.ID(), subject: b.opts.Prefix + ".members", wake: make(chan struct{}, 1),
		of: make(map[string]*member), own: make(map[string]int), ask: make(map[string]struct{}),
		turned: make(chan struct{}),
	}
}

// listen makes the subscriptions.
func (m *members) listen() {
	b := m.broker
	gone := b.opts.Prefix + ".gone." + m.id + "."
	for _, s := range []*listener{
		{subject: m.subject, raw: m.hear},
		{subject: b.opts.Prefix + ".ping." + m.id, raw: func(*natsio.Msg) { m.wanted() }},
		{subject: gone + "*", raw: func(msg *natsio.Msg) {
			if msg.Header.Get("Status") == "503" { // nobody listens
				m.noResponder(msg.Subject[len(gone):])
			}
		}},
	} {
		b.listeners.change(func() { b.listeners.add(s) })
	}
}

// change changes what is known, with mu held, and tells who waits for it.
func (m *members) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.turned)
	m.turned = make(chan struct{})
}

func (m *members) kick() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// join notes that this process has a namespace. Its subscriptions have been made.
func (m *members) join(token string) {
	m.change(func() {
		if m.own[token]++; m.own[token] == 1 {
			m.version++
			m.changes = append(m.changes, told{ID: m.id, Version: m.version, Join: token})
		}
	})
	m.kick()
}

// drop notes that an adapter of a namespace is closed.
func (m *members) drop(token string) {
	m.change(func() {
		if m.own[token]--; m.own[token] == 0 {
			delete(m.own, token)
			m.version++
			m.changes = append(m.changes, told{ID: m.id, Version: m.version, Leave: token})
		}
	})
	m.kick()
}

// wanted notes that somebody wants to know whether this process is there.
func (m *members) wanted() {
	m.change(func() { m.answer = true })
	m.kick()
}

func (m *members) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.of)
}

// hear takes what another process tells of itself.
func (m *members) hear(msg *natsio.Msg) {
	var t told
	if err := json.Unmarshal(msg.Data, &t); err != nil || !isID(t.ID) {
		m.broker.malformed(msg.Subject, errMember)
		return
	}
	if t.ID == m.id {
		return
	}
	_, epoch, _ := m.broker.state.now()
	m.change(func() { m.take(&t, epoch) })
	if t.Hello || t.Ask == m.id {
		m.wanted()
	}
}

var errMember = errors.New("nats: malformed sign of life")

func isID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == len(process{})
}

// More processes, and namespaces of one, than there will ever be.
const (
	mostMembers    = 10_000
	mostNamespaces = 1_000_000
)

// take is called with mu held.
func (m *members) take(t *told, epoch int) {
	if t.Bye {
		delete(m.of, t.ID)
		return
	}
	p := m.of[t.ID]
	if p == nil {
		if len(m.of) >= mostMembers {
			return
		}
		p = &member{has: make(map[string]struct{})}
		m.of[t.ID] = p
	}
	p.heard, p.epoch = time.Now(), epoch
	switch {
	case t.Whole:
		p.has = make(map[string]struct{})
		for _, token := range append(p.partial, t.All...) {
			p.has[token] = struct{}{}
		}
		p.partial, p.known, p.version = nil, true, t.Version
	case t.More:
		if p.partial = append(p.partial, t.All...); len(p.partial) > mostNamespaces {
			p.partial, p.known = nil, false
		}
	case t.Join+t.Leave != "" && p.known && t.Version == p.version+1:
		p.version++
		if t.Join != "" {
			p.has[t.Join] = struct{}{}
		} else {
			delete(p.has, t.Leave)
		}
	case t.Version != p.version:
		p.known = false
	}
	if !p.known && time.Since(p.asked) > beatEvery/2 && !t.More {
		p.asked = time.Now()
		m.ask[t.ID] = struct{}{}
		m.kick()
	}
}

// noResponder notes that NATS knows nobody who listens to a process. Just after an outage it may only be on its way.
func (m *members) noResponder(id string) {
	_, since, _ := m.broker.state.get()
	if time.Since(since) < returnTime {
		return
	}
	m.change(func() {
		if p := m.of[id]; p != nil && time.Since(p.heard) > silentAfter {
			delete(m.of, id)
		}
	})
}

// others is how many other processes have a namespace. The error means that there may be more. Without a connection it
// does not wait; just after one was made it waits until those who are there have answered.
func (m *members) others(ctx context.Context, token string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, m.broker.opts.RequestsTimeout)
	defer cancel()
	for {
		up, epoch, changed := m.broker.state.now()
		if !up {
			return 0, errAway
		}
		m.mu.Lock()
		n, unknown := 0, 0
		for _, p := range m.of {
			if _, has := p.has[token]; has {
				n++
			} else if !p.known {
				unknown++
			}
		}
		wait, turned := settleTime, m.turned
		if m.epoch == epoch {
			wait = time.Until(m.settled)
		}
		m.mu.Unlock()
		if wait <= 0 && unknown == 0 {
			return n, nil
		}
		late := time.NewTimer(max(wait, 10*time.Millisecond))
		select {
		case <-late.C:
		case <-turned:
		case <-changed:
		case <-ctx.Done():
			late.Stop()
			return n, errUnsettled
		}
		late.Stop()
	}
}

// awaitOthers waits, on a new connection, until those are heard again who were there before, and not for long: they may
// be gone. It reports false where that is no longer the connection.
func (m *members) awaitOthers(epoch int) bool {
	late := time.NewTimer(othersPatience)
	defer late.Stop()
	for {
		up, now, changed := m.broker.state.now()
		if !up || now != epoch || m.broker.ctx.Err() != nil {
			return false
		}
		m.mu.Lock()
		waiting, turned := m.epoch != epoch, m.turned
		for _, p := range m.of {
			waiting = waiting || p.epoch != epoch
		}
		m.mu.Unlock()
		if !waiting {
			return true
		}
		select {
		case <-turned:
		case <-changed:
		case <-m.broker.ctx.Done():
		case <-late.C:
			return true
		}
	}
}
