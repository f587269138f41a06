package socketio

import (
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// A watcher records what the hooks are told.
type watcher struct {
	mu         sync.Mutex
	events     []string
	longest    time.Duration
	recipients []int
}

func (w *watcher) options() Options {
	return Options{
		OnEvent: func(ns *Namespace, event string, took time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, ns.Name()+" "+event)
			w.longest = max(w.longest, took)
		},
		OnBroadcast: func(ns *Namespace, recipients int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.recipients = append(w.recipients, recipients)
		},
	}
}

func (w *watcher) told() (events []string, recipients []int, longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(events, w.events...), append(recipients, w.recipients...), w.longest
}

// Every event is told of once its handlers have run: one with a handler that fails, and one without any too.
func TestOnEvent(t *testing.T) {
	const busy = 20 * time.Millisecond
	var w watcher
	srv := newTestServer(t, w.options())
	srv.On("busy", func(e *Event) error { time.Sleep(busy); return e.Ack() })
	srv.On("panics", func(*Event) error { panic("on purpose") })
	c := srv.connect()
	c.send(`2["nobody's"]`, `2["panics"]`, `21["busy"]`)
	c.want(`31[]`)
	eventually(t, "three events", func() bool { events, _, _ := w.told(); return len(events) == 3 })
	events, _, longest := w.told()
	for i, want := range []string{"/ nobody's", "/ panics", "/ busy"} {
		if events[i] != want {
			t.Errorf("event %d is %q, want %q", i, events[i], want)
		}
	}
	if longest < busy {
		t.Errorf("the longest took %v, want at least %v", longest, busy)
	}
}

// A broadcast is told of with the number of sockets that it was sent to, however they were selected.
func TestOnBroadcast(t *testing.T) {
	var w watcher
	srv := newTestServer(t, w.options())
	a, b := srv.connect(), srv.connect()
	a.socket().Join("room", "other")
	b.socket().Join("room")
	for _, op := range []BroadcastOperator{
		srv.To("room"), srv.To("other"), srv.To("nobody's"), srv.Local(), srv.To("room", "other"),
		a.socket().To("room"),
	} {
		if err := op.Emit("x"); err != nil {
			t.Fatal(err)
		}
	}
	_, got, _ := w.told()
	for i, want := range []int{2, 1, 0, 2, 2, 1} {
		if i >= len(got) || got[i] != want {
			t.Fatalf("got %v, want 2 1 0 2 2 1", got)
		}
	}
}

func TestStats(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.Of("/admin")
	a, b := srv.connect(), srv.connect()
	want := map[string]SocketCount{"/": {WebSocket: 2}, "/admin": {}}
	if got := srv.Stats(); !maps.Equal(got.Sockets, want) {
		t.Errorf("got %v, want %v", got.Sockets, want)
	}
	a.drop(engineio.ReasonPingTimeout)
	b.send("1")
	eventually(t, "two disconnects and no socket", func() bool {
		st := srv.Stats()
		return st.Disconnects[ReasonPingTimeout]+st.Disconnects[ReasonClientDisconnect] == 2 &&
			st.Sockets["/"] == SocketCount{}
	})
	for reason, n := range srv.Stats().Disconnects {
		want := int64(0)
		if reason == ReasonPingTimeout || reason == ReasonClientDisconnect {
			want = 1
		}
		if n != want {
			t.Errorf("%s: %d", reason, n)
		}
	}
	// Every reason that Engine.IO has is one of ours, or its sockets would not be counted.
	for _, reason := range []engineio.Reason{
		engineio.ReasonTransportClose, engineio.ReasonTransportError, engineio.ReasonPingTimeout,
		engineio.ReasonParseError,
		engineio.ReasonForcedClose, engineio.ReasonSlowClient, engineio.ReasonShutdown,
	} {
		if _, counted := srv.Stats().Disconnects[Reason(reason)]; !counted {
			t.Errorf("%q is not counted", reason)
		}
	}
}
