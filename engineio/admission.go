package engineio

// Who may open a session: what is decided here holds for every way in which a client may come.

import (
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
)

// What a client is told whose handshake is refused by a limit, with code Forbidden: what Options.OnConnectionError gets
// as the message. socket.io-client tells its program of an error and tries again later.
const (
	RefusedFull    = "too many sessions"                     // 503, Options.MaxSessions
	RefusedMemory  = "out of memory"                         // 503, Options.MemoryShare
	RefusedAddress = "too many sessions from this address"   // 429, Options.MaxSessionsPerAddress
	RefusedRate    = "too many handshakes from this address" // 429, Options.HandshakeRate
	RefusedSize    = "request header too large"              // 431, Options.MaxHandshakeBytes; code BadRequest
)

// refusals are what the verdicts on a handshake mean to its client.
var refusals = [admission.Verdicts]*refusal{
	admission.Full:        refuseLater(http.StatusServiceUnavailable, RefusedFull),
	admission.ShortMemory: refuseLater(http.StatusServiceUnavailable, RefusedMemory),
	admission.AddressFull: refuseLater(http.StatusTooManyRequests, RefusedAddress),
	admission.TooFast:     refuseLater(http.StatusTooManyRequests, RefusedRate),
}

// refusalDelay is for how long a client waits for the answer of refuseLater. At once, it would be back at once.
const refusalDelay = 250 * time.Millisecond

// refuseLater is refuseWith for a client that finds no room, or comes too often.
func refuseLater(status int, message string) *refusal {
	e := refuseWith(status, message)
	e.waits = true
	return e
}

// sessionBytes is about what a session takes beside its handshake: 2.4 KB with its connection while it is idle.
const sessionBytes = 3 << 10

// newDoor returns the door of sessions.
func newDoor(o *Options) *admission.Door {
	return admission.NewDoor(admission.Limits{
		Guests:      max(o.MaxSessions, 0),
		FromAddress: max(o.MaxSessionsPerAddress, 0),
		Rate:        max(o.HandshakeRate, 0),
		Burst:       o.HandshakeBurst,
		MemoryShare: max(o.MemoryShare, 0),
	})
}

// admit lets in a client that comes from an address with a handshake of so many bytes, or says why not. Whoever is let
// in is to leave: with Session.over, or where it comes to no session at once.
func (srv *Server) admit(from netip.Addr, size int) (admission.Guest, *refusal) {
	if refused := srv.refuseWhenClosing(); refused != nil {
		return admission.Guest{}, refused
	}
	if limit := srv.opts.MaxHandshakeBytes; limit > 0 && size > limit {
		srv.refused.size.Add(1)
		return admission.Guest{}, &refusal{
			code: BadRequest, message: RefusedSize, status: http.StatusRequestHeaderFieldsTooLarge,
		}
	}
	guest, verdict := srv.door.Enter(from, sessionBytes+size, time.Now())
	srv.refused.verdicts[verdict].Add(1)
	return guest, refusals[verdict]
}

// admitRequest is admit for a request that has come through net/http.
func (srv *Server) admitRequest(r *http.Request) (admission.Guest, *refusal) {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // where it is none, there is no address to count by
	return srv.admit(from.Addr(), openingSize(r))
}

// admitStream lets in the client of a stream that opens a session, and makes the session's id.
func (srv *Server) admitStream(r *http.Request) (string, admission.Guest, error) {
	guest, refused := srv.admitRequest(r)
	if refused != nil {
		srv.connectionError(r, refused)
		return "", guest, errors.New(refused.message)
	}
	id := ""
	if refused = srv.askProgram(r); refused == nil {
		id, refused = srv.newID(r)
	}
	if refused != nil {
		srv.door.Leave(guest)
		srv.connectionError(r, refused)
		return "", guest, errors.New(refused.message)
	}
	return id, guest, nil
}

// Refused counts who has not got in.
type Refused struct {
	Connections           int64 // past MaxConnections
	ConnectionsOfAddress  int64 // past MaxConnectionsPerAddress
	Sessions              int64 // past MaxSessions
	SessionsOfAddress     int64 // past MaxSessionsPerAddress
	HandshakesOfAddress   int64 // past HandshakeRate
	ShortOfMemory         int64 // past MemoryShare
	HandshakesThatAreLong int64 // past MaxHandshakeBytes
}

// refusedCounts are what Refused is made from.
type refusedCounts struct {
	verdicts, connections [admission.Verdicts]atomic.Int64
	size                  atomic.Int64
}

func (c *refusedCounts) read() Refused {
	return Refused{
		Connections:           c.connections[admission.Full].Load(),
		ConnectionsOfAddress:  c.connections[admission.AddressFull].Load(),
		Sessions:              c.verdicts[admission.Full].Load(),
		SessionsOfAddress:     c.verdicts[admission.AddressFull].Load(),
		HandshakesOfAddress:   c.verdicts[admission.TooFast].Load(),
		ShortOfMemory:         c.verdicts[admission.ShortMemory].Load(),
		HandshakesThatAreLong: c.size.Load(),
	}
}
