package soak

// The ledger of what good clients said and heard, and of when Redis was away.

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// A said is a message: who said it, and the number that it has among those of that client, from 1 on.
type said struct {
	from   *client
	number int
}

// A debt is a message that a client had not heard when it heard a later one of the same sender, or at the end.
type debt struct {
	said
	to *client
}

// An outage is a time when Redis did not do its work.
type outage struct {
	what     string
	from, to time.Time
}

const (
	// before and behind an outage are the times when what is said may meet it, too: a message is in a batch that waits,
	// and a node that has lost its connections takes a while until it has them again, on a busy machine.
	before = time.Second
	behind = 8 * time.Second
)

// A ledger may be used by many goroutines at once.
type ledger struct {
	mu      sync.Mutex
	when    map[said]time.Time
	debts   []debt
	outages []outage
	heard   int
	faults  []string
	counts  map[string]int // of what the load did, for the report
}

func newLedger() *ledger {
	return &ledger{when: make(map[said]time.Time), counts: make(map[string]int)}
}

// say notes that a message is about to be sent.
func (l *ledger) say(m said) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.when[m] = time.Now()
}

// hear notes what has come to a client. What comes again, or behind a later one, is a fault.
func (l *ledger) hear(to *client, m said) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard++
	last := to.last[m.from]
	if m.number <= last {
		l.addFault("%s hears %d of %s behind %d", to.name, m.number, m.from.name, last)
		return
	}
	for n := last + 1; n < m.number; n++ {
		l.debts = append(l.debts, debt{said{m.from, n}, to})
	}
	to.last[m.from] = m.number
}

func (l *ledger) count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[what]++
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addFault(format, args...)
}

// addFault is fault with mu held.
func (l *ledger) addFault(format string, args ...any) {
	l.faults = append(l.faults, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

func (l *ledger) outage(what string, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outages = append(l.outages, outage{what, from, to})
}

// complete reports whether everybody has heard the last of everybody.
func (l *ledger) complete(clients []*client) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, to := range clients {
		for _, from := range clients {
			if to.last[from] < from.number {
				return false
			}
		}
	}
	return true
}

// audit adds what was not heard at the end to the debts, and returns those that no outage explains. Redis is between
// two nodes only: what clients of one node say to each other is owed whatever becomes of it.
func (l *ledger) audit(clients []*client) (owed []string, excused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, to := range clients {
		for _, from := range clients {
			for n := to.last[from] + 1; n <= from.number; n++ {
				l.debts = append(l.debts, debt{said{from, n}, to})
			}
		}
	}
	for _, d := range l.debts {
		if d.from.node != d.to.node && l.met(l.when[d.said]) {
			excused++
			continue
		}
		owed = append(owed, fmt.Sprintf("%s has not heard %d of %s, said at %s", d.to.name, d.number, d.from.name,
			l.when[d.said].Format("15:04:05.0")))
	}
	return owed, excused
}

// met reports whether what was said then may have met an outage.
func (l *ledger) met(at time.Time) bool {
	for _, o := range l.outages {
		if at.After(o.from.Add(-before)) && at.Before(o.to.Add(behind)) {
			return true
		}
	}
	return false
}

// first is a list's beginning, for a message of a failure.
func first(list []string) string {
	const few = 20
	if len(list) <= few {
		return strings.Join(list, "\n")
	}
	return strings.Join(list[:few], "\n") + fmt.Sprintf("\nand %d more", len(list)-few)
}

// The ledger sees what is missing, doubled and out of order, and what an outage explains.
func TestLedger(t *testing.T) {
	here, there := &node{}, &node{}
	a := &client{name: "a", node: here, last: make(map[*client]int)}
	b := &client{name: "b", node: here, last: make(map[*client]int)}
	c := &client{name: "c", node: there, last: make(map[*client]int)}
	l, all := newLedger(), []*client{a, b, c}
	for n := 1; n <= 5; n++ {
		a.number = n
		l.say(said{a, n})
	}
	l.when[said{a, 2}] = time.Now().Add(-time.Minute)
	l.outage("away", time.Now().Add(-time.Minute), time.Now().Add(-50*time.Second))
	for _, n := range []int{1, 2, 3, 4, 5} {
		l.hear(a, said{a, n})
	}
	for _, n := range []int{1, 3, 3, 5, 4} { // 2 and 4 are missing, 3 is doubled, 4 comes late
		l.hear(b, said{a, n})
	}
	for _, n := range []int{1, 3, 4} { // the outage has 2; 5 is missing
		l.hear(c, said{a, n})
	}
	if l.complete(all) {
		t.Error("it is not complete")
	}
	owed, excused := l.audit(all)
	if len(l.faults) != 2 || len(owed) != 3 || excused != 1 {
		t.Errorf("faults %q, owed %q, %d excused", l.faults, owed, excused)
	}
}
