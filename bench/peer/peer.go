// Package peer starts the servers that are compared and measures what they take from the machine.
package peer

import (
	"errors"
	"slices"
	"time"
)

// A Feature is something that a workload asks of a server.
type Feature string

const (
	Chat       Feature = "chat"       // the service's own events: registrar, messages
	Extra      Feature = "extra"      // the benchmark's events: join, leave, say, echo, blob; see service.md
	Polling    Feature = "polling"    // HTTP long-polling
	Cluster    Feature = "cluster"    // several nodes on one Redis
	SlowLimit  Feature = "slowlimit"  // closes a client that reads too slowly
	TwoCores   Feature = "twocores"   // uses more than one core
	Origins    Feature = "origins"    // can be told the origins that pages may come from; see Options.Origins
	NeedsRedis Feature = "needsredis" // runs on a Redis even alone, like the Nest service; Options.RedisURL is set
	// NeedsBackend hands events to a backend; Options.Backend is set.
	NeedsBackend Feature = "needsbackend"
	Raw          Feature = "raw" // no Engine.IO: the floor and other protocols; see Peer.Protocol
)

// A Protocol is what a peer speaks on a connection.
type Protocol string

const (
	SocketIO   Protocol = "socket.io"  // Engine.IO 4 and Socket.IO 5
	Floor      Protocol = "floor"      // WebSocket; each client's messages go to all, unchanged
	Centrifuge Protocol = "centrifuge" // WebSocket; Centrifuge's JSON protocol, with one channel and publications
)

// A Peer is a server that is compared.
type Peer struct {
	Name     string // short, for tables: "ours", "nest", "node-ws"
	Title    string // with the version that is installed: "NestJS 11.2.10, socket.io 4.8.3"
	Protocol Protocol
	Features []Feature
	// Cannot has the workloads that it fails though it has what they need, and says why, in words that go on from
	// its name.
	Cannot map[string]string
	// Command returns the program to run, and its environment besides PATH and HOME. It must listen on 127.0.0.1:Port.
	Command func(o Options) (argv, env []string)

	prepare []step
}

// Has reports whether the peer has a feature.
func (p *Peer) Has(f Feature) bool { return slices.Contains(p.Features, f) }

// Options of one run of a peer.
type Options struct {
	Port     int
	RedisURL string // "" for one node in memory
	// Backend is where bench/peers/backend is.
	Backend  BackendURLs
	MaxQueue int  // bytes that may wait for one slow client, for peers with SlowLimit; 0 is the peer's default
	Extra    bool // serve the benchmark's events and not only the chat's
	// Origins are those that pages may come from, of a server behind a proxy at 127.0.0.0/8, for peers with the
	// feature. Without any, pages may come from anywhere, and there is no proxy.
	Origins []string
	Cores   []int // the cores that it may run on; nil for those of the harness
	// Production is for measuring under attack: our own limits stand as in production, whatever the load does, and the
	// chat's events are the gateway's own. Env are further settings, and Files how many descriptors there are, or 0.
	Production bool
	Env        []string
	Files      int
}

// BackendURLs are those of bench/peers/backend, for BACKEND_URL; "" where it does not run.
type BackendURLs struct{ TCP, Socket string }

// A Process is a running peer.
type Process interface {
	// Addr returns its host:port.
	Addr() string
	// Started returns when it was executed, after builds and installations.
	Started() time.Time
	// Usage returns what it and its children have taken so far, or an error once it has ended.
	Usage() (Usage, error)
	// Stop ends it and all that it started, at once. It returns the end of what it wrote to stderr, and may be
	// called several times.
	Stop() string
}

// A Usage is what a process has taken from the machine.
type Usage struct {
	// CPU is the time on all cores by the scheduler's clock. It is exact to the nanosecond for threads that sleep, and
	// at most a tick (4 ms) old for those that run. It includes threads that have ended, but not child processes that
	// have.
	CPU time.Duration
	// User and System are the parts of CPU in the program and in the kernel. Linux samples them at each tick (4 ms), so
	// that they are good to a few percent of a second's work, and worse where the work keeps step with the ticks.
	User, System time.Duration
	RSS          int64 // resident memory, bytes: VmRSS
	Peak         int64 // the most that it was, bytes: VmHWM
	At           time.Time
}

var (
	// ErrEnded means that the process is gone.
	ErrEnded = errors.New("peer: process ended")
	// ErrNeedsLinux means that this system cannot pin and measure a process as the benchmark needs it.
	ErrNeedsLinux = errors.New("peer: the benchmark measures with Linux's scheduler and /proc, and runs only there")
)
