package migration

// The ledger records who was connected when, who sent what, and who got what. It decides what had to arrive.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// margin is how long before a message its sender and its receiver must have been registered for the message to be owed,
// and how long after it has reached the last who got it. A message that is under way when a node ends may be lost. How
// long one is under way depends on the machine, so that part is measured, message by message. A message that reaches
// nobody is owed to all who were there margin after it was sent.
const margin = 1500 * time.Millisecond

// A message is identified by its sender and the sender's number for it, from 1 on.
type message struct {
	from   string
	number int
}

// answerWithin is how late a client may read that it is let go. The node gives it up after 3 s.
const answerWithin = 2 * time.Second

// A session is the time for which a client was registered. to is zero while it lasts.
type session struct {
	from, to time.Time
	node     string // the first characters of its id, which are the same for all sessions of a gateway
	// late is how late the last message came that the client got: it may have read of its session's end as late.
	late time.Duration
}

// A dispatch is what is known of a message on its way.
type dispatch struct {
	at      time.Time     // when its sender set about it
	written time.Time     // when it was written to the connection; zero where nobody noted that
	took    time.Duration // until it reached the last of those who got it
}

// A ledger may be used by many goroutines at once.
type ledger struct {
	mu       sync.Mutex
	sessions map[string][]session
	sent     map[message]*dispatch
	got      map[string][]message // in order of arrival
	faults   []string             // what no client should see
	// lastWords says that a client's messages are owed to others until its session's very end, once they are written.
	lastWords bool
	refusals  int       // connections that were refused
	recovered int       // sessions that were resumed
	arrival   time.Time // the last
	finished  time.Time // when the test began to end sessions itself
}

func newLedger() *ledger {
	return &ledger{
		sessions: make(map[string][]session), sent: make(map[message]*dispatch), got: make(map[string][]message),
	}
}

// registered records that a client is registered. id is its session's.
func (l *ledger) registered(client, id string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[client] = append(l.sessions[client], session{from: at, node: id[:min(len(id), 8)]})
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
	l.sent[m] = &dispatch{at: at}
}

// wrote records that a message which its client sends is written.
func (l *ledger) wrote(m message, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[m].written = at
}

func (l *ledger) receives(client string, m message, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got[client] = append(l.got[client], m)
	l.arrival = time.Now()
	if d := l.sent[m]; d != nil {
		d.took = max(d.took, at.Sub(d.at))
		if s := l.sessions[client]; len(s) > 0 {
			s[len(s)-1].late = at.Sub(d.at)
		}
	}
}

// quietFor returns how long nothing has arrived.
func (l *ledger) quietFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.arrival)
}

// finish records that the test ends the sessions from now on. What was sent before is owed to those still there.
func (l *ledger) finish(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finished = at
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

// registrations returns how often clients have registered.
func (l *ledger) registrations() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		n += len(s)
	}
	return n
}

// away names the clients that are not registered now, and says since when.
func (l *ledger) away() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var away []string
	for client, s := range l.sessions {
		if last := s[len(s)-1]; !last.to.IsZero() {
			away = append(away, fmt.Sprintf("%s since %s", client, last.to.Format(clock)))
		}
	}
	return strings.Join(away, ", ")
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
	losses     map[loss]int // the missing ones
	lost       int          // the messages that are missing somewhere
}

// A loss is of deliveries from one node's clients to another's, in one second.
type loss struct {
	at       time.Time
	from, to string
}

// clock is how a moment is shown.
const clock = "15:04:05.000"

// audit compares what arrived with what had to arrive. Nobody may write meanwhile.
func (l *ledger) audit() balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := balance{messages: len(l.sent), losses: make(map[loss]int)}
	note := func(count *int, format string, args ...any) {
		if *count++; *count <= 3 {
			b.examples = append(b.examples, fmt.Sprintf(format, args...))
		}
	}
	owed := make(map[message]string, len(l.sent)) // those owed to somebody, and from which node
	for m, d := range l.sent {
		if i := l.speaking(m.from, d); i >= 0 {
			owed[m] = l.sessions[m.from][i].node
		}
	}
	lost := make(map[message]bool)
	for client := range l.sessions {
		got := make(map[message]bool)
		last := make(map[string]int)
		for _, m := range l.got[client] {
			switch {
			case l.sent[m] == nil:
				note(&b.unsent, "%s got %v, which nobody sent", client, m)
			case got[m]:
				note(&b.repeated, "%s got %v again", client, m)
			case m.number < last[m.from]:
				note(&b.disordered, "%s got %v after number %d", client, m, last[m.from])
			}
			got[m], last[m.from] = true, max(last[m.from], m.number)
		}
		b.extra += len(got)
		for m, from := range owed {
			d := l.sent[m]
			i := l.covering(client, d.at, d.at.Add(d.took+margin))
			if i < 0 {
				continue
			}
			b.owed++
			if b.extra--; !got[m] {
				b.extra++
				lost[m] = true
				note(&b.missing, "%s did not get %v of %s", client, m, d.at.Format(clock))
				b.losses[loss{d.at.Truncate(time.Second), from, l.sessions[client][i].node}]++
			}
		}
	}
	b.lost = len(lost)
	return b
}

// speaking returns which session of a client a message of it is owed from, or -1.
func (l *ledger) speaking(client string, d *dispatch) int {
	if l.lastWords && !d.written.IsZero() {
		return slices.IndexFunc(l.sessions[client], func(s session) bool {
			until := d.written
			if s.late > answerWithin { // its node may have given it up, and not have heard this
				until = until.Add(s.late)
			}
			return !s.from.After(d.at.Add(-margin)) && (s.to.IsZero() || !s.to.Before(until))
		})
	}
	return l.covering(client, d.at, d.at.Add(d.took+margin))
}

// covering returns which session of a client lasted from margin before one moment until another, or -1. One that the
// test has ended lasted for ever, for what was sent before.
func (l *ledger) covering(client string, at, until time.Time) int {
	return slices.IndexFunc(l.sessions[client], func(s session) bool {
		lasts := s.to.IsZero()
		if !l.finished.IsZero() && at.After(l.finished) {
			return false
		} else if !l.finished.IsZero() && !s.to.Before(l.finished) {
			lasts = true
		}
		return !s.from.After(at.Add(-margin)) && (lasts || !s.to.Before(until.Add(s.late)))
	})
}

// check fails the test if anything came twice or out of order, or if an owed delivery is missing. As many messages may
// be missing as the nodes have reported as lost, because Redis did not answer in time: they cannot say them again, as
// the protocol has nothing by which others would know a repetition.
func (l *ledger) check(t *testing.T, reported int) balance {
	t.Helper()
	b := l.audit()
	if b.lost > 0 || reported > 0 {
		t.Logf("%d messages are missing somewhere; the nodes report that %d may be lost", b.lost, reported)
	}
	if b.lost > reported || b.repeated+b.disordered+b.unsent > 0 {
		t.Errorf("%d missing, %d repeated, %d out of order, %d unsent, of %d owed:\n%s", b.missing, b.repeated,
			b.disordered, b.unsent, b.owed, strings.Join(b.examples, "\n"))
		byTime := func(a, b loss) int { return a.at.Compare(b.at) }
		for _, at := range slices.SortedFunc(maps.Keys(b.losses), byTime) {
			t.Logf("missing of %s, from node %s to node %s: %d", at.at.Format(clock), at.from, at.to, b.losses[at])
		}
		for _, client := range slices.Sorted(maps.Keys(l.sessions)) {
			for _, s := range l.sessions[client] {
				t.Logf("%s was registered %s to %s, on node %s",
					client, s.from.Format(clock), s.to.Format(clock), s.node)
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
			l.registered(client, "", second(0))
		}
		l.registered("late", "", second(9))
		l.registered("early", "", second(0))
		l.lost("early", second(9))
		l.lost("early", second(30)) // of a second connection that never registered
		for i := range 3 {          // 1 and 2 are owed to a and b, 1 also to early; 3 to all but early
			m := message{"a", i + 1}
			l.sends(m, second([]int{5, 8, 15}[i]))
			l.receives("a", m, l.sent[m].at)
			l.receives("b", m, l.sent[m].at)
		}
		l.receives("early", message{"a", 1}, second(5))
		l.receives("late", message{"a", 3}, second(16))
		more(l)
		return l.audit()
	}
	for name, test := range map[string]struct {
		more func(*ledger)
		want balance
	}{
		"all is well":       {func(l *ledger) {}, balance{}},
		"more than is owed": {func(l *ledger) { l.receives("early", message{"a", 2}, second(9)) }, balance{extra: 1}},
		"missing":           {func(l *ledger) { l.got["b"] = l.got["b"][1:] }, balance{missing: 1}},
		"twice":             {func(l *ledger) { l.receives("b", message{"a", 3}, second(16)) }, balance{repeated: 1}},
		"out of order":      {func(l *ledger) { slices.Reverse(l.got["b"][1:]) }, balance{disordered: 1}},
		"from nowhere": {
			func(l *ledger) { l.receives("b", message{"c", 1}, second(16)) }, balance{unsent: 1, extra: 1},
		},
		"sent near the end": {func(l *ledger) { l.sends(message{"early", 1}, second(8)) }, balance{messages: 1}},
		"sent and lost": {
			func(l *ledger) { l.sends(message{"b", 1}, second(20)) }, balance{messages: 1, owed: 3, missing: 3},
		},
		"under way while one left": {
			func(l *ledger) {
				l.sends(message{"b", 1}, second(6))
				for _, client := range []string{"a", "b"} {
					l.receives(client, message{"b", 1}, second(8))
				}
			}, balance{messages: 1, owed: 2},
		},
		"last words": {
			func(l *ledger) {
				l.lastWords = true
				l.sends(message{"early", 1}, second(8))
				l.wrote(message{"early", 1}, second(9))
				l.sends(message{"early", 2}, second(9)) // it was never written
			}, balance{messages: 2, owed: 2, missing: 2},
		},
		"sent before the test's end": {
			func(l *ledger) {
				l.sends(message{"b", 1}, second(20))
				l.finish(second(21))
				l.sends(message{"b", 2}, second(22))
				l.lost("a", second(21))
				l.lost("b", second(21))
			}, balance{messages: 2, owed: 3, missing: 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := keep(test.more)
			got.examples, got.losses, got.lost = nil, nil, 0
			test.want.messages += 3
			test.want.owed += 8
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
