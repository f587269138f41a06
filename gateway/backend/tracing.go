package backend

// Requests in traces: each is a span, and tells the backend of it.

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotrace"
)

// A tracer is a sender whose requests are followed.
type tracer struct {
	sender
	traces *socketiotrace.Traces
	to     *url.URL
}

// traced returns s, or where there are traces a sender that has its requests followed.
func traced(s sender, traces *socketiotrace.Traces, to *url.URL) sender {
	if traces == nil {
		return s
	}
	return &tracer{s, traces, to}
}

// send implements sender. m stays as it is: it may be sent again, in another span.
func (t *tracer) send(ctx context.Context, m *message, signature string, deadline time.Time) (
	r *response, sent bool, err error,
) {
	ctx, span := t.traces.Request(ctx, "POST "+types[m.kind], http.MethodPost, t.to)
	followed := *m
	followed.further = append(span.Headers(), m.further...)
	r, sent, err = t.sender.send(ctx, &followed, signature, deadline)
	status := 0
	if r != nil {
		status = r.status
	}
	span.End(status, err)
	return r, sent, err
}
