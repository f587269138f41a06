package adapter

// The classic Pub/Sub protocol's messages, byte for byte, and ids.

import (
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// TestPubSubMessages holds what goes out: @socket.io/redis-adapter 8.x reads nothing else.
func TestPubSubMessages(t *testing.T) {
	srv := socketio.NewServer(socketio.Options{})
	b := &pubSubBus{ns: srv.Of("/chat")}
	opts := socketio.BroadcastOptions{Rooms: []string{"a"}, Except: []string{"b"}}
	loud := opts
	loud.Flags = socketio.BroadcastFlags{Volatile: true, NoCompress: true}
	const from, id = "SERVER", "REQEST"
	event, answer := []byte(`["ev",1]`), []byte(`{"n":1}`)
	binary := []byte(`["b",{"_placeholder":true,"num":0}]`)
	for _, c := range []struct {
		name   string
		encode func(cluster.Message) ([]byte, error)
		m      cluster.Message
		want   string
	}{
		{"broadcast", b.encodeBroadcast, cluster.Message{Opts: opts, Payload: event},
			"\x93\xa6SERVER\x83\xa4type\x02\xa4data\x92\xa2ev\x01\xa3nsp\xa5/chat" +
				"\x83\xa5rooms\x91\xa1a\xa6except\x91\xa1b\xa5flags\x80"},
		{"binary broadcast with flags", b.encodeBroadcast, cluster.Message{Opts: loud, Payload: binary,
			Attachments: [][]byte{{7}}},
			"\x93\xa6SERVER\x83\xa4type\x02\xa4data\x92\xa1b\xc4\x01\x07\xa3nsp\xa5/chat" +
				"\x83\xa5rooms\x91\xa1a\xa6except\x91\xa1b\xa5flags\x82\xa8volatile\xc3\xa8compress\xc2"},
		{"broadcast to be acknowledged", b.encodeBroadcastRequest, cluster.Message{RequestID: id, Opts: opts,
			Payload: event},
			"\x85\xa3uid\xa6SERVER\xa9requestId\xa6REQEST\xa4type\x07" +
				"\xa6packet\x83\xa4type\x02\xa4data\x92\xa2ev\x01\xa3nsp\xa5/chat" +
				"\xa4opts\x83\xa5rooms\x91\xa1a\xa6except\x91\xa1b\xa5flags\x80"},

		{"ids", encodeRequest, cluster.Message{Type: cluster.ListSockets, RequestID: id, Opts: opts},
			`{"uid":"SERVER","requestId":"REQEST","type":0,"rooms":["a"]}`},
		{"all ids", encodeRequest, cluster.Message{Type: cluster.ListSockets, RequestID: id},
			`{"uid":"SERVER","requestId":"REQEST","type":0}`},
		{"rooms", encodeRequest, cluster.Message{Type: cluster.ListRooms, RequestID: id},
			`{"uid":"SERVER","requestId":"REQEST","type":1}`},
		{"join", encodeRequest, cluster.Message{Type: cluster.SocketsJoin, Opts: opts, Rooms: []string{"c<"}},
			`{"uid":"SERVER","type":2,"opts":{"rooms":["a"],"except":["b"],"flags":{}},"rooms":["c<"]}`},
		{"leave", encodeRequest, cluster.Message{Type: cluster.SocketsLeave, Rooms: []string{"c"}},
			`{"uid":"SERVER","type":3,"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["c"]}`},
		{"disconnect", encodeRequest, cluster.Message{Type: cluster.DisconnectSockets, Opts: opts},
			`{"uid":"SERVER","type":4,"opts":{"rooms":["a"],"except":["b"],"flags":{}},"close":false}`},
		{"fetch", encodeRequest, cluster.Message{Type: cluster.FetchSockets, RequestID: id, Opts: opts},
			`{"uid":"SERVER","requestId":"REQEST","type":5,"opts":{"rooms":["a"],"except":["b"],"flags":{}}}`},
		{"a page", encodeRequest,
			cluster.Message{Type: cluster.FetchSockets, RequestID: id, Page: cluster.Page{Bytes: 9}},
			`{"uid":"SERVER","requestId":"REQEST","type":5,"opts":{"rooms":[],"except":[],"flags":{}},` +
				`"page":{"bytes":9}}`},
		{"the next", encodeRequest, cluster.Message{Type: cluster.ListSockets, RequestID: id,
			Page: cluster.Page{Bytes: 9, After: "s"}},
			`{"uid":"SERVER","requestId":"REQEST","type":0,"page":{"bytes":9,"after":"s"}}`},
		{"server-side emit", encodeRequest, cluster.Message{Type: cluster.ServerSideEmit, Payload: event},
			`{"uid":"SERVER","type":6,"data":["ev",1]}`},
		{"binary server-side emit", encodeRequest,
			cluster.Message{Type: cluster.ServerSideEmit, RequestID: id, Payload: binary, Attachments: [][]byte{{7}}},
			"\x84\xa3uid\xa6SERVER\xa9requestId\xa6REQEST\xa4type\x06\xa4data\x92\xa1b\xc4\x01\x07"},

		{"no ids", encodeResponse, cluster.Message{Type: cluster.ListSocketsResponse, RequestID: id},
			`{"requestId":"REQEST","sockets":[]}`},
		{"some rooms", encodeResponse, cluster.Message{Type: cluster.ListRoomsResponse, RequestID: id,
			Rooms: []string{"a"}},
			`{"requestId":"REQEST","rooms":["a"]}`},
		{"no sockets", encodeResponse, cluster.Message{Type: cluster.FetchSocketsResponse, RequestID: id},
			`{"requestId":"REQEST","sockets":[]}`},
		{"a page of ids", encodeResponse, cluster.Message{Type: cluster.ListSocketsResponse, RequestID: id,
			Page: cluster.Page{Bytes: 9}, SocketIDs: []string{"s"}, More: "s"},
			`{"more":"s","requestId":"REQEST","sockets":["s"],"uid":"SERVER"}`},
		{"the last page", encodeResponse, cluster.Message{Type: cluster.FetchSocketsResponse, RequestID: id,
			Page: cluster.Page{Bytes: 9, After: "s"}},
			`{"requestId":"REQEST","sockets":[],"uid":"SERVER"}`},
		{"answer of a server", encodeResponse, cluster.Message{Type: cluster.ServerSideEmitResponse, RequestID: id,
			Payload: answer},
			`{"requestId":"REQEST","type":6,"data":{"n":1}}`},
		{"count", encodeResponse, cluster.Message{Type: cluster.BroadcastClientCount, RequestID: id},
			`{"requestId":"REQEST","type":8,"clientCount":0}`},
		{"answer of a client", encodeResponse, cluster.Message{Type: cluster.BroadcastAck, RequestID: id,
			Payload: answer},
			"\x83\xa4type\x09\xa9requestId\xa6REQEST\xa6packet\x81\xa1n\x01"},
		{"done", encodeResponse, cluster.Message{RequestID: id}, `{"requestId":"REQEST"}`},
	} {
		c.m.Sender = from
		if got, err := c.encode(c.m); err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestNewUID(t *testing.T) {
	seen := make(map[string]bool)
	for range 10_000 {
		id := newUID(16)
		if len(id) != 16 || seen[id] || strings.ContainsAny(id, "#* ") {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}
