package gateway

// The way to a collector, each with a real one at its end.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/test/certificate"
	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// upload sends a batch with one span, called "span".
func upload(t *testing.T, c *otlpClient) error {
	t.Helper()
	spans := []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "span", TraceId: []byte("0123456789abcdef")}}}}
	return c.UploadTraces(t.Context(), []*tracepb.ResourceSpans{
		{Resource: new(resourcepb.Resource), ScopeSpans: spans},
	})
}

// otlpTo is a client of the collector at address.
func otlpTo(t *testing.T, address string, settings ...string) *otlpClient {
	t.Helper()
	cfg, err := load(append(settings, "OTEL_EXPORTER_OTLP_ENDPOINT", address)...)
	if err != nil {
		t.Fatal(err)
	}
	c := newOTLPClient(&cfg.tracing)
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// A protobuf is an answer of a collector.
type protobuf []byte

func (p protobuf) number(field protowire.Number, n uint64) protobuf {
	return protowire.AppendVarint(protowire.AppendTag(p, field, protowire.VarintType), n)
}

func (p protobuf) text(field protowire.Number, text []byte) protobuf {
	return protowire.AppendBytes(protowire.AppendTag(p, field, protowire.BytesType), text)
}

func (p protobuf) answer(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(code)
	_, _ = w.Write(p)
}

func partly(rejected uint64, message string) protobuf {
	return protobuf(nil).number(7, 1).text(1, protobuf(nil).number(1, rejected).text(2, []byte(message)))
}

func TestSpansReachACollector(t *testing.T) {
	tests := []struct {
		settings []string
		headers  map[string]string
	}{
		{nil, map[string]string{"User-Agent": "gateway", "Content-Encoding": "", "Api-Key": ""}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, user-agent=me,content-type=text/plain"},
			map[string]string{"Api-Key": "a b", "User-Agent": "me"}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a,x=y", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=b"},
			map[string]string{"Api-Key": "b", "X": ""}},
		{[]string{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}, map[string]string{"Content-Encoding": "gzip"}},
		{[]string{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"},
			map[string]string{"Content-Encoding": ""}},
	}
	for _, test := range tests {
		var path string
		collector := gatewaytest.StartCollector(t, func(_ http.ResponseWriter, r *http.Request) bool {
			path = r.Method + " " + r.URL.Path
			return false
		})
		c := otlpTo(t, collector.URL, test.settings...)
		for range 2 {
			if err := upload(t, c); err != nil {
				t.Errorf("%q: %v", test.settings, err)
			}
		}
		headers, _ := collector.Requests()
		if len(headers) != 2 || len(collector.Spans("span")) != 2 || path != "POST /v1/traces" {
			t.Errorf("%q: the collector got %d requests, %v, the last %s", test.settings, len(headers),
				collector.Names(), path)
			continue
		}
		for name, want := range test.headers {
			if got := headers[1].Get(name); got != want {
				t.Errorf("%q: the header %s is %q, want %q", test.settings, name, got, want)
			}
		}
		if got := headers[1].Get("Content-Type"); got != "application/x-protobuf" {
			t.Errorf("%q: the body is %s", test.settings, got)
		}
	}
}

// What comes out of the client is what the specification has for an ExportTraceServiceRequest: {resource_spans: 1
// {scope_spans: 2 {spans: 2 {name: 5}}}}.
func TestTheBodyIsTheSpecifications(t *testing.T) {
	body, err := new(otlpClient).encode([]*tracepb.ResourceSpans{
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "a"}}}}},
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "b"}}}}},
	})
	var want protobuf
	for _, name := range []string{"a", "b"} {
		span := protobuf(nil).text(5, []byte(name))
		want = want.text(1, protobuf(nil).text(2, protobuf(nil).text(2, span)))
	}
	if err != nil || string(body) != string(want) {
		t.Errorf("got %x, %v, want %x", body, err, want)
	}
}

// A collector that cannot take spans just now is asked again, and one that will not is not.
func TestACollectorIsAskedAgain(t *testing.T) {
	hangUp := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { http.Error(w, "no, thanks", code) }
	}
	later := func(after func() string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", after())
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	saying := func(code int, message string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { protobuf(nil).number(1, 3).text(2, []byte(message)).answer(w, code) }
	}
	seconds := func(text string) func(http.ResponseWriter) { return later(func() string { return text }) }
	date := later(func() string {
		return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) // which has whole seconds
	})
	type answers []func(http.ResponseWriter) // after which there is a 200
	const soon = otlpFirstPause / 2
	tests := map[string]struct {
		answers answers
		asked   int32
		atLeast time.Duration
		err     string
	}{
		"busy":        {answers{status(429)}, 2, soon, ""},
		"no backend":  {answers{status(502)}, 2, soon, ""},
		"starts":      {answers{status(503)}, 2, soon, ""},
		"slow":        {answers{status(504)}, 2, soon, ""},
		"hangs up":    {answers{hangUp}, 2, soon, ""},
		"twice":       {answers{hangUp, status(503)}, 3, 3 * soon, ""},
		"in 1 second": {answers{seconds("1")}, 2, time.Second, ""},
		"at a time":   {answers{date}, 2, time.Second, ""},
		"in an hour": {answers{seconds("3600")}, 1, 0,
			"it answers 503 Service Unavailable: ; the next attempt, in 1h0m0s, is past the timeout"},
		"forbidden": {answers{status(403)}, 1, 0, "it answers 403 Forbidden: no, thanks"},
		"broken":    {answers{status(500)}, 1, 0, "it answers 500 Internal Server Error: no, thanks"},
		"bad":       {answers{saying(400, "what is that?")}, 1, 0, "it answers 400 Bad Request: what is that?"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			collector := gatewaytest.StartCollector(t, func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body)
				i := int(asked.Add(1)) - 1
				if i < len(test.answers) {
					test.answers[i](w)
				}
				return true
			})
			began := time.Now()
			err := upload(t, otlpTo(t, collector.URL))
			took := time.Since(began)
			if fmt.Sprint(err) != test.err && (err != nil || test.err != "") {
				t.Errorf("got the error %v", err)
			}
			if asked.Load() != test.asked || took < test.atLeast || took > 8*time.Second {
				t.Errorf("asked %d times in %s", asked.Load(), took)
			}
		})
	}
}

// A collector that is not there yet gets the spans when it is.
func TestACollectorThatStartsLater(t *testing.T) {
	address := freeaddr.Need(t)
	c := otlpTo(t, "http://"+address)
	uploaded := make(chan error, 1)
	go func() { uploaded <- upload(t, c) }()
	time.Sleep(otlpFirstPause)
	select {
	case err := <-uploaded:
		t.Fatalf("it gives up: %v", err)
	default:
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	collector := new(gatewaytest.Collector)
	server := httptest.NewUnstartedServer(collector)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	defer server.Close()
	if err := <-uploaded; err != nil || len(collector.Spans("span")) != 1 {
		t.Errorf("got %v, %v", err, collector.Names())
	}
}

// The timeout is a batch's, with all its attempts, and the end of the client ends an attempt and a pause.
func TestAnUploadEnds(t *testing.T) {
	frozen := func(t *testing.T) string {
		return gatewaytest.StartCollector(t, func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not seen
			<-r.Context().Done()
			return true
		}).URL
	}
	slowly := func(t *testing.T) string { // its answer, which has begun
		return gatewaytest.StartCollector(t, func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		}).URL
	}
	away := func(t *testing.T) string { return "http://" + freeaddr.Need(t) }
	const timeout = "OTEL_EXPORTER_OTLP_TIMEOUT"
	for name, test := range map[string]struct {
		collector func(*testing.T) string
		settings  []string
		stop      bool
		err       string
	}{
		"frozen": {frozen, []string{timeout, "300"}, false, "context deadline exceeded"},
		"slow":   {slowly, []string{timeout, "300"}, false, "context deadline exceeded"},
		"away":   {away, []string{timeout, "300"}, false, "connection refused; the next attempt, in "},
		"for traces": {frozen, []string{timeout, "1h", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300"}, false,
			"context deadline exceeded"},
		"frozen, stopped":  {frozen, nil, true, "context canceled"},
		"away and stopped": {away, nil, true, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := otlpTo(t, test.collector(t), test.settings...)
			if test.stop {
				time.AfterFunc(300*time.Millisecond, func() { _ = c.Stop(context.Background()) })
			}
			began := time.Now()
			err := upload(t, c)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it takes %s", took)
			}
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("got the error %v", err)
			}
		})
	}
}

// A collector with a certificate of an authority of one's own, which wants to see the gateway's.
func TestACollectorWithTLS(t *testing.T) {
	cert, key := certificate.Files(t)
	clientCert, clientKey := certificate.Files(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(clientCert)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(text)
	collector := new(gatewaytest.Collector)
	server := httptest.NewUnstartedServer(collector)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	const ca, shown, its = "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY"
	traces := func(name string) string { return strings.Replace(name, "_OTLP_", "_OTLP_TRACES_", 1) }
	for name, test := range map[string]struct {
		settings []string
		err      string
	}{
		"all":        {settings: []string{ca, cert, shown, clientCert, its, clientKey}},
		"for traces": {settings: []string{traces(ca), cert, traces(shown), clientCert, traces(its), clientKey}},
		"for traces, which wins": {settings: []string{ca, clientCert, shown, cert, its, key,
			traces(ca), cert, traces(shown), clientCert, traces(its), clientKey}},
		"a stranger":       {settings: []string{shown, clientCert, its, clientKey}, err: "certificate"},
		"another stranger": {settings: []string{ca, cert, traces(ca), "none"}, err: "certificate"},
		"nothing to show":  {settings: []string{ca, cert, "OTEL_EXPORTER_OTLP_TIMEOUT", "300"}, err: "https://"},
	} {
		t.Run(name, func(t *testing.T) {
			before, began := len(collector.Spans("span")), time.Now()
			err := upload(t, otlpTo(t, server.URL, test.settings...))
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it takes %s", took)
			}
			if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got the error %v", err)
			}
			if got := len(collector.Spans("span")) - before; (got == 1) != (test.err == "") {
				t.Errorf("%d spans have come", got)
			}
		})
	}
}

// What a collector says of spans that it has taken, or not all of them, is read, up to a bound.
func TestACollectorThatTakesAPart(t *testing.T) {
	const nonsense = "its answer makes no sense: unexpected EOF"
	unknown := protobuf(protowire.AppendFixed32(protowire.AppendTag(nil, 9, protowire.Fixed32Type), 1))
	for name, test := range map[string]struct {
		answer protobuf
		kind   string
		want   *rejectedError
		text   string
	}{
		"nothing":      {},
		"a part":       {partly(3, "long"), "", &rejectedError{3, "long"}, "the collector has rejected 3 spans: long"},
		"a warning":    {partly(0, "old"), "", &rejectedError{0, "old"}, "the collector has rejected 0 spans: old"},
		"an empty one": {answer: protobuf(nil).text(1, nil)},
		"other things": {answer: unknown},
		"no protobuf":  {answer: protobuf("{}"), kind: "application/json"},
		"half of it":   {answer: partly(3, "too long")[:9], text: nonsense},
		"half inside":  {answer: protobuf(nil).text(1, partly(3, "")[:3]), text: nonsense},
		"too much":     {answer: partly(3, strings.Repeat("x", maxOTLPAnswer)), text: nonsense},
	} {
		t.Run(name, func(t *testing.T) {
			collector := gatewaytest.StartCollector(t, func(w http.ResponseWriter, _ *http.Request) bool {
				if test.kind != "" {
					w.Header().Set("Content-Type", test.kind)
					_, _ = w.Write(test.answer)
				} else {
					test.answer.answer(w, http.StatusOK)
				}
				return true
			})
			err := upload(t, otlpTo(t, collector.URL))
			if (err != nil) != (test.text != "") || err != nil && err.Error() != test.text {
				t.Errorf("got the error %v", err)
			}
			var rejected *rejectedError
			if errors.As(err, &rejected) != (test.want != nil) || test.want != nil && *rejected != *test.want {
				t.Errorf("got the error %#v", err)
			}
		})
	}
}

// A batch of which a part is rejected counts as that.
func TestRejectedSpansAreCounted(t *testing.T) {
	collector := gatewaytest.StartCollector(t, func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		partly(1, "too many").answer(w, http.StatusOK)
		return true
	})
	n := startService(t, new(guide), "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	c := n.Connect(t)
	c.Send(`420["who"]`, `421["who"]`)
	c.Receive(2)
	c.Leave()
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	exported, failed := n.traces.exporter.exported.Load(), n.traces.exporter.failed.Load()
	if exported != 2 || failed != 1 { // connect and two events, in one batch
		t.Errorf("%d spans exported, %d failed", exported, failed)
	}
	lines := n.Log.Find(t, "spans not exported")
	if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines), "rejected 1 spans: too many") {
		t.Errorf("the log has %v", lines)
	}
}

// A collector may have moved. Its new place gets the same request, or there is an error.
func TestACollectorThatHasMoved(t *testing.T) {
	collector := gatewaytest.StartCollector(t, nil)
	for code, follows := range map[int]bool{307: true, 308: true, 301: false, 302: false, 303: false} {
		before := len(collector.Spans("span"))
		old := gatewaytest.StartCollector(t, func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, collector.URL+"/v1/traces", code)
			return true
		})
		err := upload(t, otlpTo(t, old.URL))
		if arrived := len(collector.Spans("span")) - before; (err == nil) != follows || (arrived == 1) != follows {
			t.Errorf("%d: %v, and %d spans arrive", code, err, arrived)
		}
	}
	var asked atomic.Int32
	circle := gatewaytest.StartCollector(t, func(w http.ResponseWriter, r *http.Request) bool {
		asked.Add(1)
		http.Redirect(w, r, "/v1/traces", http.StatusPermanentRedirect)
		return true
	})
	if err := upload(t, otlpTo(t, circle.URL)); err == nil || asked.Load() != maxRedirects+1 {
		t.Errorf("%v, after %d requests", err, asked.Load())
	}
}
