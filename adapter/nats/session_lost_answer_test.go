package nats

// A session that is taken out, where the answer to that is lost.

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

// A connection ends with the answer on it that a session was taken out with: whoever asked has it all the same.
func TestSessionIsTakenWhereTheAnswerIsLost(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	var cuts atomic.Int64
	r := relay.Start(t, func() (net.Conn, error) { return net.Dial("tcp", s.Addr) }, func(to, from net.Conn) {
		defer to.Close()
		defer from.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			confirms := bytes.Contains(buf[:n], []byte(`-sessions","seq"`)) // a write
			if confirms && cuts.CompareAndSwap(0, 1) {
				return
			}
			if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
				return
			}
		}
	})
	var buses []*journalBus
	for _, url := range []string{s.URL(), "nats://" + r.Addr} {
		n := startJournalNode(t, url, Options{}, JetStreamOptions{Recovery: recovering})
		n.Of("/")
		buses = append(buses, n.broker.journal.Load().buses["=2F"][0])
	}
	buses[0].Keep("pid", "session", time.Minute)
	<-buses[0].journal.sessions.queue.Drained()
	if text, err := buses[1].Take(t.Context(), "pid"); text != "session" || err != nil || cuts.Load() == 0 {
		t.Errorf("took %q, %v, after %d cuts", text, err, cuts.Load())
	}
	if text, err := buses[0].Take(t.Context(), "pid"); text != "" || err != nil {
		t.Errorf("somebody else took %q, %v", text, err)
	}
}
