package admin

// What an admin sees, and can have done.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster/memory"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

const allFeatures = "EMIT JOIN LEAVE DISCONNECT MJOIN MLEAVE MDISCONNECT AGGREGATED_EVENTS ALL_EVENTS"

func TestAnAdminSeesWhatHappens(t *testing.T) {
	io, _ := start(t, Options{ServerID: "one"})
	early := io.Connect(t)
	io.On("join", func(e *socketio.Event) error {
		e.Socket().Join("blue")
		return e.Socket().SetData(map[string]string{"name": "bia"})
	})
	admin := lookAt(t, io)
	if got := features(t, admin); got != allFeatures {
		t.Errorf("features: %s", got)
	}
	all := seen(t, admin, "all_sockets", nil)
	if text := string(all[0]); !strings.Contains(text, `"`+early.ID()+`"`) {
		t.Errorf("all_sockets is without the socket that was there: %s", text)
	}
	q := func(id string) string { return `"` + id + `"` }

	c := io.Connect(t)
	id := c.ID()
	connected := seen(t, admin, "socket_connected", func(args []json.RawMessage) bool {
		return strings.Contains(string(args[0]), c.ID())
	})
	var shown shownSocket
	if err := json.Unmarshal(connected[0], &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Namespace != "/" || shown.Transport != "websocket" || len(shown.ClientID) != 12 ||
		!slices.Equal(shown.Rooms, []string{c.ID()}) || string(shown.Data) != "{}" {
		t.Errorf("socket_connected: %s", connected[0])
	}
	if _, err := time.Parse(`"2006-01-02T15:04:05.000Z"`, string(connected[1])); err != nil {
		t.Error(err)
	}
	c.Emit("join", 1, []byte("binary"), map[string]int{"a": 1})
	received := seen(t, admin, "event_received", func(args []json.RawMessage) bool {
		return strings.HasPrefix(string(args[2]), `["join"`)
	})
	if got := string(received[2]); got != `["join",1,{"_placeholder":true,"num":0},{"a":1}]` {
		t.Errorf("event_received: %s", got)
	}
	joined := seen(t, admin, "room_joined", has(`"blue"`))
	if got := fmt.Sprintf("%s %s", joined[0], joined[2]); got != `"/" `+q(c.ID()) {
		t.Errorf("room_joined: %s", got)
	}
	updated := seen(t, admin, "socket_updated", nil)
	if got := string(updated[0]); got != `{"id":`+q(c.ID())+`,"nsp":"/","data":{"name":"bia"}}` {
		t.Errorf("socket_updated: %s", got)
	}
	io.Socket(early.ID()).Emit("alone", "x")
	if got := seen(t, admin, "event_sent", has(q(early.ID()))); string(got[2]) != `["alone","x"]` {
		t.Errorf("event_sent: %s", got)
	}
	io.Emit("everybody")
	for range 2 {
		if got := seen(t, admin, "event_sent", nil); string(got[2]) != `["everybody"]` {
			t.Errorf("event_sent: %s", got)
		}
	}
	io.Socket(c.ID()).Leave("blue")
	seen(t, admin, "room_left", has(`"blue"`))
	c.Close()
	if got := seen(t, admin, "socket_disconnected", has(q(id))); string(got[2]) != `"client namespace disconnect"` {
		t.Errorf("socket_disconnected: %s", got)
	}
	seen(t, admin, "room_left", has(q(id)))
}

func TestTheNumbers(t *testing.T) {
	io, _ := start(t, Options{ServerID: "one", Mode: Production})
	admin := lookAt(t, io)
	if got := features(t, admin); strings.Contains(got, detailFeature) {
		t.Errorf("features: %s", got)
	}
	seen(t, admin, "server_stats", nil)
	c := io.Connect(t)
	c.Emit("hello")
	found := map[string]bool{}
	var stats serverStats
	for !found["rawConnection"] || !found["packetsIn"] || !found["bytesOut"] || stats.ClientsCount != 2 {
		stats = serverStats{}
		if err := json.Unmarshal(seen(t, admin, "server_stats", nil)[0], &stats); err != nil {
			t.Fatal(err)
		}
		for _, e := range stats.AggregatedEvents {
			found[e.Type] = true
		}
	}
	if stats.ServerID != "one" || stats.PID == 0 || stats.Uptime <= 0 ||
		!slices.Equal(stats.Namespaces, []namespaceStats{{"/", 1}, {"/admin", 1}}) {
		t.Errorf("%+v", stats)
	}
	c.Conn().Close()
	seen(t, admin, "server_stats", func(args []json.RawMessage) bool {
		return strings.Contains(string(args[0]), `"type":"rawDisconnection","subType":"transport close","count":1`)
	})
	admin.ExpectNone("all_sockets", "socket_connected", "event_received", "event_sent", "socket_disconnected")
}

// Handlers are there while somebody looks, and not a moment longer.
func TestNobodyLooksAndNothingIsThere(t *testing.T) {
	io, a := start(t, Options{})
	bare := func() bool {
		a.reconciling.Lock()
		defer a.reconciling.Unlock()
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.hooks == nil && !a.running && len(io.Of("/").ListenersAny()) == 0
	}
	c := io.Connect(t)
	s := io.Socket(c.ID())
	if !bare() {
		t.Fatal("there are handlers before anybody looks")
	}
	for range 3 {
		admin := lookAt(t, io)
		seen(t, admin, "all_sockets", nil)
		if len(io.Of("/").ListenersAny()) != 1 || len(s.ListenersAnyOutgoing()) != 1 {
			t.Error("there are no handlers while an admin looks")
		}
		admin.Close()
		eventually(t, "the handlers' end", bare)
		if len(s.ListenersAnyOutgoing()) != 0 {
			t.Error("a socket is still looked at")
		}
	}
}

func TestCommands(t *testing.T) {
	io, a := start(t, Options{})
	io.Of("/chat")
	c, other := io.Connect(t), io.Connect(t)
	chat := io.ConnectTo(t, "/chat", client.Options{})
	admin := lookAt(t, io)
	features(t, admin)
	rooms := func(c *socketiotest.Client) []string { return io.Socket(c.ID()).Rooms()[1:] }

	admin.EmitWithAck("join", "/", "blue", c.ID())
	if !slices.Equal(rooms(c), []string{"blue"}) || len(rooms(other)) != 0 {
		t.Errorf("join of one: %v %v", rooms(c), rooms(other))
	}
	admin.EmitWithAck("join", "/", "all", nil)
	admin.EmitWithAck("leave", "/", "all", "blue")
	if !slices.Equal(rooms(c), []string{"blue"}) || !slices.Equal(rooms(other), []string{"all"}) {
		t.Errorf("join of all, leave of a room: %v %v", rooms(c), rooms(other))
	}
	admin.EmitWithAck("emit", "/", "blue", "hi", 1, "two")
	if e := c.Expect("hi", patience); e.Len() != 2 || string(e.Raw(1).JSON()) != `"two"` {
		t.Errorf("hi has %d arguments", e.Len())
	}
	other.ExpectNone("hi")
	admin.EmitWithAck("emit", "/chat", nil, "hi")
	chat.Expect("hi", patience)
	admin.EmitWithAck("_disconnect", "/", false, c.ID())
	c.ExpectDisconnect(patience)
	admin.EmitWithAck("_disconnect", "/", true, nil)
	other.ExpectDisconnect(patience)
	if n := a.Stats().Commands; n != 7 {
		t.Errorf("%d commands are counted", n)
	}
}

// A command that makes no sense is answered so, makes nothing, and costs nobody a connection.
func TestCommandsThatMakeNoSense(t *testing.T) {
	io, a := start(t, Options{})
	c := io.Connect(t)
	admin := lookAt(t, io)
	long := strings.Repeat("x", maxCommandText+1)
	for _, args := range [][]any{
		{"emit"}, {"emit", "/"}, {"emit", "/", nil}, {"emit", nil, nil, "x"}, {"emit", "/", 5, "x"},
		{"emit", "/", nil, ""}, {"emit", "/", nil, 5}, {"emit", "/", nil, long}, {"emit", "/", nil, "disconnect"},
		{"emit", "/made-up", nil, "x"}, {"emit", long, nil, "x"}, {"emit", "/admin", nil, "config", "x"},
		{"join"}, {"join", "/"}, {"join", "/", nil}, {"join", "/", []string{"a"}}, {"join", "/", "r", []string{"a"}},
		{"join", "/", long}, {"join", "/admin", "r"}, {"leave", "/", map[string]int{}}, {"leave", "/x", "r"},
		{"_disconnect"}, {"_disconnect", 1}, {"_disconnect", "/", "yes"}, {"_disconnect", "/x", true},
		{"_disconnect", "/", false, long}, {"_disconnect", "/", false, map[string]int{}},
	} {
		answer := admin.EmitWithAck(args[0].(string), args[1:]...)
		if text := string(answer.Raw(0).JSON()); !strings.HasPrefix(text, `{"error":`) {
			t.Errorf("%.100v is answered %s", args, text)
		}
	}
	io.Settle(t)
	if n := len(io.Namespaces()); n != 2 || !c.Connected() || !admin.Connected() {
		t.Errorf("%d namespaces; the client is there: %v, the admin: %v", n, c.Connected(), admin.Connected())
	}
	if n := a.Stats().Commands; n != 0 {
		t.Errorf("%d have been carried out", n)
	}
}

func TestReadOnly(t *testing.T) {
	io, a := start(t, Options{ReadOnly: true})
	c := io.Connect(t)
	admin := lookAt(t, io)
	if got := features(t, admin); got != "AGGREGATED_EVENTS ALL_EVENTS" {
		t.Errorf("features: %s", got)
	}
	for _, args := range [][]any{
		{"emit", "/", nil, "fake"}, {"join", "/", "r", nil}, {"leave", "/", c.ID(), nil},
		{"_disconnect", "/", true, nil},
	} {
		admin.Emit(args[0].(string), args[1:]...)
	}
	io.Settle(t)
	if !c.Connected() || !slices.Equal(io.Socket(c.ID()).Rooms(), []string{c.ID()}) || a.Stats().Commands != 0 {
		t.Error("a command has been carried out")
	}
	c.ExpectNone("fake")
}

// What proves who a user is does not reach an admin's screen.
func TestSecretsAreHidden(t *testing.T) {
	io, _ := start(t, Options{})
	secret := "s3cr3t"
	c := io.NewClient(t, "/", client.Options{
		Auth:   auth{"token": secret},
		Header: http.Header{"Cookie": {"sid=" + secret}, "Authorization": {"Bearer " + secret}, "X-Other": {"seen"}},
		Query:  map[string][]string{"token": {secret}, "room": {"blue"}, "many": {"a", "b"}},
	})
	c.Connect()
	text := string(seen(t, lookAt(t, io), "all_sockets", nil)[0])
	for _, want := range []string{`"x-other":"seen"`, `"room":"blue"`, `"cookie":"(hidden)"`, c.ID()} {
		if !strings.Contains(text, want) {
			t.Errorf("all_sockets has no %s", want)
		}
	}
	if session := io.Socket(c.ID()).SessionID(); strings.Contains(text, secret) || strings.Contains(text, session) {
		t.Errorf("all_sockets tells a secret: %s", text)
	}
}

// A stranger's huge handshake and data do not make a snapshot that nobody can take.
func TestASnapshotIsBounded(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	h := serializeHandshake(&socketio.Handshake{
		Headers: http.Header{"A": {huge}}, Query: map[string][]string{"q": {huge}, huge: {"v"}}, URL: "/?" + huge,
	})
	one := shownSocket{Handshake: h, Data: boundData(json.RawMessage(`"` + huge + `"`))}
	text, err := json.Marshal(one)
	if err != nil || len(text) > 10<<10 {
		t.Errorf("one socket takes %d bytes, %v", len(text), err)
	}
	shown := bounded(slices.Repeat([]shownSocket{one}, 10_000))
	if len(shown) == 0 || len(shown) > maxSnapshotSockets || len(shown)*len(text) > maxSnapshotBytes {
		t.Errorf("%d sockets of %d bytes are shown", len(shown), len(text))
	}
}

// More events than are to be shown are counted, the chat goes on, and what is sent is looked at again later.
func TestAFloodIsSampled(t *testing.T) {
	io, a := start(t, Options{EventRate: 10, MaxEventBytes: 100})
	io.On("echo", func(e *socketio.Event) error { return e.Ack(e.Raw(0)) })
	c := io.Connect(t)
	s := io.Socket(c.ID())
	admin := lookAt(t, io)
	seen(t, admin, "all_sockets", nil)
	for range 500 {
		s.Emit("sent")
		if got := c.EmitWithAck("echo", 1); string(got.Raw(0).JSON()) != "1" {
			t.Fatal("the chat has lost an event")
		}
	}
	if st := a.Stats(); st.NotShown < 400 {
		t.Errorf("%+v", st)
	}
	seen(t, admin, "server_stats", func(args []json.RawMessage) bool {
		return strings.Contains(string(args[0]), `"type":"eventsNotShown"`)
	})
	// The rate lets a few more through in each second.
	before := a.Stats().Shown
	eventually(t, "an event after the flood", func() bool {
		s.Emit("long", strings.Repeat("x", 1000))
		return a.Stats().Shown > before
	})
	got := seen(t, admin, "event_sent", func(args []json.RawMessage) bool {
		return strings.HasPrefix(string(args[2]), `["long"`)
	})
	if string(got[2]) != `["long","(1 arguments of 1002 bytes, not shown)"]` {
		t.Errorf("a long event is shown as %.200s", got[2])
	}
}

// With so many sockets there are numbers only, and where they become fewer, sockets again.
func TestManySocketsAreNumbers(t *testing.T) {
	io, a := start(t, Options{Threshold: 10})
	var clients []*socketiotest.Client
	for range 9 {
		clients = append(clients, io.Connect(t))
	}
	admin := lookAt(t, io)
	if got := features(t, admin); got != allFeatures {
		t.Fatalf("with 9 sockets: %s", got)
	}
	seen(t, admin, "all_sockets", nil)
	clients = append(clients, io.Connect(t))
	if got := features(t, admin); strings.Contains(got, detailFeature) {
		t.Fatalf("with 10 sockets: %s", got)
	}
	if a.Stats().Detailed || len(io.Of("/").ListenersAny()) != 0 {
		t.Error("sockets are looked at all the same")
	}
	for _, c := range clients[:2] {
		c.Close()
	}
	if got := features(t, admin); got != allFeatures {
		t.Fatalf("with 8 sockets: %s", got)
	}
	seen(t, admin, "all_sockets", nil)
}

func TestNamespacesThatAreMadeLater(t *testing.T) {
	io, _ := start(t, Options{})
	admin := lookAt(t, io)
	seen(t, admin, "all_sockets", nil)
	io.Of("/later")
	c := io.ConnectTo(t, "/later", client.Options{})
	seen(t, admin, "socket_connected", func(args []json.RawMessage) bool {
		return strings.Contains(string(args[0]), c.ID())
	})
}

// An admin of one server sees the other's sockets, and has something done to them.
func TestACluster(t *testing.T) {
	servers := socketiotest.NewCluster(t, 2, socketio.Options{Adapter: memory.NewBroker().NewAdapter})
	var admins []*Admin
	for i, io := range servers {
		admins = append(admins, instrument(t, io.Server, Options{ServerID: fmt.Sprint("server", i)}))
	}
	there := servers[1].Connect(t)
	admin := lookAt(t, servers[0])
	if text := string(seen(t, admin, "all_sockets", nil)[0]); !strings.Contains(text, there.ID()) {
		t.Errorf("all_sockets is without the other server's: %s", text)
	}
	for i := range servers {
		seen(t, admin, "server_stats", func(args []json.RawMessage) bool {
			return strings.Contains(string(args[0]), fmt.Sprintf(`"serverId":"server%d"`, i))
		})
	}
	later := servers[1].Connect(t)
	id := later.ID()
	seen(t, admin, "socket_connected", func(args []json.RawMessage) bool {
		return strings.Contains(string(args[0]), later.ID())
	})
	later.Emit("hello", 1)
	seen(t, admin, "event_received", has(`["hello",1]`))
	admin.Emit("join", "/", "blue", later.ID())
	seen(t, admin, "room_joined", has(`"blue"`))
	admin.Emit("_disconnect", "/", false, later.ID())
	later.ExpectDisconnect(patience)
	seen(t, admin, "socket_disconnected", has(`"`+id+`"`))

	admin.Close()
	for i, a := range admins {
		eventually(t, "the end of looking", func() bool { return !a.Stats().Watched })
		eventually(t, "the handlers' end", func() bool { return len(servers[i].Of("/").ListenersAny()) == 0 })
	}
}

// A question may be on its way while the last admin leaves, and come behind the word that nobody looks any more.
func TestAQuestionThatComesLate(t *testing.T) {
	servers := socketiotest.NewCluster(t, 2, socketio.Options{Adapter: memory.NewBroker().NewAdapter})
	asks, asked := instrument(t, servers[0].Server, Options{}), instrument(t, servers[1].Server, Options{})
	if got := asks.ask(t.Context(), false); len(got) != 1 {
		t.Fatalf("%d answers", len(got))
	}
	eventually(t, "the end of looking", func() bool { return !asked.Stats().Watched })
}

// The other servers' sockets count too.
func TestAClusterOfManySocketsIsNumbers(t *testing.T) {
	servers := socketiotest.NewCluster(t, 3, socketio.Options{Adapter: memory.NewBroker().NewAdapter})
	for _, io := range servers {
		instrument(t, io.Server, Options{Threshold: 10})
		for range 4 {
			io.Connect(t)
		}
	}
	admin := lookAt(t, servers[0])
	for got := allFeatures; strings.Contains(got, detailFeature); {
		got = features(t, admin)
	}
	for _, io := range servers {
		eventually(t, "numbers only", func() bool { return len(io.Of("/").ListenersAny()) == 0 })
	}
}

// A server whose admins have gone with it is not looked for for ever.
func TestALeaseEnds(t *testing.T) {
	io, a := start(t, Options{})
	send := func(l look) {
		text, _ := json.Marshal(l)
		raw, err := socketio.NewRaw(text)
		if err != nil {
			t.Fatal(err)
		}
		a.looked([]socketio.Raw{raw}, nil)
	}
	send(look{From: "x", Life: 200, Detailed: true})
	if !a.Stats().Watched || len(io.Of("/").ListenersAny()) != 1 {
		t.Error("a lease is not kept")
	}
	eventually(t, "its end", func() bool { return !a.Stats().Watched && len(io.Of("/").ListenersAny()) == 0 })
	for i := range 2 * maxLeases {
		send(look{From: fmt.Sprint(i), Life: 1 << 40})
	}
	a.mu.Lock()
	n, longest := len(a.leases), time.Duration(0)
	for _, l := range a.leases {
		longest = max(longest, time.Until(l.until))
	}
	a.mu.Unlock()
	if n > maxLeases || longest > leaseLife {
		t.Errorf("%d leases, the longest of %v", n, longest)
	}
}
