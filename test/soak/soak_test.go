// Package soak watches gateways for a long time: under a mixed load, attacks, and a Redis that comes and goes. Nothing
// that they hold may grow, the race detector may not find anything, and no good client may be lost. `make soak` does it
// for half an hour, `make test` for some seconds.
package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/abuse"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

const (
	// lengthVariable is the environment variable that says how long to watch.
	lengthVariable = "SOAK"
	shortest       = 20 * time.Second
	// judged is from which length on growth is looked for: in less, everything is still being filled.
	judged = 5 * time.Minute

	goodClients = 12
	passersBy   = 2
	// talkEvery is how often a good client says something, attackEvery how often somebody attacks; on the average.
	talkEvery   = 2 * time.Second
	attackEvery = 200 * time.Millisecond
)

func TestSoak(t *testing.T) {
	length := shortest
	if text := os.Getenv(lengthVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil || length < shortest {
			t.Fatalf("%s=%s: want a duration, from %v on", lengthVariable, text, shortest)
		}
	}
	programs := build(t)
	for _, f := range []struct {
		name     string
		settings []string
	}{
		{"Pub/Sub", []string{"ADAPTER=pubsub"}},
		{"streams with recovery", []string{"ADAPTER=streams", "RECOVERY=30s"}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			newSoak(t, programs, f.settings).run(t, length)
		})
	}
}

// A soak is two gateways on one Redis, one with the race detector and one as it is shipped, and those who use them.
type soak struct {
	redis   *fleet.Redis
	nodes   []*node
	ledger  *ledger
	clients []*client
	readers sync.WaitGroup
	began   time.Time
	samples map[*node][]sample
}

func newSoak(t *testing.T, programs []program, settings []string) *soak {
	t.Helper()
	s := &soak{redis: fleet.StartRedis(t), ledger: newLedger(), samples: make(map[*node][]sample)}
	for _, p := range programs {
		s.nodes = append(s.nodes, startNode(t, p, s.redis.URL(), settings))
	}
	all := make(map[string]*client)
	for i := range goodClients {
		c := &client{
			name: fmt.Sprintf("good-%d", i), node: s.nodes[i%2],
			ledger: s.ledger, last: make(map[*client]int), all: all,
		}
		polls := i%5 < 2
		if polls && i%3 == 0 {
			c.others = s.nodes // a balancer without sticky sessions
		}
		all[c.name] = c
		s.clients = append(s.clients, c)
		if _, err := c.join(polls, "", &s.readers); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// run uses the gateways for so long, and says what was wrong.
func (s *soak) run(t *testing.T, length time.Duration) {
	s.began = time.Now()
	stopped := make(chan struct{})
	var load sync.WaitGroup
	for _, c := range s.clients {
		load.Go(func() { s.talk(c, stopped) })
	}
	for range passersBy {
		load.Go(func() { comeAndGo(s.nodes, s.ledger, stopped) })
	}
	load.Go(func() { s.attack(stopped) })
	load.Go(func() { s.watch(min(10*time.Second, length/16), stopped) })
	s.trouble(length)
	close(stopped)
	load.Wait()
	complete := func() bool { return s.ledger.complete(s.clients) }
	await.Until(behind, complete)

	owed, excused := s.ledger.audit(s.clients)
	for _, c := range s.clients {
		c.leave()
	}
	s.readers.Wait()
	l := s.ledger
	t.Logf("%d messages, %d heard, %d lost with Redis; %v; %d outages", len(l.when), l.heard, excused, l.counts,
		len(l.outages))
	if len(owed) > 0 {
		t.Errorf("lost, with Redis there:\n%s", first(owed))
	}
	if len(l.faults) > 0 {
		t.Errorf("%s", first(l.faults))
	}
	for _, n := range s.nodes {
		samples := s.samples[n]
		t.Logf("the gateway %s:\n%s", n.name, table(samples, 20))
		if length >= judged {
			for _, grown := range growth(samples, n.race) {
				t.Errorf("the gateway %s: %s", n.name, grown)
			}
		}
	}
	var stopping sync.WaitGroup
	for _, n := range s.nodes {
		stopping.Go(func() {
			if err := n.stop(); err != nil {
				t.Error(err)
			}
		})
	}
	stopping.Wait()
}

// talk has a good client say something now and then.
func (s *soak) talk(c *client, stopped <-chan struct{}) {
	for {
		select {
		case <-stopped:
			return
		case <-c.ended: // which is known
			return
		case <-time.After(talkEvery/2 + rand.N(talkEvery)):
		}
		if err := c.say(); err != nil {
			c.lost("it cannot say anything: %v", err)
			return
		}
	}
}

// attack attacks both gateways, in turns.
func (s *soak) attack(stopped <-chan struct{}) {
	const atOnce = 12 // one of each kind
	for seed := uint64(1); ; seed++ {
		began := time.Now()
		result := abuse.Run(s.nodes[seed%2].addr, seed, atOnce)
		if result.Sockets+result.Sessions == 0 {
			s.ledger.fault("no attack reaches the gateway %s", s.nodes[seed%2].name)
		}
		for range atOnce {
			s.ledger.count("attacks")
		}
		select {
		case <-stopped:
			return
		case <-time.After(atOnce*attackEvery - time.Since(began)):
		}
	}
}

// watch takes samples.
func (s *soak) watch(every time.Duration, stopped <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
		}
		for _, n := range s.nodes {
			at, err := n.sample(time.Since(s.began))
			if err != nil {
				s.ledger.fault("%v", err)
				continue
			}
			s.samples[n] = append(s.samples[n], at)
		}
	}
}

// trouble has Redis come and go for so long: it stands still, dies, forgets everything, or resets its connections.
// Between two troubles, and at the end, there is time for everybody to be back.
func (s *soak) trouble(length time.Duration) {
	calm, longest := min(40*time.Second, length/5), min(8*time.Second, length/10)
	troubles := []struct {
		what string
		do   func(time.Duration)
	}{
		{"stands still", func(d time.Duration) { s.redis.Freeze(); time.Sleep(d); s.redis.Thaw() }},
		{"dies", func(d time.Duration) { s.redis.Kill(); time.Sleep(d); s.redis.Restart() }},
		{"is restarted at once", func(time.Duration) { s.redis.Restart() }},
		{"resets its connections", func(time.Duration) {
			s.redis.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			s.redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
		}},
		{"forgets everything", func(time.Duration) { s.redis.Do("FLUSHALL") }},
	}
	for i := 0; time.Since(s.began) < length; i++ {
		time.Sleep(calm/2 + rand.N(calm))
		if length-time.Since(s.began) < longest+calm/2 {
			time.Sleep(length - time.Since(s.began))
			return
		}
		trouble := troubles[i%len(troubles)]
		from := time.Now()
		trouble.do(longest/4 + rand.N(longest*3/4))
		s.ledger.outage(trouble.what, from, time.Now())
		s.ledger.count(trouble.what)
	}
}
