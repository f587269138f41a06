//go:build linux

package main

// Clients that lose their node, and resume their sessions at others.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A member is what a client needs to resume its session, over several connections, and what it has heard.
type member struct {
	node   string
	client *load.Client
	loop   *load.Loop

	pid, offset string
	resumed     bool // its session was

	next     int64 // number of the broadcast that is due
	received int64
	repeated int64
	target   int64 // what it has to have heard to have caught up, once it is back
	caughtAt int64
	backAt   int64
	back     bool
	highest  *int64 // of the worker's members
}

// packet takes note of a packet: who the client is, and what it has heard last.
func (m *member) packet(head []byte) {
	switch head[1] {
	case '0':
		var session struct{ PID string }
		_ = json.Unmarshal(head[2:], &session) // without one there is nothing to resume, which is counted
		if m.pid != "" {
			m.resumed = session.PID == m.pid
		}
		m.pid = session.PID
		if m.loop != nil {
			m.back, m.backAt, m.target = true, m.loop.Now(), *m.highest
		}
	case '2':
		if offset := lastString(head); offset != "" {
			m.offset = offset
		}
		if m.loop == nil {
			return
		}
		if number, _, ok := load.FindStamp(head); ok {
			m.hear(number)
		}
	}
}

func (m *member) hear(number int64) {
	if number < m.next {
		m.repeated++
		return
	}
	m.received++
	m.next = number + 1
	*m.highest = max(*m.highest, number)
	if m.back && m.resumed && m.caughtAt == 0 && number >= m.target {
		m.caughtAt = m.loop.Now()
	}
}

// lastString is the offset behind an event's arguments: `42["said",{...},"1700000000000-0"]`.
func lastString(packet []byte) string {
	body, found := bytes.CutSuffix(packet, []byte(`"]`))
	at := bytes.LastIndexByte(body, '"')
	if !found || at < 0 || !bytes.HasSuffix(body[:at], []byte(",")) {
		return ""
	}
	return string(body[at+1:])
}

// recovering is a command: hear Messages broadcasts, Every so long one, while a node ends. Its clients connect to the
// others as soon as they have all noticed. A worker that Speaks has none of them: it does not speak while it connects.
type recovering struct {
	Killed   string // its address
	Others   []string
	Messages int64
	Every    time.Duration
	Speaks   bool
}

// recovered is what came of it. Times are on the machine's clock.
type recovered struct {
	Clients, Resumed          int   // that the node had, and whose session was resumed
	Owed, Received, Repeated  int64 // deliveries to all clients
	FirstLost, Back, CaughtUp int64
}

func (w *worker) recover(ctx context.Context, q recovering) (r recovered, err error) {
	highest := int64(-1)
	var victims []*member
	speaker := (*load.Client)(nil)
	for _, m := range w.members {
		m.loop, m.highest = w.loop, &highest
		if m.node == q.Killed {
			victims = append(victims, m)
		} else if speaker == nil {
			speaker = m.client
		}
	}
	if !q.Speaks {
		speaker = nil
	}
	t := &teller{worker: w, speaker: speaker, q: q, due: w.loop.Now() + int64(untilAllListen)}
	lost := 0
	err = w.loop.Run(ctx, func() (int64, bool) {
		wake := t.tell()
		if now := w.loop.Now(); w.loop.Lost > 0 && r.FirstLost == 0 {
			r.FirstLost = w.at(now)
		}
		lost = w.loop.Lost
		return wake, lost < len(victims) && w.loop.Now()-t.due < int64(3*giveUp)
	})
	if err != nil || lost < len(victims) {
		return r, fmt.Errorf("of %d clients of the node that was killed, %d have noticed (%v)", len(victims), lost, err)
	}
	if err := w.resume(ctx, q, victims); err != nil {
		return r, err
	}
	count := func() (n int64) {
		for _, m := range w.members {
			n += m.received
		}
		return n
	}
	r.Owed = q.Messages * int64(len(w.members))
	latest, seen := w.loop.Now(), int64(-1)
	err = w.loop.Run(ctx, func() (int64, bool) {
		wake := t.tell()
		now := w.loop.Now()
		if r.Received = count(); r.Received != seen {
			latest, seen = now, r.Received
		}
		return min(wake, now+int64(20*time.Millisecond)), r.Received < r.Owed && now-latest < int64(giveUp)
	})
	r.Clients = len(victims)
	for _, m := range w.members {
		r.Repeated += m.repeated
	}
	for _, m := range victims {
		if m.resumed {
			r.Resumed++
		}
		r.Back = max(r.Back, w.at(m.backAt))
		if m.caughtAt > 0 {
			r.CaughtUp = max(r.CaughtUp, w.at(m.caughtAt))
		}
	}
	return r, err
}

// resume connects the victims to the other nodes, in turn.
func (w *worker) resume(ctx context.Context, q recovering, victims []*member) error {
	var specs []load.Spec
	for i, m := range victims {
		auth, err := json.Marshal(map[string]string{"pid": m.pid, "offset": m.offset})
		if err != nil {
			return err
		}
		m.node = q.Others[i%len(q.Others)]
		specs = append(specs, load.Spec{Addr: m.node, Protocol: peer.SocketIO, Auth: string(auth), OnPacket: m.packet})
	}
	if len(victims) == 0 {
		return nil
	}
	clients, err := w.loop.Connect(ctx, victims[0].client.ID, len(specs), specs...)
	if err != nil {
		return err
	}
	for i, m := range victims {
		m.client = clients[i]
	}
	w.clients = append(w.clients, clients...)
	return nil
}

// A teller says the broadcasts.
type teller struct {
	worker  *worker
	speaker *load.Client // nil: another worker's client does
	q       recovering
	due     int64
	said    int64
}

// tell says what is due, and returns when the next is.
func (t *teller) tell() int64 {
	now := t.worker.loop.Now()
	for ; t.speaker != nil && t.due <= now && t.said < t.q.Messages; t.due += int64(t.q.Every) {
		t.speaker.Send(load.Text(`42["shout","`, textSize, `"]`), t.said, t.due)
		t.said++
	}
	if t.speaker == nil || t.said == t.q.Messages {
		return now + int64(20*time.Millisecond)
	}
	return t.due
}
