package gateway

// The way to a collector: OTLP over HTTP, in protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp). Package
// otlptrace makes of spans what travels. Its own client for HTTP, otlptracehttp, imports gRPC and text/template.

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	otlpType = "application/x-protobuf"
	// otlpFirstPause is how long the first retry waits, about; each further one waits twice as long, up to
	// otlpLongestPause.
	otlpFirstPause   = 200 * time.Millisecond
	otlpLongestPause = 5 * time.Second
	// maxOTLPAnswer is how many bytes of an answer are read. It has a few numbers and a message for people.
	maxOTLPAnswer = 64 << 10
	// maxRedirects is how many other places a batch may be sent on to.
	maxRedirects = 3
)

// An otlpClient takes batches of spans to a collector. It is an otlptrace.Client, whose methods may be called from any
// goroutine.
type otlpClient struct {
	url     string
	header  http.Header
	zip     bool
	timeout time.Duration // for a batch, with all its attempts
	http    http.Client
	life    context.Context // ends with Stop
	end     context.CancelFunc
}

// newOTLPClient returns a client of the collector that t names.
func newOTLPClient(t *tracing) *otlpClient {
	c := &otlpClient{
		url: t.url(), header: make(http.Header), zip: t.otlp.compression == "gzip", timeout: t.otlp.timeout,
	}
	c.header.Set("User-Agent", defaultService)
	for name, value := range t.otlp.headers {
		c.header.Set(name, value)
	}
	c.header.Set("Content-Type", otlpType)
	if c.zip {
		c.header.Set("Content-Encoding", "gzip")
	}
	c.http.Transport = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        t.otlp.tls(),
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	c.http.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		// 301, 302 and 303 make a GET of a POST: its answer would be 200, and the spans lost.
		if r.Method != http.MethodPost || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// Start implements otlptrace.Client.
func (*otlpClient) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client. It cuts what is under way.
func (c *otlpClient) Stop(context.Context) error {
	c.end()
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. It tries again until the collector has taken the spans or said that it will
// not, until the next attempt would be after the timeout, or until ctx is done. The error is a *rejectedError where the
// collector has something to say of what it has taken.
func (c *otlpClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := c.encode(spans)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	deadline, _ := ctx.Deadline()
	var last *passingError
	for pause := otlpFirstPause; ; pause = min(2*pause, otlpLongestPause) {
		err := c.post(ctx, body)
		if ctx.Err() != nil && err != nil && last != nil {
			return fmt.Errorf("%w; before that: %w", err, last)
		}
		if ctx.Err() != nil || !errors.As(err, &last) {
			return err
		}
		wait := max(last.after, pause/2+rand.N(pause))
		if time.Until(deadline) < wait {
			return fmt.Errorf("%w; the next attempt, in %s, is past the timeout", err, wait.Round(time.Millisecond))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// encode returns the body of a request. Byte for byte an ExportTraceServiceRequest is a TracesData, whose package does
// not import gRPC.
func (c *otlpClient) encode(spans []*tracepb.ResourceSpans) ([]byte, error) {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil || !c.zip {
		return body, err
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err = w.Write(body)
	err = errors.Join(err, w.Close()) // which writes to zipped too
	return zipped.Bytes(), err
}

// post makes one attempt. The error is a *passingError where another may succeed.
func (c *otlpClient) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = c.header
	answer, err := c.http.Do(r)
	if err != nil {
		if stranger := new(tls.CertificateVerificationError); errors.As(err, &stranger) {
			return err
		}
		return &passingError{error: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxOTLPAnswer))
	inProtobuf := strings.HasPrefix(answer.Header.Get("Content-Type"), otlpType)
	if answer.StatusCode/100 == 2 {
		if err != nil || !inProtobuf {
			return err
		}
		return readRejected(text)
	}
	if inProtobuf {
		text = readStatus(text)
	}
	err = fmt.Errorf("it answers %s: %s", answer.Status, bytes.TrimSpace(text))
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &passingError{err, retryAfter(answer.Header.Get("Retry-After"))}
	}
	return err
}

// A passingError is one after which another attempt may succeed.
type passingError struct {
	error
	after time.Duration // how long that has to wait at least
}

// Unwrap is for errors.Is.
func (e *passingError) Unwrap() error { return e.error }

// retryAfter reads Retry-After (RFC 9110 section 10.2.3), seconds or a date. Without it, it is 0.
func retryAfter(v string) time.Duration {
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(v); err == nil {
		return time.Until(date)
	}
	return 0
}
