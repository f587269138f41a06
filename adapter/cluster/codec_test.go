package cluster

// The form of Node.js's newer adapters, byte for byte.

import (
	"context"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// noBus is a broker that nobody else is on.
type noBus struct{ Codec }

func (noBus) Publish(Message) error                            { return nil }
func (noBus) Respond(string, Message) error                    { return nil }
func (noBus) Others(context.Context) (int, error)              { return 0, nil }
func (b noBus) Decode(_ string, data []byte, m *Message) error { return b.Codec.Decode(data, m) }
func (noBus) Close()                                           {}

func newTestAdapter(t *testing.T, opts Options) *Adapter {
	t.Helper()
	srv := socketio.NewServer(socketio.Options{Adapter: func(ns *socketio.Namespace) socketio.Adapter {
		return New(ns, opts, func(a *Adapter) Bus { return noBus{NewCodec(a)} })
	}})
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	return srv.Adapter().(*Adapter)
}

func TestCodecEncode(t *testing.T) {
	c := NewCodec(newTestAdapter(t, Options{}))
	opts := socketio.BroadcastOptions{Rooms: []string{"a"}, Except: []string{"b"}}
	const selection = `"opts":{"rooms":["a"],"except":["b"],"flags":{}}`
	binary := []byte(`["b",{"_placeholder":true,"num":0}]`)
	for _, m := range []struct {
		Message
		want string
	}{
		{Message{Type: Broadcast, Opts: opts, Payload: []byte(`["ev","<"]`)},
			`{"type":3,"data":{"packet":{"type":2,"data":["ev","<"]},` + selection + `},"uid":"S","nsp":"/"}`},
		{Message{Type: Broadcast, RequestID: "R", Opts: opts, Payload: binary, Attachments: [][]byte{{7}}},
			"\x84\xa4type\x03\xa4data\x83\xa6packet\x82\xa4type\x02\xa4data\x92\xa1b\xc4\x01\x07" +
				"\xa4opts\x83\xa5rooms\x91\xa1a\xa6except\x91\xa1b\xa5flags\x80" +
				"\xa9requestId\xa1R\xa3uid\xa1S\xa3nsp\xa1/"},
		{Message{Type: SocketsJoin, Opts: opts, Rooms: []string{"c"}},
			`{"type":4,"data":{` + selection + `,"rooms":["c"]},"uid":"S","nsp":"/"}`},
		{Message{Type: SocketsLeave, Opts: opts, Rooms: []string{"c"}},
			`{"type":5,"data":{` + selection + `,"rooms":["c"]},"uid":"S","nsp":"/"}`},
		{Message{Type: DisconnectSockets, Opts: opts, Close: true},
			`{"type":6,"data":{` + selection + `,"close":true},"uid":"S","nsp":"/"}`},
		{Message{Type: DisconnectSockets, Opts: opts, Resumed: true},
			`{"type":6,"data":{` + selection + `,"close":false,"resumed":true},"uid":"S","nsp":"/"}`},
		{Message{Type: FetchSockets, RequestID: "R", Opts: opts},
			`{"type":7,"data":{` + selection + `,"requestId":"R"},"uid":"S","nsp":"/"}`},
		{Message{Type: ListSockets, RequestID: "R", Opts: opts},
			`{"type":7,"data":{` + selection + `,"requestId":"R"},"uid":"S","nsp":"/"}`},
		{Message{Type: FetchSockets, RequestID: "R", Opts: opts, Page: Page{Bytes: 9}},
			`{"type":7,"data":{` + selection + `,"requestId":"R","page":{"bytes":9}},"uid":"S","nsp":"/"}`},
		{Message{Type: ListSockets, RequestID: "R", Opts: opts, Page: Page{9, "s"}},
			`{"type":7,"data":{` + selection + `,"requestId":"R","page":{"bytes":9,"after":"s"},"idsOnly":true},` +
				`"uid":"S","nsp":"/"}`},
		{Message{Type: ListRooms, RequestID: "R"},
			`{"type":7,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"requestId":"R"},"uid":"S","nsp":"/"}`},
		{Message{Type: FetchSocketsResponse, RequestID: "R"},
			`{"type":8,"data":{"requestId":"R","sockets":[]},"uid":"S","nsp":"/"}`},
		{Message{Type: FetchSocketsResponse, RequestID: "R", More: "s"},
			`{"type":8,"data":{"requestId":"R","sockets":[],"more":"s"},"uid":"S","nsp":"/"}`},
		{Message{Type: ListSocketsResponse, RequestID: "R", SocketIDs: []string{"r", "s"}, More: "s"},
			`{"type":8,"data":{"requestId":"R","socketIds":["r","s"],"more":"s"},"uid":"S","nsp":"/"}`},
		{Message{Type: ServerSideEmit, Payload: []byte(`["ev"]`)},
			`{"type":9,"data":{"packet":["ev"]},"uid":"S","nsp":"/"}`},
		{Message{Type: ServerSideEmitResponse, RequestID: "R", Payload: []byte(`null`)},
			`{"type":10,"data":{"packet":null,"requestId":"R"},"uid":"S","nsp":"/"}`},
		{Message{Type: BroadcastClientCount, RequestID: "R"},
			`{"type":11,"data":{"requestId":"R","clientCount":0},"uid":"S","nsp":"/"}`},
		{Message{Type: BroadcastAck, RequestID: "R", Payload: []byte(`7`)},
			`{"type":12,"data":{"packet":7,"requestId":"R"},"uid":"S","nsp":"/"}`},
	} {
		m.Sender = "S"
		got, err := c.Encode(m.Message)
		if err != nil || string(got) != m.want {
			t.Errorf("%d: %q, %v, want %q", m.Type, got, err, m.want)
			continue
		}
		packed, err := c.EncodeMsgpack(m.Message)
		if err != nil || len(packed) == 0 || packed[0] != 0x84 {
			t.Errorf("%d: %x, %v", m.Type, packed, err)
		}
		if m.Type >= ListSockets || m.isAnswer() {
			continue // not as it was, or not awaited
		}
		for i, form := range [][]byte{got, packed, c.Numbered(got, 7, false), c.Numbered(packed, 1<<40, true)} {
			var back Message
			seq := []uint64{0, 0, 7, 1 << 40}[i]
			if err := c.Decode(form, &back); err != nil || back.Seq != seq || back.Again != (i == 3) ||
				back.Type != m.Type || back.Sender != "S" ||
				back.RequestID != m.RequestID || string(back.Payload) != string(m.Payload) || back.Close != m.Close ||
				back.Resumed != m.Resumed || back.Page != m.Page || len(back.Rooms) != len(m.Rooms) ||
				len(back.Attachments) != len(m.Attachments) {
				t.Errorf("%q has become %+v, %v", form, back, err)
			}
		}
	}
}

// TestCodecPasses passes over what is nothing to this server, and reports what is malformed.
func TestCodecPasses(t *testing.T) {
	a := newTestAdapter(t, Options{NewID: func() string { return "OWN" }})
	c := NewCodec(a)
	for _, text := range []string{
		`{"type":3,"data":{},"uid":"OWN","nsp":"/"}`, `{"type":3,"data":{},"uid":"S","nsp":"/other"}`,
		`{"type":1,"data":"heartbeat","uid":"S","nsp":"/"}`, `{"type":13,"uid":"S","nsp":"/"}`,
		`{"type":8,"data":{"requestId":"nobody's","sockets":[]},"uid":"S","nsp":"/"}`,
	} {
		var m Message
		if err := c.Decode([]byte(text), &m); err != nil || m.Type != 0 {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	for _, text := range []string{
		``, `{`, `[]`, `{"type":"3"}`, `{"type":3,"uid":"S","nsp":"/"}`,
		`{"type":3,"data":{"packet":{"data":["ev"]}},"uid":"S","nsp":"/"}`,
		`{"type":3,"data":{"packet":{"type":3,"data":["ev"]},"opts":{}},"uid":"S","nsp":"/"}`,
		`{"type":4,"data":{"rooms":["a"]},"uid":"S","nsp":"/"}`, "\x84\xa4type\x03",
	} {
		var m Message
		if err := c.Decode([]byte(text), &m); err == nil {
			t.Errorf("%s: %+v, want an error", text, m)
		}
	}
}

// TestFullInbox has more come than may wait: what does not fit is dropped, and counted.
func TestFullInbox(t *testing.T) {
	var counts Counts
	a := newTestAdapter(t, Options{InboxBytes: 1000, Counts: &counts})
	begun, goOn := make(chan struct{}), make(chan struct{})
	a.Enqueue(0, func() { close(begun); <-goOn })
	<-begun
	ran := make(chan int, 100)
	for i := range 100 {
		a.Enqueue(100, func() { ran <- i })
	}
	a.Receive("x", make([]byte, 1000))
	if err := a.EnqueueWait(t.Context(), 1000, func() {}); err == nil {
		t.Error("more than there is room for was taken")
	}
	close(goOn)
	done := make(chan struct{})
	if err := a.EnqueueWait(t.Context(), 0, func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	<-done
	if n := counts.Dropped.Load(); int(n) != 100-len(ran)+2 || len(ran) == 0 {
		t.Errorf("%d ran, %d were dropped", len(ran), n)
	}
	for i := range len(ran) {
		if got := <-ran; got != i {
			t.Fatalf("number %d ran at place %d", got, i)
		}
	}
}
