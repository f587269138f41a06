package cluster

// The Admin UI on a fleet with servers on Node.js, which @socket.io/admin-ui shows: one admin sees all, whichever
// server it is connected to, and what it gets has the same shape from either kind.

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A looker is an admin that keeps what it gets.
type looker struct {
	t    *testing.T
	name string
	*fleet.Client
	got [][]json.RawMessage // event and arguments
}

func lookAt(t *testing.T, name, url string) *looker {
	return &looker{t: t, name: name, Client: fleet.Dial(t, url, admin.DefaultNamespace)}
}

// until reads on until some packet satisfies ok, those before among them, and returns it.
func (l *looker) until(what string, ok func(event string, args []json.RawMessage) bool) []json.RawMessage {
	l.t.Helper()
	deadline := time.Now().Add(fleet.Patience)
	for i := 0; ; i++ {
		for i >= len(l.got) {
			_, text, _ := strings.Cut(l.Next(), "[")
			var packet []json.RawMessage
			if err := json.Unmarshal([]byte("["+text), &packet); err != nil {
				l.t.Fatalf("%s: %v: [%s", l.name, err, text)
			}
			l.got = append(l.got, packet)
			if time.Now().After(deadline) { // there are numbers every 2 s
				l.t.Fatalf("%s: %s has not come, but\n%.20000s", l.name, what, l.got)
			}
		}
		var event string
		_ = json.Unmarshal(l.got[i][0], &event)
		if ok(event, l.got[i][1:]) {
			return l.got[i][1:]
		}
	}
}

// sees waits for an event that names some text.
func (l *looker) sees(event, text string) []json.RawMessage {
	l.t.Helper()
	return l.until(event+" with "+text, func(e string, args []json.RawMessage) bool {
		return e == event && strings.Contains(fmt.Sprintf("%s", args), text)
	})
}

// about are the packets that name a socket, each as its event and the shape of its arguments, sorted: a server on
// Node.js tells of a room and of the socket in it in either order.
func (l *looker) about(id string) (transcript []string) {
	for _, packet := range l.got {
		text, err := json.Marshal(packet)
		if err != nil {
			l.t.Fatal(err)
		}
		if !strings.Contains(string(text), id) || strings.HasPrefix(string(text), `["all_sockets"`) {
			continue
		}
		line := string(packet[0])
		for _, arg := range packet[1:] {
			line += " " + shape(l.t, []byte(strings.ReplaceAll(string(arg), id, "ID")))
		}
		transcript = append(transcript, line)
	}
	slices.Sort(transcript)
	return transcript
}

// shape is JSON text with its keys and short strings, and kinds in place of other values.
func shape(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(kinds(v))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func kinds(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = kinds(v[k])
		}
		return v
	case []any:
		for i := range v {
			v[i] = kinds(v[i])
		}
		return v
	case string:
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", v); err == nil {
			return "(time)"
		}
		if _, err := time.Parse("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)", v); err == nil ||
			strings.Contains(v, "(Coordinated Universal Time)") {
			return "(date)"
		}
		if len(v) > 11 || strings.ContainsAny(v, ".=") { // ids, keys, addresses
			return "(text)"
		}
		return v
	case float64:
		return "(number)"
	}
	return v
}

func TestAdminsOfAMixedFleet(t *testing.T) {
	redis := fleet.StartRedis(t)
	node := fleet.StartNode(t, redis.URL(), `{"admin":true}`)
	ours := fleet.StartGo(t, redis.URL(), adapter.Options{})
	a, err := admin.Instrument(ours.Server, admin.Options{
		NoAuth: true, ServerID: "go", PollInterval: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	urls := map[string]string{"node": node.URL, "go": ours.URL}

	early := map[string]string{} // ids
	for name, url := range urls {
		early[name] = fleet.Dial(t, url, "/").ID
	}
	// The one of Node.js first: nobody tells ours.
	lookers := []*looker{lookAt(t, "an admin of Node.js", node.URL), nil}
	lookers[0].sees("server_stats", `"serverId":"go"`)
	lookers[0].sees("socket_connected", early["go"])
	lookers[0].sees("socket_updated", early["go"])
	lookers[1] = lookAt(t, "an admin of ours", ours.URL)

	var configs, numbers []string
	for _, l := range lookers {
		configs = append(configs, fmt.Sprintf("%s", l.sees("config", "")))
		all := l.until("all sockets", func(event string, args []json.RawMessage) bool {
			return event == "all_sockets" && strings.Contains(string(args[0]), early["go"]) &&
				strings.Contains(string(args[0]), early["node"])
		})
		for name, id := range early {
			if id == early["go"] && l == lookers[0] {
				continue // a server on Node.js does not ask for what it keeps in the data of its own
			}
			if got, want := oneOf(t, all[0], id), socketShape; got != want {
				t.Errorf("%s sees in all_sockets a socket of %s as\n%s\nwant\n%s", l.name, name, got, want)
			}
		}
		for _, server := range []string{"node", "go"} {
			stats := l.sees("server_stats", `"serverId":"`+server+`"`)
			numbers = append(numbers, shapeOfNumbers(t, stats[0]))
		}
	}
	for _, list := range [][]string{configs, numbers} {
		if len(slices.Compact(slices.Clone(list))) != 1 {
			t.Errorf("not all the same:\n%s", strings.Join(list, "\n"))
		}
	}

	// One client of each server does the same, and both admins get the same of it.
	var transcripts []string
	for _, url := range urls {
		c := fleet.Dial(t, url, "/")
		id := c.ID
		c.Ask(`["join","blue"]`)
		c.Emit(`["hello","x",{"a":[1]}]`)
		for _, l := range lookers {
			l.sees("event_received", `"hello"`)
		}
		node.Do(fleet.Command{Do: "emit", To: []string{id}, Args: []any{"told", "y"}})
		c.Expect(`["told","y"]`)
		for _, l := range lookers {
			l.sees("event_sent", id)
		}
		c.Close()
		for _, l := range lookers {
			l.sees("socket_disconnected", id)
			l.until("the end of all rooms", func(event string, args []json.RawMessage) bool {
				return event == "room_left" && string(args[1]) == `"blue"` && string(args[2]) == `"`+id+`"`
			})
			l.until("the end of its own", func(event string, args []json.RawMessage) bool {
				return event == "room_left" && string(args[1]) == `"`+id+`"`
			})
			transcripts = append(transcripts, strings.Join(l.about(id), "\n"))
		}
	}
	if len(slices.Compact(slices.Clone(transcripts))) != 1 {
		t.Errorf("the transcripts differ:\n%s", strings.Join(transcripts, "\n\n"))
	}

	// Commands reach the other kind.
	for from, to := range map[*looker]string{lookers[0]: "go", lookers[1]: "node"} {
		c := fleet.Dial(t, urls[to], "/")
		id := c.ID
		from.sees("socket_connected", id)
		from.Emit(fmt.Sprintf(`["join","/","by-hand",%q]`, id))
		from.sees("room_joined", "by-hand")
		from.Emit(fmt.Sprintf(`["emit","/",%q,"hi",1]`, id))
		c.Expect(`["hi",1]`)
		from.Emit(fmt.Sprintf(`["_disconnect","/",false,%q]`, id))
		c.ExpectDisconnect()
		from.sees("socket_disconnected", id)
	}
}

// socketShape is a socket in all_sockets, of this test's client.
const socketShape = `{"clientId":"(text)","data":{},"handshake":{"address":"(text)","headers":` +
	`{"connection":"Upgrade","host":"(text)","sec-websocket-key":"(text)","sec-websocket-version":"13",` +
	`"upgrade":"websocket"},"issued":"(number)","query":{"EIO":"4","transport":"websocket"},"secure":false,` +
	`"time":"(date)","url":"(text)","xdomain":false},"id":"ID","nsp":"/","rooms":["ID"],"transport":"websocket"}`

// oneOf is the shape of a socket in all_sockets.
func oneOf(t *testing.T, all json.RawMessage, id string) string {
	t.Helper()
	var sockets []json.RawMessage
	if err := json.Unmarshal(all, &sockets); err != nil {
		t.Fatal(err)
	}
	for _, s := range sockets {
		if strings.Contains(string(s), `"id":"`+id+`"`) {
			return shape(t, []byte(strings.ReplaceAll(string(s), id, "ID")))
		}
	}
	t.Fatalf("all_sockets is without %s", id)
	return ""
}

// shapeOfNumbers is that of server_stats, whose lists are of any length.
func shapeOfNumbers(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var stats map[string]any
	if err := json.Unmarshal(text, &stats); err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]string{
		"aggregatedEvents": "count subType timestamp type", "namespaces": "name socketsCount",
	} {
		for _, entry := range stats[name].([]any) {
			for key := range entry.(map[string]any) {
				if !slices.Contains(strings.Fields(keys), key) {
					t.Errorf("%s has %q", name, key)
				}
			}
		}
		stats[name] = nil
	}
	stats["serverId"], stats["hostname"] = "", ""
	out, err := json.Marshal(kinds(stats))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
