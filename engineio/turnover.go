package engineio

// How many sessions have come and gone.

import (
	"slices"
	"sync/atomic"
)

// reasons are all of those for which a session ends.
var reasons = [...]Reason{
	ReasonTransportClose, ReasonTransportError, ReasonPingTimeout, ReasonParseError, ReasonForcedClose,
	ReasonSlowClient, ReasonShutdown,
}

// A Turnover counts the sessions that have been opened and closed since a Server was made.
type Turnover struct {
	Opened int64
	Closed map[Reason]int64 // every Reason is there
}

// Turnover returns the counts. It looks at no session.
func (srv *Server) Turnover() Turnover {
	t := Turnover{Closed: make(map[Reason]int64, len(reasons))}
	for i, reason := range reasons {
		t.Closed[reason] = srv.turnover.closed[i].Load()
	}
	t.Opened = srv.turnover.opened.Load() // last: as many as have been closed have been opened
	return t
}

type turnoverCounts struct {
	opened atomic.Int64
	closed [len(reasons)]atomic.Int64 // by the reasons' places in reasons
}

func (c *turnoverCounts) count(reason Reason) {
	if i := slices.Index(reasons[:], reason); i >= 0 {
		c.closed[i].Add(1)
	}
}
