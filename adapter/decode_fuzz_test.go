package adapter

// Whatever comes from Redis: messages of all protocols, stream entries. What is taken can be passed
// on, and what reaches clients can be parsed by them.

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/peerwire"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// awaited is the id of the request that a fuzzed bus waits for answers to.
const awaited = "REQEST"

// noRedis is a Bus whose messages go nowhere.
type noRedis struct {
	decode func(channel string, data []byte, m *cluster.Message) error
	encode func(cluster.Message) ([]byte, error)
}

func (b noRedis) Decode(channel string, data []byte, m *cluster.Message) error {
	return b.decode(channel, data, m)
}
func (b noRedis) Publish(m cluster.Message) error           { _, err := b.encode(m); return err }
func (b noRedis) Respond(_ string, m cluster.Message) error { _, err := b.encode(m); return err }
func (noRedis) Others(context.Context) (int, error)         { return 1 << 15, nil }
func (noRedis) Close()                                      {}

// fuzzedAdapter returns an adapter without Redis that awaits answers. Its id is "OWN".
func fuzzedAdapter(f *testing.F, bus func(*cluster.Adapter) cluster.Bus) *cluster.Adapter {
	f.Helper()
	ids := []string{"OWN", awaited}
	opts := cluster.Options{
		RequestsTimeout: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler),
		NewID: func() string { id := ids[0]; ids = ids[1:]; return id },
	}
	var a *cluster.Adapter
	srv := socketio.NewServer(socketio.Options{Adapter: func(ns *socketio.Namespace) socketio.Adapter {
		a = cluster.New(ns, opts, bus)
		return a
	}})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = a.FetchSockets(context.Background(), socketio.BroadcastOptions{})
	}()
	for !a.Awaits(awaited) {
		time.Sleep(time.Millisecond)
	}
	f.Cleanup(func() {
		_ = srv.Shutdown(context.Background())
		<-answered
	})
	return a
}

// everyMessage has one of each kind.
func everyMessage() []cluster.Message {
	opts := socketio.BroadcastOptions{Rooms: []string{"a"}, Except: []string{"b"}}
	loud := socketio.BroadcastOptions{Flags: socketio.BroadcastFlags{Volatile: true, NoCompress: true}}
	event, binary := []byte(`["ev",1.5,{"é":[null]}]`), []byte(`["b",{"_placeholder":true,"num":0}]`)
	list := []cluster.Message{
		{Type: cluster.Broadcast, Opts: opts, Payload: event},
		{Type: cluster.Broadcast, Opts: loud, Payload: event},
		{Type: cluster.Broadcast, Payload: binary, Attachments: [][]byte{{7}}},
		{Type: cluster.Broadcast, RequestID: "R", Payload: binary, Attachments: [][]byte{{7}}},
		{Type: cluster.SocketsJoin, Opts: opts, Rooms: []string{"c"}},
		{Type: cluster.SocketsLeave, Rooms: []string{"c"}},
		{Type: cluster.DisconnectSockets, Opts: opts, Close: true, Resumed: true},
		{Type: cluster.FetchSockets, RequestID: "R", Opts: opts},
		{Type: cluster.ListSockets, RequestID: "R", Opts: opts},
		{Type: cluster.ListRooms, RequestID: "R"},
		{Type: cluster.FetchSockets, RequestID: "R", Opts: opts, Page: cluster.Page{Bytes: 1 << 18}},
		{Type: cluster.ListSockets, RequestID: "R", Opts: opts, Page: cluster.Page{Bytes: 1, After: "s"}},
		{Type: cluster.ListRooms, RequestID: "R", Page: cluster.Page{Bytes: -1, After: "s"}},
		{Type: cluster.ServerSideEmit, RequestID: "R", Payload: binary, Attachments: [][]byte{{7}}},
		{Type: cluster.FetchSocketsResponse, RequestID: awaited},
		{Type: cluster.ListSocketsResponse, RequestID: awaited, SocketIDs: []string{"s"}},
		{Type: cluster.FetchSocketsResponse, RequestID: awaited, Page: cluster.Page{Bytes: 1}, More: "s"},
		{Type: cluster.ListSocketsResponse, RequestID: awaited, Page: cluster.Page{Bytes: 1}, SocketIDs: []string{"s"},
			More: "s"},
		{Type: cluster.ListRoomsResponse, RequestID: awaited, Rooms: []string{"a"}},
		{Type: cluster.ServerSideEmitResponse, RequestID: awaited, Payload: json.RawMessage(`{"n":1}`)},
		{Type: cluster.BroadcastClientCount, RequestID: awaited, ClientCount: 3},
		{Type: cluster.BroadcastAck, RequestID: awaited, Payload: binary, Attachments: [][]byte{{7}}},
	}
	for i := range list {
		list[i].Sender = "OTHER"
	}
	return list
}

const fetchedSockets = `{"type":8,"requestId":"` + awaited + `","sockets":[{"id":"s","handshake":{"headers":` +
	`{"host":"h","x":["a",1]},"time":"t","address":"::1","xdomain":false,"secure":true,"issued":1.5e12,` +
	`"url":"/","query":{"a":"b","c":["d"]},"auth":{}},"rooms":["s",1],"data":{"_placeholder":true}},{},7,"t"]}`

// checkMessage checks that what has been decoded can be used.
func checkMessage(t *testing.T, ns *socketio.Namespace, m *cluster.Message) {
	t.Helper()
	if m.Payload != nil && !json.Valid(m.Payload) {
		t.Fatalf("type %d with payload %q", m.Type, m.Payload)
	}
	for _, s := range m.Sockets {
		if s.ID() == "" || s.Handshake() == nil || !json.Valid(s.Data().Inline()) {
			t.Fatalf("socket %q with %+v, %q", s.ID(), s.Handshake(), s.Data().JSON())
		}
		if _, err := wire.Marshal(peerwire.NewSocket(s)); err != nil {
			t.Fatal(err)
		}
	}
	if m.Type != cluster.Broadcast {
		return
	}
	p, err := ns.NewPayloadPacket(m.Payload, m.Attachments)
	if err != nil {
		if !errors.Is(err, socketio.ErrInvalidPacket) {
			t.Fatal(err)
		}
		return
	}
	if _, err := p.Message(socketio.BroadcastFlags{}); err != nil {
		t.Fatal(err)
	}
	p.AppendString("1-1") // an offset
	payload, attachments, _ := p.Payload()
	if err := clientParses(payload, attachments); err != nil {
		t.Fatalf("%q and %q reach a client: %v", payload, attachments, err)
	}
}

// clientParses says what a client thinks of an event.
func clientParses(payload json.RawMessage, attachments [][]byte) error {
	e, err := parser.Default{}.Encode(parser.Packet{
		Type: parser.Event, Namespace: "/", Payload: payload, Attachments: attachments,
	})
	if err != nil || len(attachments) > 10 { // as many as clients take, by default
		return err
	}
	p, err := parser.Default{}.Decode(nil, e.Data, false)
	for _, a := range e.Attachments {
		if err == nil {
			p, err = parser.Default{}.Decode(&p, a, true)
		}
	}
	if err == nil && (p.Missing > 0 || p.Type != parser.Event || p.HasID) {
		err = fmt.Errorf("it is %+v", p)
	}
	return err
}

// FuzzPubSub reads messages of the classic protocol: broadcasts, their packets, requests and responses.
func FuzzPubSub(f *testing.F) {
	var b *pubSubBus
	a := fuzzedAdapter(f, func(a *cluster.Adapter) cluster.Bus {
		b = &pubSubBus{
			adapter: a, ns: a.Namespace(),
			channel: "c#/#", requestChannel: "c-request#/#", responseChannel: "c-response#/#",
		}
		return noRedis{b.Decode, encodeRequest}
	})
	channels := []string{b.channel, b.channel + "a#", b.requestChannel, b.responseChannel, b.responseChannel + "OWN#"}
	for _, m := range everyMessage() {
		for _, to := range []struct {
			channel byte
			encode  func(cluster.Message) ([]byte, error)
		}{{0, b.encodeBroadcast}, {2, encodeRequest}, {2, b.encodeBroadcastRequest}, {3, encodeResponse}} {
			if data, err := to.encode(m); err == nil {
				f.Add(to.channel, data)
			}
		}
	}
	f.Add(byte(2), []byte(`{"uid":"O","requestId":"R","type":2,"sid":"s","room":"r"}`))
	f.Add(byte(3), []byte(fetchedSockets))
	f.Fuzz(func(t *testing.T, channel byte, data []byte) {
		before := bytes.Clone(data)
		var m cluster.Message
		err := b.Decode(channels[int(channel)%len(channels)], data, &m)
		if !bytes.Equal(data, before) {
			t.Fatal("Decode has changed its input")
		}
		if err == nil && m.Type != 0 {
			checkMessage(t, a.Namespace(), &m)
		}
		var packet cluster.Message // of a broadcast for nobody here, too
		if b.decodePacket(data, &packet) == nil && packet.Type != 0 {
			checkMessage(t, a.Namespace(), &packet)
		}
	})
}

// FuzzClusterMessage reads messages of Node.js's newer adapters, as JSON and as MessagePack, and does what they say.
// What is encoded again is still the same.
func FuzzClusterMessage(f *testing.F) {
	var c cluster.Codec
	a := fuzzedAdapter(f, func(a *cluster.Adapter) cluster.Bus {
		c = cluster.NewCodec(a)
		return noRedis{func(_ string, data []byte, m *cluster.Message) error { return c.Decode(data, m) }, c.Encode}
	})
	for _, m := range everyMessage() {
		for _, encode := range []func(cluster.Message) ([]byte, error){c.Encode, c.EncodeMsgpack} {
			data, err := encode(m)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	sockets := `{"type":8,"uid":"O","nsp":"/","data":` + fetchedSockets + `}`
	packed, err := msgpackjson.Append(nil, []byte(sockets), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(sockets))
	f.Add(packed)
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		var m cluster.Message
		err := c.Decode(data, &m)
		if !bytes.Equal(data, before) {
			t.Fatal("Decode has changed its input")
		}
		if err != nil || m.Type == 0 {
			return
		}
		checkMessage(t, a.Namespace(), &m)
		if m.RequestID == awaited { // an answer, which the request would collect
			return
		}
		if m.Type != cluster.ServerSideEmit { // which would wait in line
			if err := a.Handle(m); err != nil && !errors.Is(err, socketio.ErrInvalidPacket) {
				t.Fatal(err)
			}
		}
		encoded, err := c.Encode(m)
		if err != nil {
			if len(m.Attachments) == 0 {
				t.Fatal(err)
			}
			return // too deep for MessagePack
		}
		var again cluster.Message
		if err := c.Decode(encoded, &again); err != nil {
			t.Fatalf("%q became %q: %v", data, encoded, err)
		}
		// Attachments that nothing refers to are left out.
		if len(again.Attachments) > len(m.Attachments) || !json.Valid(again.Payload) && m.Payload != nil {
			t.Fatalf("%q became %q", data, encoded)
		}
		if want, got := fmt.Sprintf("%+v", request(m)), fmt.Sprintf("%+v", request(again)); got != want {
			t.Fatalf("%q became %q: %s, then %s", data, encoded, want, got)
		}
	})
}

// request is what counts of a message that is no answer, but for what it carries.
func request(m cluster.Message) cluster.Message {
	r := cluster.Message{
		Type: m.Type, Sender: m.Sender, RequestID: m.RequestID, Seq: m.Seq, Again: m.Again, Opts: m.Opts,
	}
	switch m.Type {
	case cluster.SocketsJoin, cluster.SocketsLeave:
		r.Rooms = m.Rooms
	case cluster.DisconnectSockets:
		r.Close, r.Resumed = m.Close, m.Resumed
	case cluster.FetchSockets, cluster.ListSockets, cluster.ListRooms:
		r.Page = m.Page
	case cluster.ServerSideEmit:
		r.Opts = socketio.BroadcastOptions{Trace: m.Opts.Trace}
	}
	return r
}

// FuzzStreamEntry takes entries of a stream: none keeps others from coming, nor is one counted that never was.
func FuzzStreamEntry(f *testing.F) {
	b := &streamsBus{redis: &Redis{throttled: slog.New(slog.DiscardHandler)}}
	a := fuzzedAdapter(f, func(a *cluster.Adapter) cluster.Bus {
		b.adapter, b.Codec = a, cluster.NewCodec(a)
		return noRedis{b.Decode, b.EncodeData}
	})
	for i, m := range everyMessage()[:7] {
		text, err := b.EncodeData(m)
		if err != nil {
			f.Fatal(err)
		}
		data := string(text)
		if !strings.HasPrefix(data, "{") {
			data = base64.StdEncoding.EncodeToString(text)
		}
		f.Add("OTHER", fmt.Sprint(int(m.Type)), fmt.Sprint(i), data)
	}
	f.Add("OWN", "3", "18446744073709551615", "")
	f.Add("", "0", "-1", "{")
	f.Fuzz(func(t *testing.T, uid, typ, seq, data string) {
		b.received = recovery.Arrivals{Own: a.ID(), Missed: &b.redis.stats.missed, Warn: b.warnMissed}
		b.redis.stats.missed.Store(0)
		entry := func(seq string) redis.XMessage {
			return redis.XMessage{ID: "1-1", Values: map[string]any{"uid": uid, "type": typ, "data": data, "seq": seq}}
		}
		b.receive(entry("1"))
		b.receive(entry(seq))
		b.receive(entry(seq))
		missed := b.redis.stats.missed.Load()
		if n := b.received.Remembered(); n > 10_000 || missed < 0 {
			t.Fatalf("%d are remembered, %d missed", n, missed)
		}
		m, err := b.decodeEntry(entry(seq))
		if err != nil || m.Type == 0 {
			return
		}
		checkMessage(t, a.Namespace(), &m)
	})
}

// FuzzAddress reads addresses with a password, whatever is in it and behind it: no error and no name has it.
func FuzzAddress(f *testing.F) {
	const secret = "S3CRET"
	for _, s := range [][3]string{
		{"redis://u", "", "h:1/0"}, {"rediss://", "%zz", "a:1,b:2"}, {"unix://u", "/", "/tmp/redis.sock?db=1"},
		{"redis://u", "@x", "[::1"}, {"redis://", "#", "h?master_name=m&db=x"}, {"redis:", "?", "h?unknown=1"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, user, more, rest string) {
		address := user + ":" + secret + more + "@" + rest
		if err := CheckAddress(address); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", address, err)
		}
		if name := SafeName(address); strings.Contains(name, secret) {
			t.Errorf("%q is called %q", address, name)
		}
	})
}
