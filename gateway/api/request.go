package api

// What a request goes through before its operation: the token, the route, the body's bounds, the idempotency key.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// specPath is where the OpenAPI description is, the one thing that takes no token.
const specPath = "/openapi.json"

// handler is all of the API.
func (a *API) handler() http.Handler {
	a.mux.HandleFunc("/", a.noRoute)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &answerWriter{ResponseWriter: w}
		defer func() {
			if cause := recover(); cause != nil {
				a.log.Error("the server API panicked", "error", cause, "route", r.Pattern,
					"stack", string(debug.Stack()))
				if answer.status == 0 {
					problem(http.StatusInternalServerError, "", "a fault of the gateway's, of which its log tells").
						write(answer)
				}
			}
			a.observe(r, answer.status, time.Since(began))
		}()
		a.serve(answer, r)
	})
}

func (a *API) serve(w *answerWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == specPath {
		a.serveSpec(w, r)
		return
	}
	if !a.admit(w, r) {
		return
	}
	// A mux would send the client from //v1/emit to /v1/emit.
	path := r.URL.Path
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path, "/.") {
		a.noRoute(w, r)
		return
	}
	if r.Body == nil || r.Body == http.NoBody {
		a.keyed(w, r, nil)
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= maxKeptBody {
			body.Reset()
			bodies.Put(body)
		}
	}()
	if f := a.readBody(w, r, body); f != nil {
		w.Header().Set("Connection", "close") // what is left of the body is not waited for
		f.write(w)
		return
	}
	a.keyed(w, r, body.Bytes())
}

// operate has a request's operation carried out. body is nil where there is none.
func (a *API) operate(w *answerWriter, r *http.Request, body []byte) {
	if body != nil {
		if a.plainEmit(w, r, body) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	a.mux.ServeHTTP(w, r)
}

// bodies are buffers for requests' bodies; larger ones are not kept.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxKeptBody = 64 << 10

// readBody reads all of a request's body, within its bounds of bytes and time.
func (a *API) readBody(w *answerWriter, r *http.Request, into *bytes.Buffer) *failure {
	limit := int64(a.opts.MaxBodyBytes)
	tooLarge := problem(http.StatusRequestEntityTooLarge, "", "a body has at most API_MAX_BODY bytes")
	if r.ContentLength > limit {
		return tooLarge
	}
	connection := http.NewResponseController(w.ResponseWriter)
	bounded := connection.SetReadDeadline(time.Now().Add(a.bodyTime)) == nil
	_, err := into.ReadFrom(http.MaxBytesReader(w.ResponseWriter, r.Body, limit))
	var netErr net.Error
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge
	case errors.As(err, &netErr) && netErr.Timeout():
		return problem(http.StatusRequestTimeout, "", "the body took longer than "+a.bodyTime.String())
	case err != nil:
		return problem(http.StatusBadRequest, "", "the body cannot be read")
	}
	if bounded {
		// From here on net/http reads ahead, to notice a client that leaves. With the deadline in place it would think
		// that of each whose operation takes longer.
		_ = connection.SetReadDeadline(time.Time{})
	}
	return nil
}

// noRoute answers what no operation is for.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(other); strings.HasPrefix(pattern, method) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 || slices.Contains(allowed, r.Method) {
		problem(http.StatusNotFound, "", "there is no such operation: see "+specPath).write(w)
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	problem(http.StatusMethodNotAllowed, "", "the operation is "+strings.Join(allowed, " or ")).write(w)
}

// serveSpec answers with the OpenAPI description.
func (a *API) serveSpec(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		problem(http.StatusMethodNotAllowed, "", "the description is there to be read").write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(a.spec)
}

// observe tells OnRequest of a request.
func (a *API) observe(r *http.Request, status int, took time.Duration) {
	if a.opts.OnRequest == nil {
		return
	}
	route := r.Pattern
	if at := strings.IndexByte(route, ' '); at >= 0 {
		route = route[at+1:]
	}
	switch {
	case r.URL.Path == specPath:
		route = specPath
	case route == "/":
		route = ""
	}
	a.opts.OnRequest(route, status, took)
}

// An answerWriter notes the status of an answer, and where kept is not nil all of the answer's body. It has no Unwrap:
// the deadlines of a connection are not for operations.
type answerWriter struct {
	http.ResponseWriter
	status int
	kept   *bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.kept != nil {
		w.kept.Write(p)
	}
	return w.ResponseWriter.Write(p)
}
