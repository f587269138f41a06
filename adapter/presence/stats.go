package presence

// Counts, for whoever watches over it: package presencemetrics.

import (
	"sync/atomic"
	"time"
)

// Stats are the present state of presence on a server, and counts since it began.
type Stats struct {
	Up        bool          // the store can be reached
	Settling  bool          // it waits for what it has lost
	Users     int           // online in the cluster, as of the last sign of life
	Nodes     int           // servers in it
	Sockets   int           // tracked of this server
	Own       int           // users of this server, who may be others' too
	Records   int           // what this server holds: its users, and their rooms
	Waiting   int           // changes of this server that the store has to be told
	Lag       time.Duration // how long the oldest of the last that were written has waited
	Following bool          // changes are told: OnChange has been called, and this server knows who was there
	Unread    int           // changes that the program has yet to be told

	Written  int64 // changes of this server that the store has taken
	Came     int64 // changes told to the program: users online
	Went     int64 // users offline
	Joined   int64 // users in a room
	Left     int64 // users out of one
	Missed   int64 // of these, found by comparing
	Compared int64 // comparisons with the store, but for the first
	Failures int64 // attempts at the store that failed
	Cleared  int64 // servers that this one has cleared up behind
	Outlawed int64 // times that this server was silent for so long that others did that behind it
	Restored int64 // times that the store had lost its records, and this server has put its own back
	Refused  int64 // rooms that are not tracked: too many, or too long a name
}

type counters struct {
	written, came, went, joined, left, missed, compared, failures atomic.Int64
	cleared, outlawed, restored, refused, lag                     atomic.Int64

	read atomic.Uint64 // number of the last entry read, and 1; 0: none
}

func (c *counters) tell(change Change) {
	switch {
	case change.Room == "" && change.Online:
		c.came.Add(1)
	case change.Room == "":
		c.went.Add(1)
	case change.Online:
		c.joined.Add(1)
	default:
		c.left.Add(1)
	}
	if change.Missed {
		c.missed.Add(1)
	}
}

// Stats returns the present state and the counts.
func (p *Presence) Stats() Stats {
	p.local.mu.Lock()
	s := Stats{
		Sockets: len(p.local.sockets), Own: p.local.users, Records: len(p.local.records),
		Waiting: len(p.local.changed) + len(p.local.putBack),
	}
	p.local.mu.Unlock()
	if standing := p.standing.Load(); standing != nil {
		s.Up, s.Settling, s.Users, s.Nodes = true, standing.Settling > 0, standing.Users, standing.Nodes
		if read := p.counts.read.Load(); read != 0 {
			s.Following = true
			s.Unread = max(int(standing.Last.Number)-int(read-1), 0)
		}
	}
	c := &p.counts
	s.Lag = time.Duration(c.lag.Load())
	s.Written, s.Came, s.Went = c.written.Load(), c.came.Load(), c.went.Load()
	s.Joined, s.Left = c.joined.Load(), c.left.Load()
	s.Missed, s.Compared, s.Failures = c.missed.Load(), c.compared.Load(), c.failures.Load()
	s.Cleared, s.Outlawed = c.cleared.Load(), c.outlawed.Load()
	s.Restored, s.Refused = c.restored.Load(), c.refused.Load()
	return s
}
