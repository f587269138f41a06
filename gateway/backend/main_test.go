package backend

// What the tests share: a toy backend that checks whatever it is told against the contract, a gateway before it, and
// clients.

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret   = "a secret of the tests"
	patience = gatewaytest.Patience
)

// told is what the backend has been told.
type told struct {
	Kind, ID, Socket, Namespace, Event, User, Ack, Parent string

	ContentType string
	Body        []byte
	JSON        struct {
		Args    []json.RawMessage `json:"args"`
		Ack     bool              `json:"ack"`
		Binary  []string          `json:"binary"`
		Data    json.RawMessage   `json:"data"`
		Reason  string            `json:"reason"`
		Rooms   []string          `json:"rooms"`
		Auth    json.RawMessage   `json:"auth"`
		Headers map[string]string `json:"headers"`
		Query   map[string]any    `json:"query"`
		URL     string            `json:"url"`
		Address string            `json:"address"`
		Secure  bool              `json:"secure"`
	}
}

// arg is an argument's JSON, "" where there is none.
func (m *told) arg(i int) string {
	if i >= len(m.JSON.Args) {
		return ""
	}
	return string(m.JSON.Args[i])
}

// A way is one to the backend.
type way struct{ name, protocol, network string }

var ways = []way{
	{"auto", protocolAuto, "tcp"}, {"http1", protocolHTTP1, "tcp"}, {"h2c", protocolH2C, "tcp"},
	{"socket", protocolAuto, "unix"}, {"socket, h2c", protocolH2C, "unix"},
}

// A toy is a backend in the test. Its answer may be changed at any time.
type toy struct {
	URL      string
	t        testing.TB
	network  string
	address  string
	protocol string

	mu      sync.Mutex
	answer  func(w http.ResponseWriter, m *told)
	all     []*told
	changed chan struct{} // closed and replaced with each message
	server  *httptest.Server
}

// startToy starts a backend that answers so; nil is 204.
func startToy(t testing.TB, answer func(w http.ResponseWriter, m *told)) *toy {
	t.Helper()
	return ways[0].startToy(t, answer)
}

// startToy starts a backend to which gateways go this way.
func (w way) startToy(t testing.TB, answer func(w http.ResponseWriter, m *told)) *toy {
	t.Helper()
	b := &toy{t: t, answer: answer, changed: make(chan struct{}), network: w.network, protocol: w.protocol}
	const path = "/events?of=gateway"
	if w.network == "unix" {
		b.address = filepath.Join(t.TempDir(), "socket")
		b.URL = "http://unix:" + b.address + ":" + path
		b.start()
	} else {
		b.address = "127.0.0.1:0"
		b.start()
		b.URL = "http://" + b.address + path
	}
	t.Cleanup(b.stop)
	return b
}

// host is what requests have for one.
func (b *toy) host() string {
	if b.network == "unix" {
		return "localhost"
	}
	return b.address
}

// start listens, again where it has been stopped.
func (b *toy) start() {
	b.t.Helper()
	listener, err := net.Listen(b.network, b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.address = listener.Addr().String()
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(b.serve)}}
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	b.mu.Lock()
	b.server = server
	b.mu.Unlock()
}

// stop cuts all connections.
func (b *toy) stop() {
	b.mu.Lock()
	server := b.server
	b.server = nil
	b.mu.Unlock()
	if server != nil {
		server.Listener.Close()
		server.CloseClientConnections()
		server.Close()
	}
}

// answers has it answer so from now on.
func (b *toy) answers(answer func(w http.ResponseWriter, m *told)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *toy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the gateway has been ended
	}
	m := b.check(r, body)
	b.mu.Lock()
	answer := b.answer
	b.all = append(b.all, m)
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, m)
}

// check compares a request with the contract.
func (b *toy) check(r *http.Request, body []byte) *told {
	h := r.Header
	m := &told{
		Kind: strings.TrimPrefix(h.Get("ce-type"), "socketio."), ID: h.Get("ce-id"), Socket: h.Get("ce-socketid"),
		Namespace: h.Get("ce-namespace"), Event: h.Get("ce-event"), User: h.Get("ce-user"), Ack: h.Get("ce-ack"),
		Parent: h.Get("traceparent"), ContentType: h.Get("content-type"), Body: body,
	}
	_, timeErr := time.Parse(time.RFC3339, h.Get("ce-time"))
	if r.Method != http.MethodPost || r.RequestURI != "/events?of=gateway" || r.Host != b.host() ||
		h.Get("ce-specversion") != "1.0" || m.ID == "" || len(m.Socket) != 20 || h.Get("ce-node") == "" ||
		timeErr != nil || r.ContentLength != int64(len(body)) {
		b.t.Errorf("not of the contract: %s %s %s %v", r.Method, r.Host, r.RequestURI, h)
	}
	if err := verify(h, body, secret, time.Now()); err != nil {
		b.t.Errorf("%v: %v", h, err)
	}
	if m.ContentType == "application/json" {
		if err := json.Unmarshal(body, &m.JSON); err != nil {
			b.t.Errorf("%s: %v", body, err)
		}
	}
	return m
}

// got waits until there are so many messages of a kind, and returns them.
func (b *toy) got(kind string, count int) []*told {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		b.mu.Lock()
		var list []*told
		for _, m := range b.all {
			if m.Kind == kind {
				list = append(list, m)
			}
		}
		changed, total := b.changed, len(b.all)
		b.mu.Unlock()
		if len(list) >= count {
			return list
		}
		select {
		case <-changed:
		case <-deadline:
			b.t.Fatalf("%d of %d messages of the kind %s, %d in all", len(list), count, kind, total)
		}
	}
}

// says answers with JSON.
func says(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

// saysTo is a toy's answer to events alone.
func saysTo(text func(m *told) string) func(http.ResponseWriter, *told) {
	return func(w http.ResponseWriter, m *told) {
		if m.Kind == "event" {
			says(w, text(m))
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// start runs a gateway before a backend, with further settings, until the test ends.
func start(t testing.TB, b *toy, more ...string) *gatewaytest.Node {
	t.Helper()
	service := new(Service)
	cfg, err := gateway.LoadConfig(gatewaytest.Settings(append([]string{
		"BACKEND_URL", b.URL, "BACKEND_PROTOCOL", b.protocol, "BACKEND_SECRET", secret, "METRICS_ADDR", "main",
		"LOG_LEVEL", "info", "HANDSHAKE_RATE", "off", "MESSAGE_RATE", "off", "SHUTDOWN_TIMEOUT", "10s",
	}, more...)...), service)
	if err != nil {
		t.Fatal(err)
	}
	log := new(gatewaytest.Log)
	g, err := gateway.New(cfg, gateway.NewLogger(cfg, log), service)
	if err != nil {
		t.Fatal(err)
	}
	return gatewaytest.Run(t, g, log)
}

// connect connects a client to a namespace.
func connect(t testing.TB, node *gatewaytest.Node, namespace string, opts client.Options) *client.Socket {
	t.Helper()
	s := newSocket(t, node, namespace, opts)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// newSocket is a client that has yet to connect.
func newSocket(t testing.TB, node *gatewaytest.Node, namespace string, opts client.Options) *client.Socket {
	t.Helper()
	opts.NoReconnection = true
	if len(opts.Transports) == 0 {
		opts.Transports = []string{"websocket"}
	}
	s, err := client.New("http://"+node.Address+namespace, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Conn().Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Conn().Wait(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask emits an event and returns the acknowledgement as JSON texts between spaces.
func ask(t testing.TB, s *client.Socket, event string, args ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := s.EmitWithAck(ctx, event, args...)
	if err != nil {
		t.Fatalf("%s: %v", event, err)
	}
	var texts []string
	for i := range answer.Len() {
		texts = append(texts, string(answer.Raw(i).Inline()))
	}
	return strings.Join(texts, " ")
}

// heard collects events with their arguments, as they come.
func heard(s *client.Socket) <-chan string {
	got := make(chan string, 1000)
	s.OnAny(func(e *client.Event) error {
		text := e.Name()
		for i := range e.Len() {
			text += " " + string(e.Raw(i).Inline())
		}
		got <- text
		return nil
	})
	return got
}

// hear waits for the next event.
func hear(t testing.TB, from <-chan string) string {
	t.Helper()
	select {
	case text := <-from:
		return text
	case <-time.After(patience):
		t.Fatal("nothing has come")
		return ""
	}
}
