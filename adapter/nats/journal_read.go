package nats

// Reading the journal on, and handing its messages to the namespaces.

import (
	"context"
	"strings"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// read reads the journal, from its present end on, until the Broker is closed.
func (j *journal) read() {
	t := tail{
		broker: j.broker, name: j.name, prepare: j.prepare, forget: j.forgetMade, begin: j.beginAt, hand: j.hand,
		position: j.position, following: j.setFollowing, failed: j.failed,
	}
	t.read(j.broker.ctx)
}

func (j *journal) position() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// beginAt returns the sequence to read on behind. The first time that is the end of the stream,
// and the namespaces subscribe, now that it is known from where on they get what is said. Not before: a server that
// counts as connected must miss none. A stream that has lost its end is read on from what is left.
func (j *journal) beginAt(_ context.Context, info *jetstream.StreamInfo) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	end := info.State.LastSeq
	if !j.known || end < j.last {
		j.last = end
	}
	if !j.known {
		j.known = true
		for _, buses := range j.buses {
			for _, b := range buses {
				b.begin(j.last)
			}
		}
	}
	return j.last, nil
}

// hand hands a message to its namespace.
func (j *journal) hand(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
	sequence, namespace := meta.Sequence.Stream, strings.TrimPrefix(m.Subject(), j.subject)
	j.mu.Lock()
	buses := j.buses[namespace]
	j.last = sequence
	j.mu.Unlock()
	for _, b := range buses {
		b.take(sequence, m.Data())
	}
	j.mu.Lock()
	j.noteRead(sequence)
	j.mu.Unlock()
	return nil
}

// isStatus returns the status of an answer without content, "" where it has some.
func isStatus(m *natsio.Msg) string {
	if len(m.Data) > 0 {
		return ""
	}
	return m.Header.Get("Status")
}
