package engineio

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// An eventLog writes down what a session tells.
type eventLog struct {
	mu   sync.Mutex
	seen []string
}

func (l *eventLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, fmt.Sprintf(format, args...))
}

func (l *eventLog) events() SessionEvents {
	packet := func(way string) func(Packet) {
		return func(p Packet) { l.add("%s %s %q %v", way, p.Type, clip(string(p.Data)), p.Binary) }
	}
	return SessionEvents{
		Upgrading:    func(transport string) { l.add("upgrading %s", transport) },
		Upgrade:      func(transport string) { l.add("upgrade %s", transport) },
		Packet:       packet("in"),
		PacketCreate: packet("out"),
		Drain:        func() { l.add("drain") },
		Heartbeat:    func() { l.add("heartbeat") },
		Close:        func(reason Reason) { l.add("close %s", reason) },
	}
}

// wait waits until an event has been seen.
func (l *eventLog) wait(t *testing.T, event string) {
	t.Helper()
	eventually(t, event, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.Contains(l.seen, event)
	})
}

// want checks the events but for drain.
func (l *eventLog) want(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	got := slices.DeleteFunc(slices.Clone(l.seen), func(e string) bool { return e == "drain" })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The life of a session that polls, upgrades, answers a ping and goes.
func TestSessionEvents(t *testing.T) {
	log := new(eventLog)
	h := start(t, setup{message: echo, opts: Options{
		PingInterval: 300 * time.Millisecond, OnSession: func(s *Session) { s.Listen(log.events()) },
	}})
	c := h.openPoll()
	c.post("4hello")
	c.wantPoll("4hello")
	log.wait(t, "drain")
	w := h.dial("transport=websocket&sid=" + c.sid)
	w.send("2probe")
	w.want(ws.OpText, "3probe")
	log.wait(t, "upgrading websocket")
	w.send("5")
	w.want(ws.OpText, "2")
	w.send("3")
	log.wait(t, "heartbeat")
	w.write(ws.OpBinary, "\x01\x02")
	w.want(ws.OpBinary, "\x01\x02")
	c.peer().Send(NewTextMessage([]byte("with"), [][]byte{{7}}, MessageOptions{}))
	w.want(ws.OpText, "4with")
	_ = w.conn.Close()
	log.wait(t, "close transport close")
	log.want(t,
		`in message "hello" false`, `out message "hello" false`,
		"upgrading websocket", "upgrade websocket",
		`out ping "" false`, `in pong "" false`, "heartbeat",
		`in message "\x01\x02" true`, `out message "\x01\x02" true`,
		`out message "with" false`, `out message "\a" true`,
		"close transport close")
}

// Whoever has stopped listening is told no more; a session that nobody listens to keeps nothing for it.
func TestListenStops(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openWS()
	s := h.peer(c.sid).Session
	first, second := new(eventLog), new(eventLog)
	stopFirst := s.Listen(first.events())
	stopSecond := s.Listen(second.events())
	s.Listen(SessionEvents{})() // nothing to be told
	c.send("4a")
	c.want(ws.OpText, "4a")
	second.wait(t, "drain")
	stopFirst()
	stopFirst()
	c.send("4b")
	c.want(ws.OpText, "4b")
	first.want(t, `in message "a" false`, `out message "a" false`)
	second.want(t, `in message "a" false`, `out message "a" false`, `in message "b" false`, `out message "b" false`)
	stopSecond()
	if s.listeners.Load() != nil {
		t.Error("the session still has listeners")
	}
}

// Listening in the middle of everything.
func TestListenAtOnce(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openWS()
	s := h.peer(c.sid).Session
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				log := new(eventLog)
				stop := s.Listen(log.events())
				s.Send(text("x"))
				stop()
			}
		})
	}
	for range 400 {
		c.want(ws.OpText, "4x")
	}
	all.Wait()
	if s.listeners.Load() != nil {
		t.Error("the session still has listeners")
	}
}
