package backend

// The contract, from a client's end to the backend's, over each way to the backend.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

func TestWhatTheBackendIsTold(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := way.startToy(t, func(w http.ResponseWriter, m *told) {
				switch m.Kind {
				case "connect":
					says(w, `{"user":"José","data":{"a":1},"join":["r"]}`)
				case "event":
					says(w, `{"ack":[]}`)
				default:
					w.WriteHeader(204)
				}
			})
			node := start(t, b)
			s := connect(t, node, "/?x=1&x=2&y=z", client.Options{
				Auth: map[string]any{"token": "t", "n": 1.5}, Header: http.Header{"X-Test": {"yes", "no"}},
			})
			connected := b.got("connect", 1)[0]
			if connected.Socket != s.ID() || connected.Namespace != "/" || connected.User != "" ||
				connected.Event != "" || connected.Ack != "" {
				t.Errorf("got %+v", connected)
			}
			j := connected.JSON
			if string(j.Auth) != `{"n":1.5,"token":"t"}` || j.Headers["x-test"] != "yes, no" ||
				j.Address != "127.0.0.1" ||
				j.Secure || j.Query["y"] != "z" || len(j.Query["x"].([]any)) != 2 || string(j.Data) != "{}" ||
				!strings.HasPrefix(j.URL, "/socket.io/?") || j.Headers["host"] != node.Address {
				t.Errorf("got %s", connected.Body)
			}

			if err := s.Emit("plain", 1.50, json.RawMessage(`{"_placeholder":true,"num":0}`), "é\u2028"); err != nil {
				t.Fatal(err)
			}
			ask(t, s, "with binary", []byte("foo"), map[string]any{"a/b": []byte("bar")}, "Zm9v")
			ask(t, s, "only binary", []byte("foo"))
			events := b.got("event", 3)
			wantEvents := []struct{ event, ack, contentType, body string }{
				{"plain", "false", typeJSON, `{"args":[1.5,{"_placeholder":true,"num":0},"é` + "\u2028" +
					`"],"ack":false,"data":{"a":1,"user":"José"}}`},
				{"with%20binary", "true", typeJSON, `{"args":["Zm9v",{"a/b":"YmFy"},"Zm9v"],"ack":true,` +
					`"data":{"a":1,"user":"José"},"binary":["/0","/1/a~1b"]}`},
				{"only%20binary", "true", typeBinary, "foo"},
			}
			for i, want := range wantEvents {
				m := events[i]
				if m.Event != want.event || m.Ack != want.ack || m.ContentType != want.contentType ||
					string(m.Body) != want.body || m.User != "Jos%C3%A9" || m.Socket != s.ID() {
					t.Errorf("got  %+v %s\nwant %+v", m, m.Body, want)
				}
			}

			id := s.ID()
			s.Close()
			end := b.got("disconnect", 1)[0]
			slices.Sort(end.JSON.Rooms)
			rooms := []string{id, "r", "user:José"}
			slices.Sort(rooms)
			if end.Socket != id || end.JSON.Reason != "client namespace disconnect" ||
				!slices.Equal(end.JSON.Rooms, rooms) ||
				string(end.JSON.Data) != `{"a":1,"user":"José"}` || end.User != "Jos%C3%A9" {
				t.Errorf("got %+v %s", end, end.Body)
			}
			ids := make(map[string]bool)
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, m := range b.all {
				ids[m.ID] = true
			}
			if len(ids) != len(b.all) || len(ids) != 5 {
				t.Errorf("%d messages with %d ids", len(b.all), len(ids))
			}
		})
	}
}

func TestWhatTheBackendSays(t *testing.T) {
	answers := map[string]string{
		"ack":        `{"ack":[1.50,"x",{"b":null}],"unknown":[1]}`,
		"ack binary": `{"ack":["Zm9v",{"a":"YmFy"}],"ackBinary":["/1/a","/0"]}`,
		"nothing":    `{"ack":[]}`,
		"error":      `{"error":{"message":"no soup","data":{"code":7}}}`,
		"bare error": `{"error":{"message":"no"}}`,
		"to itself": `{"emit":[{"event":"e","args":[1]},{"event":"e","args":["Zm9v"],"binary":["/0"]}],` +
			`"ack":["after"]}`,
		"join":   `{"join":["red","blue"],"leave":["none"],"emit":[{"event":"in","to":["red"]}],"ack":[]}`,
		"to red": `{"emit":[{"event":"red","to":["red"]}],"ack":[]}`,
		"to all": `{"emit":[{"event":"all","all":true,"except":["blue"]}],"ack":[]}`,
		"leave":  `{"leave":["red"],"data":{"a":null,"b":{"c":[1.0]}},"ack":[]}`,
		"null":   `{"ack":null,"emit":null,"join":null,"leave":null,"data":null,"error":null,"disconnect":null}`,
		"false":  `{"disconnect":false,"ack":["false"]}`,
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := way.startToy(t, saysTo(func(m *told) string {
				if name := strings.ReplaceAll(m.Event, "%20", " "); answers[name] != "" {
					return answers[name]
				}
				return `{"ack":[` + string(m.JSON.Data) + `]}`
			}))
			node := start(t, b)
			one, two := connect(t, node, "/", client.Options{}), connect(t, node, "/", client.Options{})
			fromOne, fromTwo := heard(one), heard(two)
			for _, test := range []struct{ event, want string }{
				{"ack", `1.50 "x" {"b":null}`}, {"ack binary", `"Zm9v" {"a":"YmFy"}`}, {"nothing", ""},
				{"error", `{"error":"no soup","data":{"code":7}}`}, {"bare error", `{"error":"no"}`},
				{"false", `"false"`},
				{"to itself", `"after"`}, {"join", ""}, {"to red", ""}, {"to all", ""}, {"leave", ""}, {"to red", ""},
				{"data", `{"b":{"c":[1.0]}}`},
			} {
				if got := ask(t, one, test.event); got != test.want {
					t.Errorf("%s: got %s, want %s", test.event, got, test.want)
				}
			}
			for _, want := range []string{`e 1`, `e "Zm9v"`, "in", "red"} {
				if got := hear(t, fromOne); got != want {
					t.Errorf("one: got %s, want %s", got, want)
				}
			}
			if got := hear(t, fromTwo); got != "all" {
				t.Errorf("two: got %s", got)
			}
			if len(fromOne) > 0 || len(fromTwo) > 0 {
				t.Error("something else has come")
			}
			if err := one.Emit("null"); err != nil { // and nothing happens
				t.Fatal(err)
			}
			ask(t, one, "nothing")
		})
	}
}

func TestBinaryAnswer(t *testing.T) {
	b := startToy(t, func(w http.ResponseWriter, m *told) {
		if m.Kind == "event" {
			w.Header().Set("Content-Type", typeBinary)
			_, _ = w.Write(m.Body)
		}
	})
	s := connect(t, start(t, b), "/", client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := s.EmitWithAck(ctx, "e", []byte("foo"))
	var got []byte
	if err != nil || answer.Bind(&got) != nil || string(got) != "foo" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEnds(t *testing.T) {
	b := startToy(t, saysTo(func(m *told) string {
		return `{"ack":["said"],"emit":[{"event":"bye"}],"disconnect":` + m.arg(0) + `}`
	}))
	node := start(t, b, "BACKEND_NAMESPACES", "/,/two")
	for closes, reason := range map[string]client.Reason{
		"true": client.ReasonServerDisconnect, `"close"`: client.ReasonServerDisconnect,
	} {
		one := connect(t, node, "/", client.Options{})
		two := one.Conn().Socket("/two")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := two.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		from, ended := heard(one), make(chan client.Reason, 2)
		one.OnDisconnect(func(r client.Reason, _ error) { ended <- r })
		if got := ask(t, one, "end", json.RawMessage(closes)); got != `"said"` {
			t.Errorf("got %s", got)
		}
		if got := hear(t, from); got != "bye" {
			t.Errorf("got %s", got)
		}
		select {
		case r := <-ended:
			if r != reason {
				t.Errorf("%s: the reason is %s", closes, r)
			}
		case <-time.After(patience):
			t.Fatalf("%s: not disconnected", closes)
		}
		if closes == "true" && ask(t, two, "still there", false) != `"said"` {
			t.Error("the other namespace has gone too")
		}
	}
	b.got("disconnect", 3)
}

func TestConnect(t *testing.T) {
	b := startToy(t, nil)
	node := start(t, b)
	for _, test := range []struct {
		status             int
		contentType, body  string
		message, data, say string // message "" is connected
	}{
		{status: 204}, {status: 200}, {status: 202},
		{status: 200, contentType: typeJSON, body: `{}`},
		{status: 200, contentType: typeJSON, body: `{"emit":[{"event":"hello","args":["you"]}]}`, say: `hello "you"`},
		{status: 200, contentType: typeJSON, body: `{"join":["r"],"emit":[{"event":"hello","to":["r"]}]}`,
			say: `hello`},
		{status: 200, contentType: typeJSON, body: `{"refuse":{"message":"full","data":{"code":3}}}`,
			message: "full", data: `{"code":3}`},
		{status: 200, contentType: typeJSON, body: `{"refuse":{"message":"full"}}`, message: "full"},
		{status: 401, message: "unauthorized"},
		{status: 403, contentType: "text/html", body: "<h1>no</h1>", message: "forbidden"},
		{status: 403, contentType: "application/problem+json", body: `{"message":"not you","data":[1]}`,
			message: "not you", data: `[1]`},
		{status: 401, contentType: typeJSON, body: `{"refuse":{"message":"not you"}}`, message: "not you"},
		{status: 401, contentType: typeJSON, body: `{"message":7}`, message: "unauthorized"},
		{status: 404, message: "backend error", data: `{"code":"backend_error"}`},
		{status: 200, contentType: typeJSON, body: `{"refuse":{}}`, message: "backend error",
			data: `{"code":"backend_error"}`},
		{status: 200, contentType: typeJSON, body: `{"user":""}`, message: "backend error",
			data: `{"code":"backend_error"}`},
	} {
		b.answers(func(w http.ResponseWriter, m *told) {
			if m.Kind != "connect" {
				return
			}
			if test.contentType != "" {
				w.Header().Set("Content-Type", test.contentType)
			}
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		})
		s := newSocket(t, node, "/", client.Options{})
		from := heard(s)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := s.Connect(ctx)
		cancel()
		var refused *client.ConnectError
		switch {
		case test.message == "":
			if err != nil {
				t.Errorf("%d %s: %v", test.status, test.body, err)
			} else if test.say != "" && hear(t, from) != test.say {
				t.Errorf("%s: it has heard something else", test.body)
			}
		case !errors.As(err, &refused):
			t.Errorf("%d %s: got %v", test.status, test.body, err)
		case refused.Message != test.message || string(refused.Data.JSON()) != test.data:
			t.Errorf("%d %s: got %s %s", test.status, test.body, refused.Message, refused.Data.JSON())
		}
	}
}

func TestNamespaces(t *testing.T) {
	b := startToy(t, saysTo(func(m *told) string { return `{"ack":["` + m.Namespace + `"]}` }))
	node := start(t, b, "BACKEND_NAMESPACES", "/a, /orders-*,/orders-7")
	for namespace, there := range map[string]bool{
		"/a": true, "/orders-1": true, "/orders-7": true, "/orders-": true, "/": false, "/b": false, "/orders": false,
		"/orders-" + strings.Repeat("x", 300): false,
	} {
		s := newSocket(t, node, namespace, client.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := s.Connect(ctx)
		cancel()
		if !there {
			var refused *client.ConnectError
			if !errors.As(err, &refused) || refused.Message != "Invalid namespace" {
				t.Errorf("%s: got %v", namespace, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", namespace, err)
		} else if got := ask(t, s, "where"); got != `"`+namespace+`"` {
			t.Errorf("%s: got %s", namespace, got)
		}
	}
	connects := b.got("connect", 4)
	if len(connects) != 4 || len(b.got("event", 4)) != 4 {
		t.Errorf("%d connects", len(connects))
	}
}

// A client whose event cannot be handed on is told so, and others are not troubled.
func TestWhatIsNotHandedOn(t *testing.T) {
	b := startToy(t, nil)
	s := connect(t, start(t, b), "/", client.Options{})
	want := `{"error":"invalid event","data":{"code":"invalid_event"}}`
	if got := ask(t, s, strings.Repeat("x", maxEventBytes+1)); got != want {
		t.Errorf("got %s", got)
	}
	if n := len(b.got("event", 0)); n != 0 {
		t.Errorf("the backend has been told %d", n)
	}
}

// Nothing of the chat is there.
func TestRoutes(t *testing.T) {
	node := start(t, startToy(t, nil))
	for path, status := range map[string]int{"/": 404, "/chat/app.js": 404, "/healthz": 200, "/readyz": 200} {
		if response, body := node.Request(t, "GET", path, ""); response.StatusCode != status {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
}

func TestMetrics(t *testing.T) {
	b := startToy(t, saysTo(func(m *told) string { return m.arg(0) }))
	node := start(t, b)
	s := connect(t, node, "/", client.Options{})
	ask(t, s, "e", map[string]any{"ack": []any{}})
	ask(t, s, "e", 7)
	s.Close()
	b.got("disconnect", 1)
	node.WantSamples(t, gatewaytest.Samples{
		`gateway_backend_requests_total{kind="connect",outcome="ok"}`:      1,
		`gateway_backend_requests_total{kind="event",outcome="ok"}`:        1,
		`gateway_backend_requests_total{kind="event",outcome="error"}`:     1,
		`gateway_backend_requests_total{kind="disconnect",outcome="ok"}`:   1,
		`gateway_backend_requests_total{kind="disconnect",outcome="lost"}`: 0,
		`gateway_backend_request_seconds_count{kind="event"}`:              2,
		`gateway_backend_circuit`:                                          0,
		`gateway_backend_requests_in_flight`:                               0,
		`gateway_backend_requests_waiting`:                                 0,
		`gateway_backend_disconnects_waiting`:                              0,
		`gateway_backend_retries_total`:                                    0,
	})
	_, body := node.Request(t, "GET", "/metrics", "")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
