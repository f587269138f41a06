package presence_test

// Faults, against a ledger: whoever comes and goes is written down, and each server has to be told exactly that.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
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

// A site is three servers on a Redis, each behind a proxy of its own.
type site struct {
	*ledger
	redis   *fleet.Redis
	proxies []*fleet.Proxy
}

func newSite(t *testing.T, history int, redisArgs ...string) *site {
	t.Helper()
	s := &site{redis: fleet.StartRedis(t, redisArgs...)}
	s.ledger = newLedger(t)
	for range 3 {
		s.join(history)
	}
	return s
}

// join adds a server.
func (s *site) join(history int) *server {
	s.t.Helper()
	proxy := fleet.StartProxy(s.t, s.redis.Addr)
	s.proxies = append(s.proxies, proxy)
	one := startServer(s.t, fmt.Sprint("server ", len(s.proxies)), setup{proxy.Addr, history})
	one.since = maps.Clone(s.want)
	s.servers = append(s.servers, one)
	return one
}

// kill -9: others clear up, once; who is elsewhere too has not gone.
func TestAServerIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 0)
	s.crowd("user", 6000) // more than one beat clears, and at last more than the log keeps
	s.settle("everybody comes")
	victim := s.servers[0]
	victim.kill()
	s.died(victim)
	s.settle("a server is killed")
	s.check()
}

// An orderly end leaves users the time to come back on another server.
func TestAServerLeaves(t *testing.T) {
	t.Parallel()
	s := newSite(t, 0)
	s.crowd("user", 90)
	s.settle("everybody comes")
	leaver := s.servers[0]
	moving := slices.Sorted(maps.Keys(s.on))[:30]
	leaver.command("close")
	<-leaver.closed
	for _, user := range moving {
		s.come(s.servers[1], user)
	}
	s.died(leaver)
	s.settle("a server leaves")
	s.check()
}

// SIGSTOP for longer than a lease, SIGCONT.
func TestAServerFreezes(t *testing.T) {
	t.Parallel()
	s := newSite(t, 0)
	s.crowd("user", 300)
	s.settle("everybody comes")
	frozen := s.servers[0]
	frozen.freeze()
	s.servers = s.servers[1:]
	lost := s.lost(frozen)
	s.settle("a server freezes")
	frozen.thaw()
	s.back(frozen, lost)
	s.servers = append(s.servers, frozen)
	s.settle("it wakes")
	s.go_(frozen, lost[0])
	s.settle("it goes on")
	s.check()
}

// One server cannot reach Redis for longer than a lease.
func TestAServerIsCutOff(t *testing.T) {
	t.Parallel()
	for name, history := range map[string]int{"and reads on": 0, "and the log is gone": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, history)
			s.crowd("user", 200)
			s.settle("everybody comes")
			cut := s.servers[0]
			s.proxies[0].Lose.Store(true)
			s.servers = s.servers[1:]
			lost := s.lost(cut)
			s.settle("a server is cut off")
			s.crowd("late", 300)
			s.come(cut, "local")
			lost = append(lost, "local")
			s.want["local"] = ""
			delete(s.want, "local")
			delete(s.on["local"], cut)
			s.settle("others come")
			s.proxies[0].Lose.Store(false)
			s.back(cut, lost)
			s.servers = append(s.servers, cut)
			s.settle("it is back")
			s.check()
			if history == 1 && !slices.ContainsFunc(cut.told(), func(c presence.Change) bool { return c.Missed }) {
				t.Error("it was told everything from a log that there was not")
			}
		})
	}
}

// outage has users come and go while something is away.
func (s *site) outage(away, back func()) {
	s.t.Helper()
	s.crowd("user", 300)
	s.settle("everybody comes")
	away()
	for i := range 30 {
		user := fmt.Sprint("user", i)
		for server := range s.on[user] {
			if i%2 == 0 || len(s.on[user]) > 1 {
				s.go_(server, user)
			}
		}
	}
	s.crowd("during", 30)
	back()
	s.settle("Redis is back")
	s.crowd("behind", 30)
	s.settle("all goes on")
	s.check()
}

// Redis dies and comes back.
func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0)
		s.outage(s.redis.Kill, s.redis.Restart)
	})
	t.Run("with its data", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0, "--dir", t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
		s.outage(s.redis.Kill, s.redis.Restart)
	})
	t.Run("with old data", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0, "--dir", t.TempDir())
		s.crowd("old", 60)
		s.settle("some come")
		s.redis.Do("SAVE")
		for i := range 30 { // Redis forgets that these have gone
			for server := range s.on[fmt.Sprint("old", i)] {
				s.go_(server, fmt.Sprint("old", i))
			}
		}
		s.outage(s.redis.Kill, s.redis.Restart)
	})
	t.Run("flushed", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0)
		s.outage(func() { s.redis.Do("FLUSHALL") }, func() {})
	})
	t.Run("empty, and a server dies with it", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0)
		s.outage(func() {
			s.redis.Kill()
			victim := s.servers[2]
			victim.kill()
			s.died(victim)
		}, s.redis.Restart)
	})
}

// Redis stands still for longer than a lease; or nobody can reach it.
func TestRedisStandsStill(t *testing.T) {
	t.Parallel()
	t.Run("frozen", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0)
		s.outage(s.redis.Freeze, func() { time.Sleep(childLease * 2); s.redis.Thaw() })
	})
	t.Run("out of reach", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 0)
		lose := func(lose bool) {
			for _, p := range s.proxies {
				p.Lose.Store(lose)
			}
		}
		s.outage(func() { lose(true) }, func() { time.Sleep(childLease * 2); lose(false) })
	})
}

// One fault after the other, in any order, with people coming and going all the time.
func TestAnythingHappens(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := newSite(t, 0)
	s.crowd("user", 200)
	s.settle("everybody comes") // who comes and goes at once has never been there
	for round := range 6 {
		switch kind := random.IntN(5); kind {
		case 0:
			victim := s.servers[random.IntN(len(s.servers))]
			t.Log("kill ", victim.name)
			victim.kill()
			s.died(victim)
			s.settle("killed")
			s.join(0)
		case 1:
			t.Log("Redis restarts empty")
			s.redis.Restart()
		case 2:
			t.Log("Redis stands still")
			s.redis.Freeze()
			time.Sleep(childLease * 3 / 2)
			s.redis.Thaw()
		default:
			t.Log("people move")
			for user, on := range s.on {
				if len(on) == 1 && random.IntN(3) == 0 {
					for server := range on {
						s.go_(server, user)
					}
				}
			}
		}
		s.crowd(fmt.Sprint("round", round, "-"), 30)
		s.settle("round " + fmt.Sprint(round))
	}
	s.check()
}
