package nats

// What is counted, and whether NATS is there.

import (
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
)

// Stats are the present state of a Broker, and counts since it was opened.
type Stats struct {
	// Up says that messages come and go: there is a connection, and the server at its other end answers.
	Up             bool
	Since          time.Time     // when Up last changed
	Server         string        // the server that this one is connected to, without secrets; "" while there is none
	RoundTrip      time.Duration // to that server and back, the last time; 0 before the first
	Connects       int64         // how often a connection was made
	ConnectErrors  int64         // how often one could not be made
	Members        int           // other processes that are known
	Published      int64         // messages that NATS has taken
	PublishErrors  int64         // messages that a connection was lost with: NATS may have taken them or not
	Dropped        int64         // messages turned away by a full outbox
	Received       int64         // messages from other servers
	ReceiveDropped int64         // messages turned away by a full inbox
	SlowDropped    int64         // messages that the NATS client has dropped because PendingMessages waited already
	Partial        int64         // messages of which not all parts have come
	Malformed      int64         // messages that made no sense
	Subscriptions  int           // of the adapters, each room's among them
	OutboxBytes    int           // what waits to be published
	OutboxMessages int           // the same, in messages, and in sessions to be kept
	Journal        bool          // there is a stream, with Broker.JetStream
	JournalUp      bool          // what others say comes from it
	JournalErrors  int64         // how often JetStream has refused something, or not answered
	Missed         int64         // messages of others that were cut off the stream before they were read
}

type counters struct {
	connects, connectErrors           atomic.Int64
	published, publishErrors, dropped atomic.Int64
	received, partial, slow           atomic.Int64
	roundTrip                         atomic.Int64
	journalErrors, missed             atomic.Int64
	inbound                           cluster.Counts
}

// Stats returns the present state and the counts.
func (b *Broker) Stats() Stats {
	up, since, server := b.state.get()
	messages, bytes := b.outbox.queue.Depth()
	following := false
	j := b.journal.Load()
	if j != nil {
		more, moreBytes := j.queue.Depth()
		messages, bytes, following = messages+more, bytes+moreBytes, j.isFollowing()
		if j.sessions != nil {
			more, moreBytes = j.sessions.queue.Depth()
			messages, bytes = messages+more, bytes+moreBytes
		}
	}
	return Stats{
		Up: up, Since: since, Server: server,
		RoundTrip:      time.Duration(b.stats.roundTrip.Load()),
		Connects:       b.stats.connects.Load(),
		ConnectErrors:  b.stats.connectErrors.Load(),
		Members:        b.members.size(),
		Published:      b.stats.published.Load(),
		PublishErrors:  b.stats.publishErrors.Load(),
		Dropped:        b.stats.dropped.Load(),
		Received:       b.stats.received.Load(),
		ReceiveDropped: b.stats.inbound.Dropped.Load(),
		SlowDropped:    b.stats.slow.Load(),
		Partial:        b.stats.partial.Load(),
		Malformed:      b.stats.inbound.Malformed.Load(),
		Subscriptions:  b.listeners.size(),
		OutboxBytes:    bytes,
		OutboxMessages: messages,
		Journal:        j != nil,
		JournalUp:      following,
		JournalErrors:  b.stats.journalErrors.Load(),
		Missed:         b.stats.missed.Load(),
	}
}
