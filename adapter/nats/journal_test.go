package nats

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

func TestChunk(t *testing.T) {
	entries := []chunkEntry{
		{1, cluster.Broadcast, []byte("{}")}, {2, cluster.SocketsJoin, nil}, {seqMost, 9, bytes.Repeat([]byte{7}, 300)},
	}
	text := beginChunk(chunkWhole, "0123456789abcdef")
	for i := range entries {
		text = entries[i].appendTo(text)
	}
	c, err := parseChunk(text)
	if err != nil || c.sender != "0123456789abcdef" || c.part.count != 0 || len(c.entries) != len(entries) {
		t.Fatalf("%+v, %v", c, err)
	}
	for i, e := range c.entries {
		if e.seq != entries[i].seq || e.typ != entries[i].typ || !bytes.Equal(e.data, entries[i].data) {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	for n := range len(text) {
		if c, err := parseChunk(text[:n]); err == nil && len(c.entries) == len(entries) {
			t.Errorf("%d of %d bytes make a whole chunk", n, len(text))
		}
	}
}

// The parts of an entry come, some twice, some not: what comes of it is whole or nothing, and nothing is kept of it.
func TestParts(t *testing.T) {
	part := func(seq, index, count uint64) *chunk {
		e := chunkEntry{seq: seq, typ: cluster.Broadcast}
		first := uint64(0)
		if index > 0 {
			first = 100
		}
		c, err := parseChunk(e.part("s", partOf{index, count, first}, fmt.Appendf(nil, "%d", index)))
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	for _, test := range []struct {
		name  string
		parts []*chunk
		want  string
	}{
		{"in order", []*chunk{part(1, 0, 3), part(1, 1, 3), part(1, 2, 3)}, "012"},
		{"twice", []*chunk{
			part(1, 0, 3), part(1, 0, 3), part(1, 1, 3), part(1, 1, 3), part(1, 0, 3), part(1, 2, 3),
		}, "012"},
		{"one is missing", []*chunk{part(1, 0, 3), part(1, 2, 3)}, ""},
		{"another begins", []*chunk{part(1, 0, 3), part(2, 0, 2), part(1, 1, 3), part(2, 1, 2)}, "01"},
		{"the beginning is missing", []*chunk{part(1, 1, 3), part(1, 2, 3)}, ""},
	} {
		var p partial
		var got []byte
		held := 0
		for _, c := range test.parts {
			data, ok, more := p.take(c, 100)
			if held += more; ok {
				got = data
			}
			if held != len(p.data) {
				t.Errorf("%s: %d bytes are held, %d are counted", test.name, len(p.data), held)
			}
		}
		if string(got) != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	var p partial
	p.take(part(1, 0, 3), 1)
	if _, ok, more := p.take(part(1, 1, 3), 1); ok || more != -1 || p.data != nil {
		t.Errorf("past the limit: %v, %d, %q", ok, more, p.data)
	}
}

func FuzzChunk(f *testing.F) {
	e := chunkEntry{5, cluster.Broadcast, []byte("{}")}
	f.Add(e.appendTo(e.appendTo(beginChunk(chunkWhole, "s"))))
	f.Add(e.part("s", partOf{1, 3, 1 << 60}, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseChunk(b)
		if err != nil {
			return
		}
		text := beginChunk(chunkWhole, c.sender)
		for i := range c.entries {
			if c.entries[i].seq == 0 || c.entries[i].seq > seqMost {
				t.Fatalf("%+v", c)
			}
			text = c.entries[i].appendTo(text)
		}
		if c.part.count > 0 {
			text = c.entries[0].part(c.sender, c.part, c.entries[0].data)
		}
		again, err := parseChunk(text)
		equal := func(a, b chunkEntry) bool { return a.seq == b.seq && a.typ == b.typ && bytes.Equal(a.data, b.data) }
		if err != nil || again.part != c.part || !slices.EqualFunc(again.entries, c.entries, equal) {
			t.Fatalf("%+v came back as %+v, %v", c, again, err)
		}
	})
}

// A stream that is full loses its oldest messages: a server that was away counts what it has missed, and a client that
// has seen nothing newer begins anew.
func TestJournalFull(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	way := newCable(t, s.Addr)
	opts := JetStreamOptions{MaxBytes: 1 << 20, Recovery: recovering}
	a, b := startJournalNode(t, s.URL(), Options{}, opts), startJournalNode(t, way.url(), Options{}, opts)
	together(t, a, b)
	local, remote := read(a.client(t, "all")), read(b.client(t, "all"))
	traveller := a.client(t, "all")
	seen := read(traveller)
	if err := a.To("all").Emit("n", 0, 1); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*reader{local, remote, seen} {
		eventually(t, "all is well", func() bool { return r.has(0, 0, 1) == 1 })
	}
	traveller.Close()
	<-seen.done
	way.broken.Store(true)
	way.Cut()
	eventually(t, "a server is away", func() bool { return !b.broker.Stats().Up })
	padding := strings.Repeat("x", 20_000)
	for i := range 200 {
		if err := a.To("all").Emit("n", 0, i+2, padding); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "its own clients have everything", func() bool { return local.has(0, 0, 201) == 201 })
	way.broken.Store(false)
	eventually(t, "the newest has come", func() bool { return remote.has(0, 200, 201) == 1 })
	missed := 201 - remote.has(0, 0, 201)
	if st := b.broker.Stats(); missed < 100 || st.Missed != int64(missed) {
		t.Errorf("%d missed, %+v", missed, st)
	}
	if b.log.count("not in the stream any more") == 0 {
		t.Error("the log says nothing of it")
	}
	c := testclient.Resume(t, b.url, "/", traveller.PID, seen.offset())
	if c.ID == traveller.ID {
		t.Error("a client is resumed over a gap")
	}
	if wrong := append(local.faults(), remote.faults()...); len(wrong) > 0 {
		t.Errorf("%d faults, first %s", len(wrong), wrong[0])
	}
	stream, err := a.broker.journal.Load().js.Stream(t.Context(), "socket_2Eio-log")
	if err != nil || stream.CachedInfo().State.Bytes > 1<<20 {
		t.Errorf("the stream: %+v, %v", stream, err)
	}
}

// A client is resumed at several servers at once, as one that loses its patience: one of them has its session.
func TestSessionIsTakenOnce(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	var buses []*journalBus
	for range 3 {
		n := startJournalNode(t, s.URL(), Options{}, JetStreamOptions{Recovery: recovering})
		n.Of("/")
		buses = append(buses, n.broker.journal.Load().buses["=2F"][0])
	}
	for round := range 20 {
		pid := fmt.Sprintf("pid.%d *", round)
		buses[0].Keep(pid, "session", time.Minute)
		<-buses[0].journal.sessions.queue.Drained()
		taken := make(chan string, 3*4)
		for i := range cap(taken) {
			go func() {
				text, err := buses[i%3].Take(t.Context(), pid)
				if err != nil {
					text = err.Error()
				}
				taken <- text
			}()
		}
		got := map[string]int{}
		for range cap(taken) {
			got[<-taken]++
		}
		if got["session"] != 1 || got[""] != cap(taken)-1 {
			t.Fatalf("got %v", got)
		}
	}
	// What is kept for a second is gone then, and what is forgotten at once.
	buses[0].Keep("short", "session", time.Second)
	buses[0].Keep("forgotten", "session", time.Minute)
	buses[0].Forget("forgotten")
	<-buses[0].journal.sessions.queue.Drained()
	if text, err := buses[1].Take(t.Context(), "forgotten"); text != "" || err != nil {
		t.Errorf("a forgotten session: %q, %v", text, err)
	}
	eventually(t, "a session expires", func() bool {
		m, err := buses[1].journal.get(t.Context(), "socket_2Eio-sessions", query{LastOf: "socket.io.session.short"})
		return m == nil && err == nil
	})
}

// A program makes an adapter for the sake of emitting, emits and ends: what it has said is in the stream.
func TestShutdownWaitsForTheJournal(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	b := open(t, s.URL(), Options{})
	io := socketio.NewServer(socketio.Options{
		Adapter: b.JetStream(JetStreamOptions{Recovery: recovering}), ConnectionStateRecovery: recovering,
	})
	for i := range 4 {
		if err := io.Emit("said", i); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := io.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if st := b.Stats(); st.OutboxMessages != 0 || st.Published < 4 {
		t.Errorf("%+v", st)
	}
}
