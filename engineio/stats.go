package engineio

// What a server counts, for whoever watches it.

import (
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
)

// Stats are counts since a Server was made, and its present state. A count may be a moment behind what clients have
// seen.
type Stats struct {
	Polling, WebSocket int   // open sessions, by the transport that they use now
	QueuedBytes        int64 // what waits for clients, all together, as Options.MaxQueueBytes counts it

	MessagesReceived int64 // that handlers have got; neither heartbeats nor anything else of the protocol's own
	MessagesSent     int64 // of those of NewTextMessage (its attachments included) and NewBinaryMessage, to each client
	BytesReceived    int64 // on WebSocket connections, and of polling bodies; without HTTP's headers and TLS
	BytesSent        int64 // the same way
	Upgrades         int64 // from polling to WebSocket
	SlowClients      int64 // closed with ReasonSlowClient
	Throttled        int64 // how often a client was made to wait, by MessageRate or ByteRate
	Connections      int   // TCP connections that are open, of what Listener returns
	Refused          Refused
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

// Stats returns the counts and the present state. It takes every session's lock for an instant: some 0.1 µs each.
func (srv *Server) Stats() Stats {
	var st Stats
	for _, s := range srv.all() {
		s.mu.Lock()
		st.QueuedBytes += int64(s.queued)
		switch {
		case s.phase == phaseClosed:
		case s.transport.name() == transportPolling:
			st.Polling++
		case s.transport.name() == transportWebSocket:
			st.WebSocket++
		}
		s.mu.Unlock()
	}
	for i := range srv.flushers {
		t := &srv.flushers[i].traffic
		st.MessagesReceived += t.messagesReceived.Load()
		st.MessagesSent += t.messagesSent.Load()
		st.BytesReceived += t.bytesReceived.Load()
		st.BytesSent += t.bytesSent.Load()
	}
	st.Upgrades, st.SlowClients = srv.upgrades.Load(), srv.slowClients.Load()
	st.Throttled = srv.throttled.Load()
	st.Connections, st.Refused = srv.connections.Guests(), srv.refused.read()
	return st
}

// traffic counts what one flusher's sessions receive and send. It stands between cache lines of its own, and so does
// each direction: the goroutines that read and write are not to wait for each other's counts.
type traffic struct {
	_                               [cacheLine]byte
	messagesReceived, bytesReceived atomic.Int64
	_                               [cacheLine]byte
	messagesSent, bytesSent         atomic.Int64
	_                               [cacheLine]byte
}

// cacheLine is the longest of a cache's lines, in bytes, on the machines that matter.
const cacheLine = 128

// sent counts what has been written by others than the flusher, which has roundCounts.
func (t *traffic) sent(messages, bytes int) {
	t.messagesSent.Add(int64(messages))
	t.bytesSent.Add(int64(bytes))
}

// roundCounts are what a flusher has written in one round through its list: counting each session's share in memory
// that others read would cost something.
type roundCounts struct{ messages, bytes int }

// messagesIn counts the program's messages in a batch.
func messagesIn(batch []*Message) int {
	n := 0
	for _, m := range batch {
		n += int(m.messages)
	}
	return n
}
