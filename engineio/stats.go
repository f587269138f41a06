package engineio

// What a server counts.

import "sync/atomic"

// Stats are a Server's present state, and counts since it was made. Counts may lag behind what clients have seen by a
// moment.
type Stats struct {
	// Polling and WebSocket are the open sessions, by the transport in use. Those of a Framing are in neither.
	Polling, WebSocket int
	// QueuedBytes is what waits for all clients together, counted as Options.MaxQueueBytes does.
	QueuedBytes int64

	// MessagesReceived counts the messages that handlers got. Packets of the protocol's own, such as heartbeats, do not
	// count.
	MessagesReceived int64
	// MessagesSent counts the program's messages once for each client, and each attachment as a message.
	MessagesSent int64
	// BytesReceived and BytesSent count the bytes of WebSocket and other streams, and of polling bodies, without the
	// headers of HTTP and without TLS.
	BytesReceived, BytesSent int64
	// Upgrades counts the sessions that left polling for another transport.
	Upgrades int64
	// SlowClients counts the sessions closed with ReasonSlowClient: over Options.MaxQueueBytes, and those of the next
	// two. StalledClients were closed over Options.WriteTimeout, ShedClients over Options.MaxTotalQueueBytes.
	SlowClients, StalledClients, ShedClients int64
	// Throttled counts how often a client was made to wait, by MessageRate or ByteRate.
	Throttled int64
	// Connections are the open TCP connections of what Listener returns.
	Connections int
	// Refused counts who was not let in.
	Refused Refused
	// HandedOn counts the connections that the fast listener has left to net/http.
	HandedOn HandedOn
}

// Stats returns the present state and the counts. It takes the lock of each session for an instant, some 0.1 µs.
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
	st.Upgrades = srv.upgrades.Load()
	st.StalledClients, st.ShedClients = srv.slowClients[slowStalled].Load(), srv.slowClients[slowShed].Load()
	st.SlowClients = srv.slowClients[slowQueue].Load() + st.StalledClients + st.ShedClients
	st.Throttled = srv.throttled.Load()
	st.Connections, st.Refused, st.HandedOn = srv.connections.Guests(), srv.refused.read(), srv.handedOn.read()
	return st
}

// traffic counts what one flusher's sessions receive and send. Each direction has cache lines to itself, so that the
// goroutines that read and those that write do not slow each other down.
type traffic struct {
	_                               [cacheLine]byte
	messagesReceived, bytesReceived atomic.Int64
	_                               [cacheLine]byte
	messagesSent, bytesSent         atomic.Int64
	_                               [cacheLine]byte
	queued                          atomic.Int64 // see Session.account
	_                               [cacheLine]byte
}

// cacheLine is the length of a cache line in bytes, on the machine with the longest.
const cacheLine = 128

// sent adds to the counts of what has been sent.
func (t *traffic) sent(messages, bytes int) {
	t.messagesSent.Add(int64(messages))
	t.bytesSent.Add(int64(bytes))
}

// roundCounts are what a flusher has written in one round through its list. It adds them to its traffic once a round:
// for each session that would cost too much.
type roundCounts struct{ messages, bytes int }

// messagesIn counts the program's messages in a batch.
func messagesIn(batch []*Message) int {
	n := 0
	for _, m := range batch {
		n += int(m.messages)
	}
	return n
}
