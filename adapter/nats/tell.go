package nats

// What a process tells the others of itself.

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	// answerEvery is how often a process answers to all at most, however many ask.
	answerEvery = 50 * time.Millisecond
	// toldBytes is about how much of a list of namespaces goes into one message.
	toldBytes = 64 << 10
)

// A told is what a process tells the others of itself.
type told struct {
	ID      string   `json:"id"`
	Version uint64   `json:"v"`               // how often its namespaces have changed
	Hello   bool     `json:"hello,omitempty"` // it wants to know who is there
	Ask     string   `json:"ask,omitempty"`   // the id of the one whose namespaces it wants to know
	Join    string   `json:"join,omitempty"`  // a namespace, as a token, that it has now
	Leave   string   `json:"leave,omitempty"` // one that it has no longer
	All     []string `json:"all,omitempty"`   // all that it has, or some of them
	More    bool     `json:"more,omitempty"`  // more of them follow
	Whole   bool     `json:"whole,omitempty"` // All is of this message, and those with More just before
	Bye     bool     `json:"bye,omitempty"`   // it leaves
}

// run tells the others of this process, until the Broker is closed.
func (m *members) run() {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	var answered time.Time
	for m.broker.ctx.Err() == nil {
		up, epoch, changed := m.broker.state.now()
		switch {
		case up && epoch != m.epochAsked():
			m.hello(epoch)
			continue
		case up:
			answered = m.tell(answered)
		}
		select {
		case <-changed:
		case <-m.wake:
		case <-beat.C:
			m.broker.listeners.countAllSlow()
			if m.conn.IsConnected() {
				m.beat()
			} else if err := m.conn.LastError(); err != nil { // of all attempts the client tells of the first alone
				m.broker.throttled.Warn("there is no connection to NATS", "error", err)
			}
		case <-m.broker.ctx.Done():
		}
	}
}

func (m *members) epochAsked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// hello asks on a new connection who is there, once NATS has this process's subscriptions.
func (m *members) hello(epoch int) {
	if m.broker.ping() != nil {
		return
	}
	m.mu.Lock()
	t := told{ID: m.id, Version: m.version, Hello: true}
	m.changes, m.answer = nil, true // all are told everything
	m.mu.Unlock()
	if m.publish(t) == nil {
		m.change(func() { m.epoch, m.settled = epoch, time.Now().Add(settleTime) })
	}
}

// tell tells what there is to be told. answered is when everything was last told.
func (m *members) tell(answered time.Time) time.Time {
	var list []told
	m.mu.Lock()
	list, m.changes = m.changes, nil
	for id := range m.ask {
		list = append(list, told{ID: m.id, Version: m.version, Ask: id})
	}
	clear(m.ask)
	if m.answer {
		if wait := answerEvery - time.Since(answered); wait > 0 {
			time.AfterFunc(wait, m.kick)
		} else {
			m.answer, answered = false, time.Now()
			list = append(list, m.everything()...)
		}
	}
	m.mu.Unlock()
	for _, t := range list {
		if m.publish(t) != nil {
			m.change(func() { m.answer = true })
			break
		}
	}
	return answered
}

// everything is all that this process tells of itself, in one message or more. mu is held.
func (m *members) everything() (list []told) {
	t, bytes := told{ID: m.id, Version: m.version}, 0
	for _, token := range slices.Sorted(maps.Keys(m.own)) {
		if bytes += len(token); bytes > toldBytes && len(t.All) > 0 {
			t.More = true
			list = append(list, t)
			t, bytes = told{ID: m.id, Version: m.version}, len(token)
		}
		t.All = append(t.All, token)
	}
	t.Whole = true
	return append(list, t)
}

// beat gives a sign of life, asks after those who give none, and sees whether the server answers.
func (m *members) beat() {
	answers := m.conn.HeadersSupported() // NATS says where nobody listens
	m.mu.Lock()
	t := told{ID: m.id, Version: m.version - uint64(len(m.changes))}
	var silent []string
	for id, p := range m.of {
		switch quiet := time.Since(p.heard); {
		case quiet > goneAfter && !answers:
			delete(m.of, id)
		case quiet > silentAfter:
			silent = append(silent, id)
		case !p.known:
			m.ask[id] = struct{}{}
		}
	}
	m.mu.Unlock()
	_ = m.publish(t) // ping finds out
	for _, id := range silent {
		prefix := m.broker.opts.Prefix
		_ = m.conn.PublishRequest(prefix+".ping."+id, prefix+".gone."+m.id+"."+id, nil)
	}
	_ = m.broker.ping()
}

func (m *members) publish(t told) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return m.conn.Publish(m.subject, text)
}

// leave tells the others that this process leaves.
func (m *members) leave(ctx context.Context) {
	if up, _, _ := m.broker.state.now(); !up {
		return
	}
	if m.publish(told{ID: m.id, Bye: true}) == nil {
		ctx, cancel := context.WithTimeout(ctx, ioTimeout)
		defer cancel()
		_ = m.conn.FlushWithContext(ctx) // else they find out
	}
}
