package engineio

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// wantStats waits until the counts are as wanted: they lag behind what a client sees by a moment.
func (h *host) wantStats(want Stats) {
	h.t.Helper()
	var got Stats
	eventually(h.t, "the counts", func() bool {
		got = h.Stats()
		got.Connections = want.Connections // they depend on how the client keeps its own
		if got == want {
			return true
		}
		if got.BytesSent > want.BytesSent || got.MessagesSent > want.MessagesSent ||
			got.MessagesReceived > want.MessagesReceived {
			h.t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		return false
	})
}

// settled waits until all that was written is counted, and returns the counts.
func (h *host) settled() (st Stats) {
	h.t.Helper()
	eventually(h.t, "what is written to be counted", func() bool {
		st = h.Stats()
		return st.QueuedBytes == 0 && st.BytesSent > 0
	})
	return st
}

// Every byte counts: of a polling session, of its upgrade and of its WebSocket connection.
func TestStatsCountEveryTransport(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openPoll()
	st := h.settled()
	greeting := st.BytesSent
	if st.Polling != 1 || st.WebSocket != 0 || st.MessagesSent != 0 || greeting == 0 {
		t.Errorf("opened: %+v", st)
	}
	c.post("4ana\x1e4bia")
	c.wantPoll("4ana\x1e4bia")
	want := Stats{Polling: 1, MessagesReceived: 2, BytesReceived: 9, MessagesSent: 2, BytesSent: greeting + 9}
	h.wantStats(want)

	// A text with two attachments is three messages. In a payload a binary one is base64 behind a "b".
	c.peer().Send(NewTextMessage([]byte("two"), [][]byte{{1}, {2}}, MessageOptions{}))
	c.wantPoll("4two\x1ebAQ==\x1ebAg==")
	want.MessagesSent, want.BytesSent = want.MessagesSent+3, want.BytesSent+int64(len("4two\x1ebAQ==\x1ebAg=="))
	h.wantStats(want)

	w := c.upgrade()
	// Two frames, each with a header of 2 bytes and a mask of 4, and the answer to the probe.
	want.BytesReceived += 6 + int64(len("2probe")) + 6 + int64(len("5"))
	want.BytesSent += 2 + int64(len("3probe"))
	want.Polling, want.WebSocket, want.Upgrades = 0, 1, 1
	h.wantStats(want)
	w.send("4caio")
	w.want(ws.OpText, "4caio")
	want.MessagesReceived, want.BytesReceived = want.MessagesReceived+1, want.BytesReceived+6+5
	want.MessagesSent, want.BytesSent = want.MessagesSent+1, want.BytesSent+2+5
	h.wantStats(want)

	// Heartbeats count as bytes, but not as messages.
	w.send("3")
	want.BytesReceived += 7
	h.wantStats(want)
	w.conn.Close()
	want.WebSocket = 0
	h.wantStats(want)
}

// stream.drain counts what it writes to connections that may always block, such as TLS, and to one that takes no more
// for a while.
func TestStatsCountWhatIsDrained(t *testing.T) {
	t.Run("always", func(t *testing.T) {
		h := tlsHost(t, setup{message: echo})
		w := h.openWS()
		before := h.settled()
		w.send("4ana")
		w.want(ws.OpText, "4ana")
		before.MessagesReceived, before.BytesReceived = 1, before.BytesReceived+6+4
		before.MessagesSent, before.BytesSent = 1, before.BytesSent+2+4
		h.wantStats(before)
	})
	t.Run("blocked", func(t *testing.T) {
		h := tinyHost(t, setup{opts: Options{}})
		w := h.openWS()
		before := h.settled()
		sent := h.peer(w.sid).block(t)
		if st := h.Stats(); st.QueuedBytes < 1<<20 || st.MessagesSent >= int64(sent) {
			t.Errorf("blocked after %d messages: %+v", sent, st)
		}
		for range sent {
			w.want(ws.OpText, "4"+strings.Repeat("b", 20_000))
		}
		before.MessagesSent = int64(sent)
		before.BytesSent += int64(sent * (4 + 1 + 20_000))
		h.wantStats(before)
	})
}

func TestStatsCountSlowClients(t *testing.T) {
	h := start(t, setup{opts: Options{MaxQueueBytes: 1000}})
	c := h.openPoll()
	h.settled()
	p := c.peer()
	p.Send(text(strings.Repeat("x", 100)))
	// A byte for the packet's type, two for the frame's header, and what every queued message costs besides.
	if got := h.Stats().QueuedBytes; got != 100+1+2+messageOverhead {
		t.Errorf("%d bytes wait", got)
	}
	p.Send(text(strings.Repeat("x", 1000)))
	p.wantClose(t, ReasonSlowClient)
	if st := h.Stats(); st.SlowClients != 1 || st.QueuedBytes != 0 || st.Polling != 0 {
		t.Errorf("%+v", st)
	}
}

// What a scrape of the metrics of 20,000 sessions costs.
func BenchmarkStats(b *testing.B) {
	srv := NewServer(Options{}, func(s *Session) Handler { return &peer{Session: s} })
	for range 20_000 {
		r, err := http.NewRequest("GET", "/engine.io/?EIO=4&transport=polling", nil)
		if err != nil {
			b.Fatal(err)
		}
		guest, _ := srv.admitRequest(r)
		srv.openPolling(NewID(), query{revision: "4"}, newOpening(r), guest, srv.nextFlusher())
	}
	defer func() {
		for _, s := range srv.all() {
			s.lockAndEnd(endCut, ReasonForcedClose)
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if st := srv.Stats(); st.Polling != 20_000 {
			b.Fatalf("%+v", st)
		}
	}
}
