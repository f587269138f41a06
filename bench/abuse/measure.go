//go:build linux

package main

// One attack on one server, and what 50 good clients notice of it.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/test/abuse"
)

const (
	goodClients = 50 // every fifth polls
	rate        = 200.0
	textSize    = 100

	warmFor     = 500 * time.Millisecond
	quietFor    = 3 * time.Second // undisturbed
	attackFor   = 4 * time.Second
	drainFor    = 5 * time.Second
	attackGrace = 2 * time.Second // that an attacker has to let go
)

// A measurement is what one attack on one server did.
type measurement struct {
	quiet, under times
	own          time.Duration // p99 of how late the clients themselves sent what they said under attack
	lost         int           // good clients
	missing      int64         // deliveries to those that were not lost
	peak         int64         // bytes of memory
	did          abuse.Did
	trouble      string // of the attacker, in its words
	ended        bool   // the server's process is gone
}

// times are percentiles of the time from saying something until all have heard it.
type times struct{ p50, p99, max time.Duration }

func (t times) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %v p99 %v max %v", round(t.p50), round(t.p99), round(t.max))
}

func timesOf(r *load.Recorder) times {
	return times{seconds(r.Quantile(50)), seconds(r.Quantile(99)), seconds(r.Quantile(100))}
}

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }

func (m *measurement) ratio() float64 { return float64(m.under.p99) / float64(max(m.quiet.p99, 1)) }

func (m *measurement) String() string {
	s := fmt.Sprintf("%v; attacked %v (own p99 %v): %.2f times; lost %d, missing %d, %d MB; %v",
		m.quiet, m.under, m.own.Round(10*time.Microsecond), m.ratio(), m.lost, m.missing, m.peak/1e6, m.did)
	if m.ended {
		s += "; THE SERVER HAS ENDED"
	}
	return s + m.trouble
}

// measure starts a server and attacks it.
func measure(ctx context.Context, p *peer.Peer, row abuse.Row, cores []int) (*measurement, error) {
	port, err := peer.FreePort()
	if err != nil {
		return nil, err
	}
	server, err := peer.Start(ctx, p, peer.Options{
		Port: port, Extra: true, Production: true, Cores: cores, Env: row.With, Files: row.Files,
	})
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	if err := load.Precede(); err != nil && !errors.Is(err, os.ErrPermission) {
		return nil, err
	} // who may not is late, and that is measured
	defer load.Share()
	loop, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer loop.Close()
	spec := load.Spec{Addr: server.Addr(), Protocol: p.Protocol, Hello: `420["join","good"]`, Expect: `430[`}
	polls := spec
	polls.Polling = true
	clients, err := loop.Connect(ctx, 0, goodClients, polls, spec, spec, spec, spec)
	if err != nil {
		return nil, err
	}
	c := newConversation(loop, clients)
	m := new(measurement)
	if err := c.talk(ctx, warmFor, nil); err != nil {
		return nil, err
	}
	quiet := load.NewRecorder()
	if err := c.talk(ctx, quietFor, quiet); err != nil {
		return nil, err
	}
	a, err := startAttack(ctx, row.Name, server.Addr())
	if err != nil {
		return nil, err
	}
	under := load.NewRecorder()
	c.late = load.NewRecorder()
	err = c.talk(ctx, attackFor, under)
	m.did, m.trouble = a.end()
	if err = errors.Join(err, c.drain(ctx, drainFor)); err != nil {
		return nil, err
	}
	c.overdue(under)
	m.quiet, m.under, m.own = timesOf(quiet), timesOf(under), seconds(c.late.Quantile(99))
	m.lost, m.missing = bits.OnesCount64(c.lost), c.missing()
	usage, err := server.Usage()
	m.peak, m.ended = usage.Peak, err != nil
	return m, nil
}

// A conversation is what the good clients say. They take turns, at a fixed rate, and each hears everything.
type conversation struct {
	loop    *load.Loop
	clients []*load.Client
	message *load.Message
	said    []utterance
	open    int            // the first that somebody lacks
	lost    uint64         // clients, a bit each
	late    *load.Recorder // how late things were said
	next    float64        // when the next is due
}

// An utterance is something that was said, on the loop's clock, and who has heard it.
type utterance struct {
	at    int64
	heard uint64
	to    *load.Recorder
}

const everybody = 1<<goodClients - 1

func newConversation(loop *load.Loop, clients []*load.Client) *conversation {
	message := load.Text(`42["say",{"room":"good","text":"`, textSize, `"}]`)
	c := &conversation{loop: loop, clients: clients, message: message}
	for i, client := range clients {
		client.OnStamp = func(seq, _, arrived int64) { c.heard(i, seq, arrived) }
	}
	return c
}

func (c *conversation) heard(client int, seq, arrived int64) {
	if seq < 0 || seq >= int64(len(c.said)) {
		return
	}
	u := &c.said[seq]
	before := u.heard | c.lost
	u.heard |= 1 << client
	if before != everybody && u.heard|c.lost == everybody && u.to != nil {
		u.to.Record(u.at, arrived)
	}
}

// talk has the clients talk for so long. The times of what is said go to the recorder.
func (c *conversation) talk(ctx context.Context, d time.Duration, to *load.Recorder) error {
	began := c.loop.Now()
	end := began + int64(d)
	if to != nil {
		to.From, to.Until = began, end
	}
	if c.late != nil {
		c.late.From, c.late.Until = began, end
	}
	c.next = float64(began)
	return c.loop.Run(ctx, func() (int64, bool) {
		now := c.loop.Now()
		c.count()
		for ; int64(c.next) <= now && int64(c.next) < end && c.lost != everybody; c.next += 1e9 / rate {
			if c.late != nil {
				c.late.Record(int64(c.next), now)
			}
			c.say(int64(c.next), to)
		}
		return min(int64(c.next), end), now < end
	})
}

// say has the next client say something that is due.
func (c *conversation) say(at int64, to *load.Recorder) {
	seq := len(c.said)
	speaker := seq % goodClients
	for c.lost>>speaker&1 == 1 {
		speaker = (speaker + 1) % goodClients
	}
	c.said = append(c.said, utterance{at: at, to: to})
	c.clients[speaker].Send(c.message, int64(seq), at)
}

// count takes note of clients that were lost. What the others had all heard before is heard by all now.
func (c *conversation) count() {
	for i, client := range c.clients {
		if client.Err != nil && c.lost>>i&1 == 0 {
			c.lost |= 1 << i
		}
	}
}

// drain waits until all have heard all, but not longer than d without anything that came.
func (c *conversation) drain(ctx context.Context, d time.Duration) error {
	delivered, latest := c.loop.Delivered, c.loop.Now()
	return c.loop.Run(ctx, func() (int64, bool) {
		now := c.loop.Now()
		if c.loop.Delivered != delivered {
			delivered, latest = c.loop.Delivered, now
		}
		c.count()
		return now + int64(20*time.Millisecond), c.missing() > 0 && now-latest < int64(d)
	})
}

// missing is how many deliveries there still are to clients that are not lost.
func (c *conversation) missing() (n int64) {
	for c.open < len(c.said) && c.said[c.open].heard|c.lost == everybody {
		c.open++
	}
	for _, u := range c.said[c.open:] {
		n += int64(bits.OnesCount64(everybody &^ (u.heard | c.lost)))
	}
	return n
}

// overdue records what not everybody has heard in the end, as if that had been now.
func (c *conversation) overdue(to *load.Recorder) {
	for _, u := range c.said {
		if u.to == to && u.heard|c.lost != everybody {
			to.Record(u.at, c.loop.Now())
		}
	}
}

// An attacker is the process that attacks.
type attacker struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	done           chan error
}

func startAttack(ctx context.Context, name, addr string) (*attacker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &attacker{done: make(chan error, 1)}
	a.cmd = exec.CommandContext(ctx, self, "-attack", name, "-addr", addr, "-last", attackFor.String())
	a.cmd.Stdout, a.cmd.Stderr = &a.stdout, &a.stderr
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { a.done <- a.cmd.Wait() }()
	return a, nil
}

// end waits for the attacker, which has had its time, and returns what it did.
func (a *attacker) end() (did abuse.Did, trouble string) {
	var err error
	select {
	case err = <-a.done:
	case <-time.After(attackGrace):
		err = errors.Join(errors.New("it did not end"), a.cmd.Process.Kill(), <-a.done)
	}
	if err == nil {
		err = json.Unmarshal(a.stdout.Bytes(), &did)
	}
	if err != nil {
		trouble = fmt.Sprintf("; the attacker: %v %s", err, bytes.TrimSpace(a.stderr.Bytes()))
	}
	return did, trouble
}
