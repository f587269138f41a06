package gateway

// Traces, from a collector's side and from a client's.

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A guide asks a server of its own before it answers, and tells everybody.
type guide struct{ ask string }

func (*guide) Settings() []Setting { return nil }

func (g *guide) Start(io *socketio.Server, node Node) (Parts, error) {
	send := func(ctx context.Context, name string) error {
		if g.ask == "" {
			return nil
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.ask, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := node.Traces.Do(name, r, http.DefaultClient.Do)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	io.Use(func(s *socketio.Socket) error {
		return node.Traces.Connect(s.Context(), s, func(ctx context.Context) error { return send(ctx, "POST in") })
	})
	socketio.Handle(io, "way", func(ctx context.Context, s *socketio.Socket, to string) (string, error) {
		if err := send(ctx, "POST way"); err != nil {
			return "", err
		}
		if to == "nowhere" {
			return "", errors.New("there is no way for alice@example.com")
		}
		return "left", io.WithContext(ctx).Emit("asked", to)
	})
	io.On("who", func(e *socketio.Event) error {
		sockets, err := io.FetchSockets(e.Context())
		if err != nil {
			return err
		}
		_, err = io.Of("/").ServerSideEmitWithAck(e.Context(), "ping")
		return errors.Join(err, e.Ack(len(sockets)))
	})
	io.OnServerSideEmit("ping", func(_ []socketio.Raw, reply func(any) error) { _ = reply("pong") })
	return Parts{}, nil
}

// What a client causes is one trace: its event, the request that the handler makes, and what other nodes do for it,
// whichever way they tell each other.
func TestATraceOverTwoNodes(t *testing.T) {
	redis := fleet.StartRedis(t)
	for _, mode := range []string{"pubsub", "sharded", "streams"} {
		t.Run(mode, func(t *testing.T) {
			collector := gatewaytest.StartCollector(t, nil)
			var parents atomic.Value
			backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				parents.Store(r.Header.Get("Traceparent"))
			}))
			defer backend.Close()
			defer http.DefaultClient.CloseIdleConnections()
			var nodes [2]*node
			for i := range nodes {
				nodes[i] = startService(t, &guide{ask: backend.URL}, "ADAPTER", mode, "REDIS_PREFIX", mode,
					"REDIS_URL", "redis://"+redis.Addr, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL,
					"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b", "OTEL_SERVICE_NAME", "chat")
			}
			for _, n := range nodes {
				if !await.Until(gatewaytest.Patience, func() bool {
					count, err := n.io.Of("/").Adapter().ServerCount(t.Context())
					return err == nil && count == 2
				}) {
					t.Fatal("the nodes have not found each other")
				}
			}
			a, b := nodes[0].Connect(t), nodes[1].Connect(t)
			a.Send(`420["way","north"]`, `42["evil name of a client"]`, `421["way","nowhere"]`, `422["who"]`)
			got := strings.Join(a.Receive(4), " ")
			for _, want := range []string{`430["left"]`, `42["asked","north"]`, `432[2]`} {
				if !strings.Contains(got, want) {
					t.Errorf("the client got %s, not %s", got, want)
				}
			}
			if got := b.Receive(1)[0]; got != `42["asked","north"]` {
				t.Errorf("the other client got %s", got)
			}
			a.Leave()
			b.Leave()
			for _, n := range nodes { // which hands over what the collector has not got
				if err := n.Stop(); err != nil {
					t.Error(err)
				}
			}
			expectTrace(t, collector, fmt.Sprint(parents.Load()))
		})
	}
}

func expectTrace(t *testing.T, collector *gatewaytest.Collector, traceparent string) {
	t.Helper()
	want := map[string]int{
		"way": 2, "POST way": 2, "connect": 2, "POST in": 2, "other": 1, "deliver": 1,
		"who": 1, "fetch sockets": 1, "server-side event": 1,
	}
	if got := collector.Names(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
	way, requests := collector.Spans("way"), collector.Spans("POST way")
	for i, event := range way {
		if len(event.ParentSpanId) > 0 {
			t.Error("an event has a parent")
		}
		if string(requests[i].ParentSpanId) != string(event.SpanId) {
			t.Error("the request of a handler is no child of its event")
		}
	}
	last := requests[1]
	told := fmt.Sprintf("00-%s-%s-01", hex.EncodeToString(last.TraceId), hex.EncodeToString(last.SpanId))
	if traceparent != told {
		t.Errorf("the backend got traceparent %s, want %s", traceparent, told)
	}
	for name, parent := range map[string]string{"deliver": "way", "fetch sockets": "who", "server-side event": "who"} {
		child, event := collector.Spans(name)[0], collector.Spans(parent)[0]
		if string(child.ParentSpanId) != string(event.SpanId) || string(child.TraceId) != string(event.TraceId) {
			t.Errorf("%q of the other node is no child of %q", name, parent)
		}
	}
	attrs := gatewaytest.Attributes(way[0])
	for key, want := range map[string]string{
		"messaging.system": "socketio", "messaging.destination.name": "/", "messaging.operation.name": "way",
		"messaging.operation.type": "process", "socketio.transport": "polling",
	} {
		if attrs[key] != want {
			t.Errorf("%s is %q, want %q", key, attrs[key], want)
		}
	}
	if attrs["socketio.socket.id"] == "" {
		t.Error("an event does not name its socket")
	}
	if way[1].Status.GetCode().String() != "STATUS_CODE_ERROR" || gatewaytest.Attributes(way[1])["error.type"] == "" {
		t.Errorf("a handler's error is not in its span: %v", way[1])
	}
	for name := range collector.Names() {
		for _, span := range collector.Spans(name) {
			for _, secret := range []string{"north", "nowhere", "alice", "evil"} {
				if strings.Contains(span.String(), secret) {
					t.Errorf("%q is in a span: %v", secret, span)
				}
			}
		}
	}
	headers, services := collector.Requests()
	if headers[0].Get("Api-Key") != "a b" || services[0] != "chat" {
		t.Errorf("the collector got the headers %v of the service %s", headers[0], services[0])
	}
}

// A collector that is away, slow, frozen or wrong costs spans, and a client notices nothing.
func TestACollectorThatDoesNotCollect(t *testing.T) {
	thawed := make(chan struct{})
	t.Cleanup(func() { close(thawed) })
	tests := map[string]func(http.ResponseWriter, *http.Request) bool{
		"away": nil,
		"slow": func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Second):
			}
			return false
		},
		"frozen": func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not seen
			select {
			case <-r.Context().Done():
			case <-thawed:
			}
			return true
		},
		"wrong": func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, strings.Repeat("no", 5000), http.StatusForbidden)
			return true
		},
		"full": func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "", http.StatusServiceUnavailable)
			return true
		},
	}
	for name, behave := range tests {
		t.Run(name, func(t *testing.T) {
			address := "http://127.0.0.1:1"
			if behave != nil {
				address = gatewaytest.StartCollector(t, behave).URL
			}
			n := startService(t, new(guide), "OTEL_EXPORTER_OTLP_ENDPOINT", address)
			c := n.Connect(t)
			const events = 5000 // more than the queue before the collector takes
			for i := 0; i < events; i += 50 {
				packets := make([]string, 50)
				for k := range packets {
					packets[k] = fmt.Sprintf(`42%d["way","north"]`, i+k)
				}
				c.Send(packets...)
				for _, packet := range c.Receive(100) {
					if !strings.HasPrefix(packet, "43") && packet != `42["asked","north"]` {
						t.Fatalf("the client got %s", packet)
					}
				}
			}
			c.Leave()
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
			if name == "wrong" && n.traces.exporter.failed.Load() == 0 {
				t.Error("no span counts as lost")
			}
			lines := len(n.Log.Find(t, "spans not exported"))
			if lines > 2 {
				t.Errorf("%d lines say that spans are not exported", lines)
			}
			if name != "slow" && lines+len(n.Log.Find(t, "stopped with spans that the collector has not taken")) == 0 {
				t.Error("no line says that spans are lost")
			}
			for line := range strings.Lines(n.Log.String()) {
				if len(line) > 4000 {
					t.Errorf("a line of %d bytes: %.200s...", len(line), line)
				}
			}
		})
	}
}

// Without a collector there is nothing on the way of an event.
func TestTracesAreOffUnlessSet(t *testing.T) {
	const collector = "http://127.0.0.1:1"
	tests := []struct {
		settings []string
		to       string
	}{
		{nil, ""},
		{[]string{"OTEL_SERVICE_NAME", "chat", "OTEL_TRACES_SAMPLER", "always_on"}, ""},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", collector}, collector + "/v1/traces"},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", collector + "/otel/"}, collector + "/otel/v1/traces"},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector + "/spans"}, collector + "/spans"},
		{[]string{"OTEL_TRACES_EXPORTER", "otlp"}, "http://localhost:4318/v1/traces"},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", collector, "OTEL_TRACES_EXPORTER", "none"}, ""},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", collector, "OTEL_SDK_DISABLED", "true"}, ""},
	}
	for _, test := range tests {
		g, _ := build(t, new(parrot), test.settings...)
		if got := g.cfg.tracing.url(); got != test.to || (g.traces != nil) != (test.to != "") {
			t.Errorf("%v: traces go to %q (%v), want %q", test.settings, got, g.traces != nil, test.to)
		}
		if err := g.giveUp(); err != nil {
			t.Error(err)
		}
	}
}

func TestSettingsOfTracesThatAreWrong(t *testing.T) {
	cert, key := certificate.Files(t)
	_, otherKey := certificate.Files(t)
	tests := []struct{ name, value, want string }{
		{"OTEL_SDK_DISABLED", "yes", "true or false"},
		{"OTEL_TRACES_EXPORTER", "zipkin", "auto, otlp or none"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "none, or an http:// or https:// URL"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", "none, or an http:// or https:// URL"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "s3cret", "none, or name=value pairs"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "s3 cret=a", "none, or name=value pairs"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=s3cret%0a", "none, or name=value pairs"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "s3cret", "same, none, or name=value pairs"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "same, http/protobuf"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "a duration from 1ms to 24h"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "0", "a duration from 1ms to 24h"},
		{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "same, a duration from 1ms to 24h"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "none or gzip"},
		{"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd", "same, none or gzip"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", cert + "?", "none, or a readable PEM file"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", key, "none, or a readable PEM file"},
		{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", cert + "?", "same, none, or a readable PEM file"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", cert + "?", "none, or a readable PEM file"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", key, "a readable PEM file with the key of "},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", key, "a readable PEM file with the key of "},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%zz", "none, or name=value pairs"},
		{"OTEL_TRACES_SAMPLER", "xray", "parentbased_always_on, "},
		{"OTEL_TRACES_SAMPLER_ARG", "2", "a number from 0 to 1"},
		{"OTEL_TRACES_SAMPLER_ARG", "NaN", "a number from 0 to 1"},
	}
	for _, test := range tests {
		_, err := load(test.name, test.value)
		wrong := new(SettingError)
		if !errors.As(err, &wrong) || wrong.Name != test.name || !strings.HasPrefix(wrong.Valid, test.want) {
			t.Errorf("%s=%s: %v", test.name, test.value, err)
		}
		if strings.Contains(fmt.Sprint(err), "s3") {
			t.Errorf("a secret is in %v", err)
		}
	}
	const prefix = "OTEL_EXPORTER_OTLP_"
	together := []struct {
		settings []string
		wrong    string
	}{
		{[]string{"CLIENT_CERTIFICATE", cert, "CLIENT_KEY", key}, ""},
		{[]string{"CLIENT_CERTIFICATE", cert}, "CLIENT_KEY"},
		{[]string{"CLIENT_CERTIFICATE", cert, "CLIENT_KEY", otherKey}, "CLIENT_KEY"},
		{[]string{"CLIENT_CERTIFICATE", cert, "TRACES_CLIENT_KEY", key}, "CLIENT_KEY"},
		{[]string{"TRACES_CLIENT_CERTIFICATE", cert, "TRACES_CLIENT_KEY", key}, ""},
		{[]string{"TRACES_CLIENT_CERTIFICATE", cert}, "TRACES_CLIENT_KEY"},
		{[]string{"CERTIFICATE", cert}, ""},
		{[]string{"CERTIFICATE", cert, "ENDPOINT", "https://h"}, ""},
		{[]string{"CERTIFICATE", cert, "ENDPOINT", "http://u:s3cret@h"}, "ENDPOINT"},
		{[]string{"CERTIFICATE", cert, "ENDPOINT", "https://h", "TRACES_ENDPOINT", "http://h"}, "TRACES_ENDPOINT"},
	}
	for _, test := range together {
		var settings []string
		for i := 0; i < len(test.settings); i += 2 {
			settings = append(settings, prefix+test.settings[i], test.settings[i+1])
		}
		_, err := load(settings...)
		wrong := new(SettingError)
		if errors.As(err, &wrong) != (test.wrong != "") || err != nil && wrong.Name != prefix+test.wrong {
			t.Errorf("%q: %v", test.settings, err)
		}
		if strings.Contains(fmt.Sprint(err), "s3cret") {
			t.Errorf("a secret is in %v", err)
		}
	}
}

// What the environment says of the resource goes before the defaults, and the service's own variable before that.
func TestTheNameOfTheService(t *testing.T) {
	tests := []struct {
		settings []string
		want     string
	}{
		{nil, "gateway"},
		{[]string{"OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=b"}, "a"},
		{[]string{"OTEL_RESOURCE_ATTRIBUTES", "service.name=a", "OTEL_SERVICE_NAME", "c"}, "c"},
	}
	for _, test := range tests {
		collector := gatewaytest.StartCollector(t, nil)
		n := startService(t, new(guide), append(test.settings, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)...)
		n.Connect(t).Leave()
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if _, services := collector.Requests(); len(services) != 1 || services[0] != test.want {
			t.Errorf("%v: the collector knows the services %q, want %s", test.settings, services, test.want)
		}
	}
}
