package presence_test

// Faults, against a ledger: whoever comes and goes is written down, and each server has to be told exactly that.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// A site is three servers on a Redis, each behind a proxy of its own.
type site struct {
	*ledger
	redis   *fleet.Redis // nil on NATS
	nats    []*natsserver.Server
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
	return s.add(fmt.Sprint("server ", len(s.proxies)), setup{Redis: proxy.Addr, History: history})
}

// add starts a server, which is told what happens from now on.
func (s *site) add(name string, with setup) *server {
	s.t.Helper()
	one := startServer(s.t, name, with)
	one.since = maps.Clone(s.want)
	s.servers = append(s.servers, one)
	return one
}

// onEach runs a test on Redis and on NATS.
func onEach(t *testing.T, test func(*testing.T, *site)) {
	t.Parallel()
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		test(t, newSite(t, 0))
	})
	t.Run("NATS", func(t *testing.T) {
		t.Parallel()
		test(t, newNATSSite(t, 1))
	})
}

// kill -9: others clear up, once; who is elsewhere too has not gone.
func TestAServerIsKilled(t *testing.T) {
	onEach(t, aServerIsKilled)
}

func aServerIsKilled(t *testing.T, s *site) {
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
	onEach(t, aServerLeaves)
}

func aServerLeaves(t *testing.T, s *site) {
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
	onEach(t, aServerFreezes)
}

func aServerFreezes(t *testing.T, s *site) {
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
			cut := cutOff(t, s)
			if history == 1 && !slices.ContainsFunc(cut.told(), func(c presence.Change) bool { return c.Missed }) {
				t.Error("it was told everything from a log that there was not")
			}
		})
	}
	t.Run("from NATS", func(t *testing.T) {
		t.Parallel()
		cutOff(t, newNATSSite(t, 1))
	})
}

func cutOff(t *testing.T, s *site) (cut *server) {
	s.crowd("user", 200)
	s.settle("everybody comes")
	cut = s.servers[0]
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
	return cut
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
