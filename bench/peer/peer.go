// Package peer starts the servers that are compared, and measures what they take from the machine.
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
	Extra      Feature = "extra"      // the benchmark's events: join, leave, say, echo, blob (see service.md)
	Polling    Feature = "polling"    // HTTP long-polling
	Cluster    Feature = "cluster"    // several nodes on one Redis
	SlowLimit  Feature = "slowlimit"  // closes a client that reads too slowly
	TwoCores   Feature = "twocores"   // uses more than one core
	NeedsRedis Feature = "needsredis" // runs on a Redis, alone too, as the Nest service must: Options.RedisURL is then always set
	Raw        Feature = "raw"        // no Engine.IO: the floor and other protocols, see Peer.Protocol
)

// A Protocol is what a peer speaks on a connection.
type Protocol string

const (
	SocketIO   Protocol = "socket.io"  // Engine.IO 4 and Socket.IO 5
	Floor      Protocol = "floor"      // WebSocket; what one client sends goes to all, as it came
	Centrifuge Protocol = "centrifuge" // WebSocket, Centrifuge's JSON protocol: one channel, publications
)

// A Peer is a server that is compared.
type Peer struct {
	Name     string // short, for tables: "ours", "nest", "node-ws"
	Title    string // with its version, as obtained on this machine: "NestJS 11.2.10, socket.io 4.8.3"
	Protocol Protocol
	Features []Feature
	// Command returns the program to run and its variables beside PATH and HOME. It listens on 127.0.0.1:port.
	Command func(o Options) (argv, env []string)

	prepare []step
}

// Has reports whether the peer has a feature.
func (p *Peer) Has(f Feature) bool { return slices.Contains(p.Features, f) }

// Options of one run of a peer.
type Options struct {
	Port     int
	RedisURL string // "" for one node in memory
	MaxQueue int    // bytes that may wait for one slow client, of peers with SlowLimit; 0 for the peer's default
	Extra    bool   // serve the benchmark's events and not only the chat's
	Cores    []int  // the cores it may run on; nil for those of the harness
}

// A Process is a running peer.
type Process interface {
	// Addr is its host:port.
	Addr() string
	// Started is when it was executed, builds and installations excluded.
	Started() time.Time
	// Usage is what it has taken so far, its children included. Once it has ended that is an error.
	Usage() (Usage, error)
	// Stop ends it and all that it started, at once, and returns what it wrote to stderr, cut to its last lines. It
	// may be called several times.
	Stop() string
}

// A Usage of the machine by a process.
type Usage struct {
	// CPU is the time on all cores, from the scheduler's clock: exact to the nanosecond for a thread that does not run, at
	// most a tick (4 ms) old for one that does. Threads that have ended are included, child processes that have ended
	// are not.
	CPU time.Duration
	RSS int64 // resident memory, bytes: VmRSS
	At  time.Time
}

var (
	// ErrEnded means that the process is gone.
	ErrEnded = errors.New("peer: process ended")
	// ErrNeedsLinux means that this system has no way to pin and measure a process as the benchmark needs it.
	ErrNeedsLinux = errors.New("peer: the benchmark measures with Linux's scheduler and /proc, and runs only there")
)
