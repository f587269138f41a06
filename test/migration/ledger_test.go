package migration

// The ledger records who was connected when, who sent what, and who got what. It decides what had to arrive.

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// margin is how long before and after a message its sender and its receiver must have been registered for the message
// to be owed. A message that is under way when a node ends may be lost. The margin is generous, because the machine may
// be busy.
const margin = 1500 * time.Millisecond

// A message is identified by its sender and the sender's number for it, from 1 on.
type message struct {
	from   string
	number int
}

// A session is the time for which a client was registered. to is zero while it lasts.
type session struct{ from, to time.Time }

// covers reports whether the session lasted from margin before the moment at until after later.
func (s session) covers(at time.Time, after time.Duration) bool {
	return !s.from.After(at.Add(-margin)) && (s.to.IsZero() || !s.to.Before(at.Add(after)))
}

// A ledger may be used by many goroutines at once.
type ledger struct {
	mu       sync.Mutex
	sessions map[string][]session
	sent     map[message]time.Time
	got      map[string][]message // in order of arrival
	faults   []string             // what no client should see
	// lastWords is how long before its end a session's own messages stop being owed to others.
	lastWords time.Duration
	refusals  int // connections that were refused
	recovered int // sessions that were resumed
}

func newLedger() *ledger {
	return &ledger{
		sessions: make(map[string][]session), sent: make(map[message]time.Time), got: make(map[string][]message),
		lastWords: margin,
	}
}

func (l *ledger) registered(client string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[client] = append(l.sessions[client], session{from: at})
}

// lost records that a client is no longer connected. It may never have registered.
func (l *ledger) lost(client string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[client]; len(s) > 0 && s[len(s)-1].to.IsZero() {
		s[len(s)-1].to = at
	}
}

func (l *ledger) sends(m message, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[m] = at
}

func (l *ledger) receives(client string, m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got[client] = append(l.got[client], m)
}

func (l *ledger) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals++
}

func (l *ledger) recover() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recovered++
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// here returns how many clients are registered now.
func (l *ledger) here() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		if s[len(s)-1].to.IsZero() {
			n++
		}
	}
	return n
}

// reconnections returns how often clients have come back.
func (l *ledger) reconnections() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		n += len(s) - 1
	}
	return n
}

// A balance says what became of the messages. A delivery is one message for one client.
type balance struct {
	messages   int
	owed       int // deliveries between clients that were both connected
	missing    int // of those owed
	repeated   int // deliveries that came again
	disordered int // deliveries that came after a later message of the same sender
	unsent     int // deliveries of messages that nobody sent
	extra      int // deliveries that were not owed: the message was sent near a disconnection
	examples   []string
}

// audit compares what arrived with what had to arrive. Nobody may write meanwhile.
func (l *ledger) audit() balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := balance{messages: len(l.sent)}
	note := func(count *int, format string, args ...any) {
		if *count++; *count <= 3 {
			b.examples = append(b.examples, fmt.Sprintf(format, args...))
		}
	}
	covering := func(client string, at time.Time, after time.Duration) bool {
		return slices.ContainsFunc(l.sessions[client], func(s session) bool { return s.covers(at, after) })
	}
	owed := make([]message, 0, len(l.sent)) // to somebody
	for m, at := range l.sent {
		if covering(m.from, at, l.lastWords) {
			owed = append(owed, m)
		}
	}
	for client := range l.sessions {
		got := make(map[message]bool)
		last := make(map[string]int)
		for _, m := range l.got[client] {
			switch {
			case l.sent[m].IsZero():
				note(&b.unsent, "%s got %v, which nobody sent", client, m)
			case got[m]:
				note(&b.repeated, "%s got %v again", client, m)
			case m.number < last[m.from]:
				note(&b.disordered, "%s got %v after number %d", client, m, last[m.from])
			}
			got[m], last[m.from] = true, max(last[m.from], m.number)
		}
		b.extra += len(got)
		for _, m := range owed {
			if !covering(client, l.sent[m], margin) {
				continue
			}
			b.owed++
			if b.extra--; !got[m] {
				b.extra++
				note(&b.missing, "%s did not get %v of %s", client, m, l.sent[m].Format("15:04:05.000"))
			}
		}
	}
	return b
}

// check fails the test if an owed delivery is missing, or if anything came twice or out of order.
func (l *ledger) check(t *testing.T) balance {
	t.Helper()
	b := l.audit()
	if b.missing+b.repeated+b.disordered+b.unsent > 0 {
		t.Errorf("%+v", b)
		for _, client := range slices.Sorted(maps.Keys(l.sessions)) {
			for _, s := range l.sessions[client] {
				t.Logf("%s was registered %s to %s", client, s.from.Format("15:04:05.000"), s.to.Format("15:04:05.000"))
			}
		}
	}
	for _, fault := range l.faults {
		t.Error(fault)
	}
	return b
}

// TestLedger audits a small chat, so that the rehearsal's verdict can be trusted.
func TestLedger(t *testing.T) {
	second := func(n int) time.Time { return time.Unix(int64(1000+n), 0) }
	keep := func(more func(*ledger)) balance {
		l := newLedger()
		for _, client := range []string{"a", "b"} {
			l.registered(client, second(0))
		}
		l.registered("late", second(9))
		l.registered("early", second(0))
		l.lost("early", second(9))
		l.lost("early", second(30)) // of a second connection that never registered
		for i := range 3 {          // 1 and 2 are owed to a and b, 1 also to early; 3 to all but early
			m := message{"a", i + 1}
			l.sends(m, second([]int{5, 8, 15}[i]))
			l.receives("a", m)
			l.receives("b", m)
		}
		l.receives("early", message{"a", 1})
		l.receives("late", message{"a", 3})
		more(l)
		return l.audit()
	}
	for name, test := range map[string]struct {
		more func(*ledger)
		want balance
	}{
		"all is well":       {func(l *ledger) {}, balance{}},
		"more than is owed": {func(l *ledger) { l.receives("early", message{"a", 2}) }, balance{extra: 1}},
		"missing":           {func(l *ledger) { l.got["b"] = l.got["b"][1:] }, balance{missing: 1}},
		"twice":             {func(l *ledger) { l.receives("b", message{"a", 3}) }, balance{repeated: 1}},
		"out of order":      {func(l *ledger) { slices.Reverse(l.got["b"][1:]) }, balance{disordered: 1}},
		"from nowhere":      {func(l *ledger) { l.receives("b", message{"c", 1}) }, balance{unsent: 1, extra: 1}},
		"sent near the end": {func(l *ledger) { l.sends(message{"early", 1}, second(8)) }, balance{messages: 1}},
		"sent and lost": {
			func(l *ledger) { l.sends(message{"b", 1}, second(20)) }, balance{messages: 1, owed: 3, missing: 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := keep(test.more)
			got.examples = nil
			test.want.messages += 3
			test.want.owed += 8
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
