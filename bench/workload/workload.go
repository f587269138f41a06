//go:build linux

package workload

// One workload against one peer: what all workloads share.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// A Workload is one row of the report.
type Workload struct {
	Name     string
	Measures string         // one sentence
	Needs    []peer.Feature // of a Socket.IO peer
	Raw      bool           // servers with another protocol can take part too
	Peers    []string       // who takes part in a full run; nil for all who can
	Rounds   int            // at most so many; 0 for as many as the run has
	Quick    bool           // part of a quick run
	Takes    time.Duration  // roughly, beside the time measured: starting a server, connecting, ending
	Spans    int            // how often it warms up and measures
	// EqualFrames is set if each message must be a frame of its own. Centrifuge puts several into one.
	EqualFrames bool
	// Of names the workload before this one in a series of growing load. A peer that could not keep up there skips
	// this.
	Of string

	run func(*run) error
}

// Settings are the same for all workloads of a run.
type Settings struct {
	Clients  int           // in the large room
	Storm    int           // clients that connect at once
	Idle     int           // clients of the idle-memory workload
	Settle   time.Duration // before memory is read
	Warm     time.Duration
	Measure  time.Duration
	Load     int   // the load's core
	Server   []int // the server's
	AllCores []int
	// Redis is the URL of a Redis, for the nodes of a cluster and for peers that need one.
	Redis string
	// RedisCPU returns the CPU time that this Redis has taken, which is the load's core's; nil for none.
	RedisCPU func() (time.Duration, error)
	// Backend is where bench/peers/backend is.
	Backend peer.BackendURLs
	// Start starts a peer, like [peer.Start].
	Start func(ctx context.Context, p *peer.Peer, o peer.Options) (peer.Process, error)
	// FreePort finds a port, like [peer.FreePort].
	FreePort func() (int, error)
}

// errOverload is the error of an open-loop workload whose rate the server cannot keep up with.
var errOverload = errors.New("cannot keep up")

// Suits reports whether a peer can take part.
func (w *Workload) Suits(p *peer.Peer) bool {
	for _, f := range w.Needs {
		raw := f == peer.TwoCores // all other features are about Socket.IO
		if !p.Has(f) && (p.Protocol == peer.SocketIO || raw) {
			return false
		}
	}
	if w.EqualFrames && p.Protocol == peer.Centrifuge {
		return false
	}
	return (p.Protocol == peer.SocketIO || w.Raw) && p.Cannot[w.Name] == ""
}

// lacks says why a peer without a feature leaves a workload out, in words that go on from its name.
var lacks = map[peer.Feature]string{
	peer.Chat:      "does not serve the chat",
	peer.Extra:     "does not serve the benchmark's events",
	peer.Polling:   "has no long-polling",
	peer.Cluster:   "keeps its rooms in memory, and has no other nodes",
	peer.SlowLimit: "has no limit for a client that reads slowly",
	peer.TwoCores:  "uses one core",
	peer.Origins:   "is not set up for particular origins",
}

// LeftOut says why a Socket.IO peer that was meant to take part does not, in words that go on from its name: what it
// lacks or fails. It is "" if it takes part, or if nobody meant it to.
func (w *Workload) LeftOut(p *peer.Peer) string {
	if p.Protocol != peer.SocketIO || p.Has(peer.NeedsBackend) || w.Peers != nil && !slices.Contains(w.Peers, p.Name) {
		return ""
	}
	for _, f := range w.Needs {
		if !p.Has(f) {
			return lacks[f]
		}
	}
	return p.Cannot[w.Name]
}

// Wanted reports whether a peer takes part in a full run in which the user has named no peers.
func (w *Workload) Wanted(p *peer.Peer) bool {
	return w.Suits(p) && (w.Peers == nil || slices.Contains(w.Peers, p.Name))
}

// Estimate returns roughly how long one run against one peer takes.
func (w *Workload) Estimate(s Settings) time.Duration {
	return w.Takes + time.Duration(w.Spans)*(s.Measure+s.Warm)
}

// Run runs a workload against a peer. The result has what goes wrong with the peer; the error is that of ctx.
func (w *Workload) Run(ctx context.Context, s Settings, p *peer.Peer, round int) (report.Result, error) {
	result := report.Result{Workload: w.Name, Peer: p.Name, Round: round, Values: map[string]float64{}}
	r := &run{ctx: ctx, Settings: s, peer: p, result: &result}
	err := r.do(w.run)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if errors.Is(err, errOverload) {
		result.Values["overloaded"] = 1
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result, nil
}

// A run is one workload against one peer.
type run struct {
	Settings
	ctx       context.Context
	peer      *peer.Peer
	loop      *load.Loop
	processes []peer.Process
	result    *report.Result
}

func (r *run) do(f func(*run) error) (err error) {
	if r.loop, err = load.NewLoop(); err != nil {
		return err
	}
	defer func() {
		var words []string
		for _, p := range r.processes {
			if said := strings.TrimSpace(p.Stop()); said != "" {
				words = append(words, said)
			}
		}
		r.loop.Close()
		// If something went wrong, the last lines that a server wrote are of interest.
		if err != nil && len(words) > 0 {
			said := strings.Join(words, "\n")
			err = fmt.Errorf("%w; it wrote: %s", err, said[max(0, len(said)-600):])
		}
	}()
	return f(r)
}

// start starts the peer, or one more node of it, and returns its address.
func (r *run) start(o peer.Options) (string, error) {
	port, err := r.FreePort()
	if err != nil {
		return "", err
	}
	o.Port = port
	if o.Cores == nil {
		o.Cores = r.Server
	}
	if r.peer.Has(peer.NeedsRedis) && o.RedisURL == "" {
		o.RedisURL = r.Redis
	}
	if r.peer.Has(peer.NeedsBackend) {
		o.Backend = r.Backend
	}
	p, err := r.Start(r.ctx, r.peer, o)
	if err != nil {
		return "", err
	}
	r.processes = append(r.processes, p)
	return p.Addr(), nil
}

// stop ends the peer's processes, so that the workload can start new ones.
func (r *run) stop() {
	for _, p := range r.processes {
		p.Stop()
	}
	r.processes = nil
}

// usage returns what all nodes of the peer have taken.
func (r *run) usage() (total peer.Usage, err error) {
	for _, p := range r.processes {
		u, err := p.Usage()
		if err != nil {
			return total, err
		}
		total.CPU += u.CPU
		total.User += u.User
		total.System += u.System
		total.RSS += u.RSS
	}
	return total, nil
}

// A span is what happened in a stretch of time that was measured.
type span struct {
	seconds   float64
	serverCPU float64 // seconds
	user      float64 // the part of serverCPU that is not the kernel's
	loadCPU   float64 // seconds
	redisCPU  float64 // seconds
	delivered float64

	server     peer.Usage
	own, redis time.Duration
	at, count  int64
}

// add adds another stretch of time.
func (s *span) add(other *span) {
	s.seconds += other.seconds
	s.serverCPU += other.serverCPU
	s.user += other.user
	s.loadCPU += other.loadCPU
	s.redisCPU += other.redisCPU
	s.delivered += other.delivered
	s.server = other.server
}

// begin starts a span.
func (r *run) begin() (*span, error) {
	server, err := r.usage()
	if err != nil {
		return nil, err
	}
	redis, err := r.redisCPU()
	if err != nil {
		return nil, err
	}
	own, err := load.OwnCPU()
	return &span{server: server, own: own, redis: redis, at: r.loop.Now(), count: r.loop.Delivered}, err
}

// redisCPU returns what Redis has taken, if there is one.
func (r *run) redisCPU() (time.Duration, error) {
	if r.RedisCPU == nil {
		return 0, nil
	}
	return r.RedisCPU()
}

// end ends a span.
func (r *run) end(s *span) error {
	at, count := r.loop.Now(), r.loop.Delivered
	server, err := r.usage()
	if err != nil {
		return err
	}
	redis, err := r.redisCPU()
	if err != nil {
		return err
	}
	own, err := load.OwnCPU()
	s.seconds = float64(at-s.at) / 1e9
	s.serverCPU = (server.CPU - s.server.CPU).Seconds()
	s.user = min(max((server.User-s.server.User).Seconds(), 0), s.serverCPU)
	s.loadCPU = (own - s.own).Seconds()
	s.redisCPU = (redis - s.redis).Seconds()
	s.delivered = float64(count - s.count)
	s.server = server
	return err
}

// spent adds to the result what a span took from the machine, and whether the load was the limit.
func (r *run) spent(s *span, serverCores int) {
	v := r.result.Values
	v["server_cpu"] = s.serverCPU / s.seconds
	v["load_cpu"] = s.loadCPU / s.seconds
	v["rss"] = float64(s.server.RSS)
	r.result.LoadLimited = v["load_cpu"] > 0.9 && v["server_cpu"] < 0.9*float64(serverCores)
}

// divisible is the least CPU time, in seconds, of which it can be said how much was user and system: 10 of the units
// that Linux tells it in.
const divisible = 0.1

// each adds to the result the server's CPU time for each of n things, under a name, and how much of that was user and
// system, if that can be said.
func (r *run) each(name string, s *span, n float64) {
	if n <= 0 {
		return
	}
	v := r.result.Values
	v[name] = s.serverCPU / n
	if s.serverCPU >= divisible {
		v["user_each"], v["system_each"] = s.user/n, (s.serverCPU-s.user)/n
	}
}

// connect connects clients. It fails if any cannot connect.
func (r *run) connect(first, count int, specs ...load.Spec) ([]*load.Client, error) {
	return r.loop.Connect(r.ctx, first, count, specs...)
}

// chat returns how a client of the chat connects: it registers in the room.
func (r *run) chat(addr string) load.Spec {
	spec := load.Spec{Addr: addr, Protocol: r.peer.Protocol}
	if spec.Protocol == peer.SocketIO {
		spec.Hello, spec.Expect = `42["registrar"]`, `42["registrado"`
	}
	return spec
}

// chatMessage returns a message of the chat with a text of size bytes, in the peer's protocol. What the recipients get
// is about as long in all protocols.
func (r *run) chatMessage(size int) *load.Message {
	const before = `{"nickname":"Ana","message":"`
	switch r.peer.Protocol {
	case peer.Floor:
		return load.Text(`42["messages",`+before, size, `","server":"host"}]`)
	case peer.Centrifuge:
		return load.Text(`{"id":3,"publish":{"channel":"bench","data":`+before, size, `"}}}`)
	}
	return load.Text(`42["messages",`+before, size, `"}]`)
}

// joined returns how a client connects that joins a room of the benchmark.
func (r *run) joined(addr, room string) load.Spec {
	return load.Spec{Addr: addr, Protocol: r.peer.Protocol, Hello: `420["join","` + room + `"]`, Expect: `430[`}
}

// said returns a message to a room of the benchmark.
func said(room string, size int) *load.Message {
	return load.Text(`42["say",{"room":"`+room+`","text":"`, size, `"}]`)
}
