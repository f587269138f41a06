package presence_test

// The ledger of the tests with faults: who has come and gone.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/test/await"
)

// A ledger knows every true change: of each user whether they came (+) and went (-), in order.
type ledger struct {
	t       *testing.T
	servers []*server // those that are told everything
	on      map[string]map[*server]bool
	want    map[string]string
}

func newLedger(t *testing.T, servers ...*server) *ledger {
	return &ledger{t: t, servers: servers, on: map[string]map[*server]bool{}, want: map[string]string{}}
}

// come and go are those of a user on a server.
func (l *ledger) come(s *server, user string) {
	if l.on[user] == nil {
		l.on[user] = map[*server]bool{}
	}
	if len(l.on[user]) == 0 {
		l.want[user] += "+"
	}
	l.on[user][s] = true
	s.command("+ " + user)
}

func (l *ledger) go_(s *server, user string) {
	l.gone(s, user)
	s.command("- " + user)
}

func (l *ledger) gone(s *server, user string) {
	delete(l.on[user], s)
	if len(l.on[user]) == 0 {
		l.want[user] += "-"
	}
}

// lost notes that a server has been taken for dead, and returns who was on it.
func (l *ledger) lost(s *server) (users []string) {
	for user, on := range l.on {
		if on[s] {
			users = append(users, user)
			l.gone(s, user)
		}
	}
	return users
}

// back notes that it was not.
func (l *ledger) back(s *server, users []string) {
	for _, user := range users {
		if len(l.on[user]) == 0 {
			l.want[user] += "+"
		}
		l.on[user][s] = true
	}
}

// died notes that a server has been killed.
func (l *ledger) died(s *server) {
	l.lost(s)
	l.servers = slices.DeleteFunc(l.servers, func(other *server) bool { return other == s })
}

// crowd brings users in: each in turn on one server, on two, on three. They are named for where they are.
func (l *ledger) crowd(name string, n int) (users []string) {
	for i := range n {
		user := fmt.Sprint(name, i)
		for j := range i%3 + 1 {
			l.come(l.servers[(i/3+j)%len(l.servers)], user)
		}
		users = append(users, user)
	}
	return users
}

// found is what a server was told, as the ledger has it.
func found(changes []presence.Change) map[string]string {
	told := map[string]string{}
	for _, c := range changes {
		if c.Online {
			told[c.User] += "+"
		} else {
			told[c.User] += "-"
		}
	}
	return told
}

// wanted is what a server is to be told: what has happened since it was there.
func (l *ledger) wanted(s *server) map[string]string {
	if s.since == nil {
		return l.want
	}
	want := map[string]string{}
	for user, all := range l.want {
		if later := all[len(s.since[user]):]; later != "" {
			want[user] = later
		}
	}
	return want
}

// settle waits until every server has been told what is in the ledger. Then nothing more may come.
func (l *ledger) settle(what string) {
	l.t.Helper()
	began := time.Now()
	for _, s := range l.servers {
		if !await.Until(40*time.Second, func() bool { return maps.Equal(found(s.told()), l.wanted(s)) }) {
			told, wrong := found(s.told()), []string{}
			for user, want := range l.wanted(s) {
				if told[user] != want {
					wrong = append(wrong, fmt.Sprintf("%s: %q, not %q", user, told[user], want))
				}
			}
			slices.Sort(wrong)
			l.t.Fatalf("%s: %s is told of %d users wrongly:\n%s", what, s.name, len(wrong),
				strings.Join(wrong[:min(len(wrong), 20)], "\n"))
		}
	}
	l.t.Logf("%s: %d users, all right after %v", what, len(l.want), time.Since(began).Round(time.Millisecond))
}

// check looks that nothing is told twice behind the end: after a lease, in which everybody has given signs of life, all
// have been told the same, under the same IDs, and each change is one server's own at most.
func (l *ledger) check() {
	l.t.Helper()
	time.Sleep(childLease * 3 / 2) // nothing is to happen
	l.settle("a lease later")
	mine := map[string]int{}
	ids := map[string]string{}
	for _, s := range l.servers {
		for _, c := range s.told() {
			what := fmt.Sprint(c.User, c.Room, c.Online)
			if known, ok := ids[c.ID]; ok && known != what {
				l.t.Errorf("%s is the ID of two changes: %s, %s", c.ID, known, what)
			}
			ids[c.ID] = what
			if c.Mine {
				mine[c.ID]++
			}
		}
	}
	for id, n := range mine {
		if n > 1 {
			l.t.Errorf("%s is the own of %d servers", id, n)
		}
	}
	for _, s := range l.servers[1:] {
		if s.since != nil {
			continue
		}
		order := func(s *server) (ids []string) {
			for _, c := range s.told() {
				if !c.Missed {
					ids = append(ids, c.ID)
				}
			}
			return ids
		}
		if a, b := order(l.servers[0]), order(s); len(a) == len(b) && !slices.Equal(a, b) {
			l.t.Errorf("%s and %s are told in different orders", l.servers[0].name, s.name)
		}
	}
}
