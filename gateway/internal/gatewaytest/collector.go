package gatewaytest

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Collector takes traces over OTLP/HTTP, as what is behind OTEL_EXPORTER_OTLP_ENDPOINT does. It is an http.Handler.
type Collector struct {
	URL    string
	Behave func(http.ResponseWriter, *http.Request) (done bool) // asked first, where it is not nil

	mu       sync.Mutex
	spans    []*tracepb.Span
	services []string // that the spans come from: service.name
	headers  []http.Header
}

// StartCollector starts one that answers as behave says, which may be nil. It ends with the test.
func StartCollector(t testing.TB, behave func(http.ResponseWriter, *http.Request) (done bool)) *Collector {
	t.Helper()
	c := &Collector{Behave: behave}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.Behave != nil && c.Behave(w, r) {
		return
	}
	if err := c.take(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *Collector) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request tracepb.TracesData // byte for byte an ExportTraceServiceRequest, without gRPC
	if err := proto.Unmarshal(text, &request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = append(c.headers, r.Header)
	for _, resource := range request.ResourceSpans {
		for _, attr := range resource.Resource.Attributes {
			if attr.Key == "service.name" {
				c.services = append(c.services, attr.Value.GetStringValue())
			}
		}
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	return nil
}

// Spans are those that have come with that name.
func (c *Collector) Spans(name string) []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*tracepb.Span
	for _, s := range c.spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// Names are those of the spans that have come, and how many of each.
func (c *Collector) Names() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make(map[string]int)
	for _, s := range c.spans {
		names[s.Name]++
	}
	return names
}

// Requests are the headers of the requests that have come, and the names of the services in them.
func (c *Collector) Requests() ([]http.Header, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headers, c.services
}

// Attributes are a span's, as text.
func Attributes(s *tracepb.Span) map[string]string {
	all := make(map[string]string)
	for _, attr := range s.Attributes {
		all[attr.Key] = attr.Value.GetStringValue()
		if all[attr.Key] == "" {
			all[attr.Key] = attr.Value.String()
		}
	}
	return all
}
