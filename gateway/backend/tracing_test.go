package backend

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// Each request is a child of the event that it is for, and tells the backend so, over each way to the backend.
func TestRequestsAreInTheTraceOfTheirEvent(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			collector := gatewaytest.StartCollector(t, nil)
			b := way.startToy(t, saysTo(func(m *told) string {
				if m.Event == "wrong" {
					return `{"ack":`
				}
				return `{"ack":["well"],"emit":[{"event":"all","all":true}]}`
			}))
			node := start(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL, "BACKEND_RETRIES", "1",
				"SHUTDOWN_TIMEOUT", "1s")
			s := connect(t, node, "/", client.Options{})
			for event, want := range map[string]string{"e": `"well"`, "wrong": saysError} {
				if got := ask(t, s, event); got != want {
					t.Errorf("%s is acknowledged with %s", event, got)
				}
			}
			b.stop()
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
			for _, m := range b.got("event", 2) {
				if !slices.Contains(want, m.Parent) {
					t.Errorf("the backend got the traceparent %s, which is none of %q", m.Parent, want)
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
