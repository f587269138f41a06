package auth

// What a Guard and its Verifier count.

import "time"

// Stats are counts since a Guard was made, and its present state.
type Stats struct {
	Admitted  int64          // sockets that have been let in
	Refreshed int64          // tokens that sockets have brought while they were connected
	Refused   map[Code]int64 // sockets and refreshes that have been refused, for each of Codes
	Expired   int64          // sockets that have been ended with their tokens
	StruckOut int64          // connections that have been ended for trying too many tokens

	Remembered    int64         // tokens that had been verified before
	Fetches       int64         // of a JWKS URL's keys, that have succeeded
	FetchesFailed int64         // the others
	KeysAge       time.Duration // since the last that has succeeded; 0 where there was none
}

// Stats returns the counts and the present state.
func (g *Guard) Stats() Stats {
	v := g.opts.Verifier
	s := Stats{
		Admitted: g.stats.admitted.Load(), Refreshed: g.stats.refreshed.Load(), Expired: g.stats.expired.Load(),
		StruckOut: g.stats.struckOut.Load(), Remembered: v.stats.remembered.Load(),
		Fetches: v.stats.fetches.Load(), FetchesFailed: v.stats.fetchesFailed.Load(),
		Refused: make(map[Code]int64, len(Codes)),
	}
	for i, code := range Codes {
		s.Refused[code] = g.stats.refusals[i].Load()
	}
	if r, ok := v.keys.(*remoteKeys); ok {
		s.KeysAge, _ = r.age()
	}
	return s
}
