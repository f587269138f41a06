package api

// What the tests share: an API on a port, in front of a server in memory, and calls that are checked against the
// OpenAPI description, the request and the answer alike.

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

const (
	patience = gatewaytest.Patience
	token    = "0123456789abcdef"
)

// A fixture is an API with its server.
type fixture struct {
	*API
	url    string
	io     *socketiotest.Server
	log    *gatewaytest.Log
	doc    *document
	client *http.Client
}

// serve starts an API, which ends with the test. change may change its options.
func serve(t testing.TB, change func(*Options)) *fixture {
	t.Helper()
	io := socketiotest.New(t, socketio.Options{})
	io.On("join", func(e *socketio.Event) error {
		var room string
		if err := e.Bind(&room); err != nil {
			return err
		}
		e.Socket().Join(room)
		return e.Ack()
	})
	return serveFor(t, io, change)
}

func serveFor(t testing.TB, io *socketiotest.Server, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{io: io, log: new(gatewaytest.Log), client: http.DefaultClient}
	logger := slog.New(slog.NewJSONHandler(f.log, nil))
	tokens, err := NewTokens([]string{"another-long-token", token}, "", logger)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{
		IO: io.Server, Tokens: tokens, Logger: logger, UserRoom: func(user string) string { return "user:" + user },
		UserOf: func(s socketio.DataHolder) string { user, _ := userKey.Get(s); return user },
	}
	if change != nil {
		change(&opts)
	}
	f.API = New(opts)
	f.doc = readDocument(t, f.spec)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.Serve(listener) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := f.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		f.server.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return f
}

var userKey = socketio.NewKey[string]("user")

// join connects clients that are in a room each.
func (f *fixture) join(t *testing.T, rooms ...string) []*socketiotest.Client {
	t.Helper()
	var clients []*socketiotest.Client
	for _, room := range rooms {
		c := f.io.Connect(t)
		c.EmitWithAck("join", room)
		clients = append(clients, c)
	}
	return clients
}

// A reply is an answer that has been checked.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request with a token, and "Name: value" headers, and checks the answer against the description. Where it
// is not a 4xx, it checks the request too.
func (f *fixture) call(t testing.TB, method, target, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{response.StatusCode, response.Header, content}
	f.doc.check(t, r, []byte(body), got)
	return got
}

// post is call for a body that is to be answered so; the answer goes into ptr, if that is not nil.
func (f *fixture) post(t testing.TB, path, body string, status int, ptr any) reply {
	t.Helper()
	got := f.call(t, http.MethodPost, path, body)
	got.want(t, path+" "+body, status, ptr)
	return got
}

// get is post for what is looked at.
func (f *fixture) get(t testing.TB, target string, status int, ptr any) reply {
	t.Helper()
	got := f.call(t, http.MethodGet, target, "")
	got.want(t, target, status, ptr)
	return got
}

func (got reply) want(t testing.TB, what string, status int, ptr any) {
	t.Helper()
	if got.status != status {
		t.Fatalf("%.200s: %d %s, want %d", what, got.status, got.body, status)
	}
	if ptr != nil {
		if err := json.Unmarshal(got.body, ptr); err != nil {
			t.Fatalf("%.200s: %s: %v", what, got.body, err)
		}
	}
}

// says checks that an answer has these words.
func (got reply) says(t testing.TB, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(string(got.body), w) {
			t.Errorf("the answer does not say %q: %s", w, got.body)
		}
	}
}

// A document is the description, as a test reads it.
type document struct {
	mu       sync.Mutex // guards compiler and schemas
	compiler *jsonschema.Compiler
	paths    map[string]map[string]operationDoc
	schemas  map[string]*jsonschema.Schema
}

type operationDoc struct {
	OperationID string
	Parameters  []struct {
		Name, In, Description string
		Schema                map[string]any
	}
	RequestBody *struct{ Content map[string]any }
	Responses   map[string]struct{ Content map[string]any }
}

const documentURL = "https://api.example/openapi.json"

func readDocument(t testing.TB, text []byte) *document {
	t.Helper()
	d := &document{compiler: jsonschema.NewCompiler(), schemas: make(map[string]*jsonschema.Schema)}
	d.compiler.AssertFormat()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.compiler.AddResource(documentURL, tree); err != nil {
		t.Fatal(err)
	}
	var known struct {
		Paths map[string]map[string]operationDoc
	}
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	d.paths = known.Paths
	return d
}

// at is the schema at a place in the description.
func (d *document) at(t testing.TB, steps ...string) *jsonschema.Schema {
	t.Helper()
	pointer := "#"
	for _, s := range steps {
		pointer += "/" + url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1"))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.schemas[pointer] == nil {
		schema, err := d.compiler.Compile(documentURL + pointer)
		if err != nil {
			t.Fatal(err)
		}
		d.schemas[pointer] = schema
	}
	return d.schemas[pointer]
}

// find is the path of the description that a request is for, and the operation.
func (d *document) find(method, path string) (string, operationDoc, bool) {
	method = strings.ToLower(method)
	if op, found := d.paths[path][method]; found {
		return path, op, true
	}
	for pattern, item := range d.paths {
		before, _, isPattern := strings.Cut(pattern, "{")
		rest, found := strings.CutPrefix(path, before)
		if isPattern && found && rest != "" && !strings.Contains(rest, "/") {
			op, known := item[method]
			return pattern, op, known
		}
	}
	return "", operationDoc{}, false
}

// check checks an answer, and the request where that was taken.
func (d *document) check(t testing.TB, r *http.Request, body []byte, got reply) {
	t.Helper()
	what := r.Method + " " + r.URL.RequestURI()
	contentType := got.header.Get("Content-Type")
	path, op, found := d.find(r.Method, r.URL.EscapedPath())
	if !found { // nothing that is described, so it is refused
		if contentType != "application/problem+json" || got.status < 400 {
			t.Errorf("%s is not in the description, and answered %d %s", what, got.status, contentType)
		}
		d.valid(t, what, d.at(t, "components", "schemas", "ErrorModel"), got.body)
		return
	}
	status := strconv.Itoa(got.status)
	response, known := op.Responses[status]
	if _, has := response.Content[contentType]; !known || !has {
		t.Fatalf("%s: the description has no answer %s %s: %s", what, status, contentType, got.body)
	}
	method := strings.ToLower(r.Method)
	d.valid(t, what+": answer", d.at(t, "paths", path, method, "responses", status, "content", contentType, "schema"),
		got.body)
	if contentType == "application/problem+json" && !strings.Contains(string(got.body), `"status":`+status) {
		t.Errorf("%s: %d says %s", what, got.status, got.body)
	}
	if got.status < 300 && op.RequestBody != nil {
		d.valid(t, what+": request",
			d.at(t, "paths", path, method, "requestBody", "content", "application/json", "schema"), body)
	}
}

func (d *document) valid(t testing.TB, what string, schema *jsonschema.Schema, text []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %.1000s: %v", what, text, err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
