package backend

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// Each request is a child of the event that it is for, and tells the backend so, over each way to the backend.
func TestRequestsAreInTheTraceOfTheirEvent(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			collector := gatewaytest.StartCollector(t, nil)
			var mu sync.Mutex
			parents := make(map[string][]string) // by kind
			b := &toy{t: t, changed: make(chan struct{}), answer: saysTo(func(m *told) string {
				if m.Event == "wrong" {
					return `{"ack":`
				}
				return `{"ack":["well"],"emit":[{"event":"all","all":true}]}`
			})}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				kind := r.Header.Get("ce-type")
				parents[kind] = append(parents[kind], r.Header.Get("traceparent"))
				mu.Unlock()
				b.serve(w, r)
			}))
			server.Config.Protocols = new(http.Protocols)
			server.Config.Protocols.SetHTTP1(true)
			server.Config.Protocols.SetUnencryptedHTTP2(true)
			server.Start()
			b.address = server.Listener.Addr().String()
			b.URL = server.URL + "/events?of=gateway"
			node := start(t, b, "BACKEND_PROTOCOL", way, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL,
				"BACKEND_RETRIES", "1", "SHUTDOWN_TIMEOUT", "1s")
			s := connect(t, node, "/", client.Options{})
			for event, want := range map[string]string{"e": `"well"`, "wrong": saysError} {
				if got := ask(t, s, event); got != want {
					t.Errorf("%s is acknowledged with %s", event, got)
				}
			}
			server.CloseClientConnections()
			server.Close()
			lost := 0 // on a connection that was closed as they went out
			for ask(t, s, "away") != saysUnavailable {
				if lost++; lost > 3 {
					t.Fatal("the backend is there, although it is not")
				}
			}
			s.Close()
			if err := node.Stop(); err != nil {
				t.Error(err)
			}

			events, requests := collector.Spans("other"), collector.Spans("POST socketio.event")
			if len(events) != 3+lost || len(requests) != 4+lost { // one of which is tried again
				t.Fatalf("%v", collector.Names())
			}
			children := make(map[string]int)
			for _, r := range requests {
				children[string(r.ParentSpanId)]++
			}
			for _, e := range events {
				if children[string(e.SpanId)] == 0 {
					t.Error("an event has no request")
				}
			}
			connects := collector.Spans("connect")
			if len(connects) != 1 || string(collector.Spans("POST socketio.connect")[0].ParentSpanId) != string(
				connects[0].SpanId) {
				t.Error("the request of a connect is no child of it")
			}
			var want []string
			for _, r := range requests {
				trace, span := hex.EncodeToString(r.TraceId), hex.EncodeToString(r.SpanId)
				want = append(want, fmt.Sprintf("00-%s-%s-01", trace, span))
			}
			for _, got := range parents["socketio.event"] {
				if !slices.Contains(want, got) {
					t.Errorf("the backend got the traceparent %s, which is none of %q", got, want)
				}
			}
			failures := make(map[string]int)
			for _, e := range events {
				failures[gatewaytest.Attributes(e)["error.type"]]++
			}
			if !maps.Equal(failures, map[string]int{"": 1, codeError: 1 + lost, codeUnavailable: 1}) {
				t.Errorf("the events failed of %v", failures)
			}
			for name := range collector.Names() {
				for _, span := range collector.Spans(name) {
					if strings.Contains(span.String(), "of=gateway") {
						t.Errorf("the backend's query is in a span: %v", span)
					}
				}
			}
		})
	}
}
