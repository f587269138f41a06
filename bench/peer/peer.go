// Package peer starts the servers that are compared, and measures what they take from the machine.
package peer

import (
	"context"
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
	NeedsRedis Feature = "needsredis" // cannot run without a Redis, alone either: Options.RedisURL is then always set
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
	// Command returns the program to run. It listens on 127.0.0.1:port.
	Command func(o Options) (argv, env []string)
}

// Options of one run of a peer.
type Options struct {
	Port     int
	RedisURL string // "" for one node in memory
	MaxQueue int    // bytes that may wait for one slow client, of peers with SlowLimit; 0 for the peer's default
	Extra    bool   // serve the benchmark's events and not only the chat's
	Cores    []int  // the cores it may run on
}

// A Process is a running peer.
type Process interface {
	Addr() string
	// Started is when it was executed, builds and installations excluded.
	Started() time.Time
	// Usage is what it has taken so far, its children included.
	Usage() (Usage, error)
	// Stop ends it and returns what it wrote to stderr, cut to its last lines.
	Stop() string
}

// A Usage of the machine by a process.
type Usage struct {
	CPU time.Duration // on all cores, from the scheduler's clock (/proc/PID/task/*/schedstat)
	RSS int64         // resident memory, bytes
	At  time.Time
}

// All are the peers in the order of the tables, ours first.
func All() []*Peer {
	panic("to be written")
}

// Prepare builds or installs what a peer needs. It is called once for each, before anything is measured and before the
// harness has bound itself to a core. Its error says why the peer cannot take part; the others go on without it.
func Prepare(ctx context.Context, p *Peer) error {
	panic("to be written")
}

// Start runs a peer and waits until it answers a request.
func Start(ctx context.Context, p *Peer, o Options) (Process, error) {
	panic("to be written")
}
