package adaptertest

// The servers and clients of a test.

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// patience is how long a test waits for what must come.
const patience = testclient.Patience

// A fixture is a cluster with three clients in one namespace, spread over its servers. Each is in the room "all" and in
// one of its own: "0", "1" or "2".
type fixture struct {
	*Cluster
	namespace string
	servers   []*server
	clients   []*testclient.Client

	tracer socketio.Tracer // of the servers; may be nil

	reconnects int // of clients that malformed messages have disconnected
}

type server struct {
	*socketio.Server
	url   string
	heard chan string // what other servers have emitted: the arguments, binary ones in angle brackets
}

func newFixture(t *testing.T, start Start, namespace string) *fixture {
	t.Helper()
	return newTracedFixture(t, start, namespace, nil)
}

func newTracedFixture(t *testing.T, start Start, namespace string, tracer socketio.Tracer) *fixture {
	t.Helper()
	f := &fixture{
		Cluster: start(t, 3), namespace: namespace, clients: make([]*testclient.Client, 3), tracer: tracer,
	}
	for _, newAdapter := range f.Adapters {
		f.servers = append(f.servers, f.startServer(t, newAdapter))
	}
	f.awaitServers(t, len(f.servers))
	for i := range f.clients {
		f.connect(t, i)
	}
	f.settle(t)
	return f
}

// connect connects client i.
func (f *fixture) connect(t *testing.T, i int) {
	t.Helper()
	f.clients[i] = testclient.Dial(t, f.servers[f.serverOf(i)].url, f.namespace)
	f.socket(i).Join("all", fmt.Sprint(i))
}

func (f *fixture) startServer(t *testing.T, newAdapter func(*socketio.Namespace) socketio.Adapter) *server {
	t.Helper()
	s := &server{heard: make(chan string, 1024)}
	opts := socketio.Options{Adapter: newAdapter, ConnectionStateRecovery: f.Recovery, Tracer: f.tracer}
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s.Server = socketio.NewServer(opts)
	s.Of(f.namespace).OnServerSideEmit("hello", func(args []socketio.Raw, reply func(any) error) {
		s.heard <- texts(args)
		if reply == nil {
			return
		}
		if err := reply(map[string]any{"args": args}); err != nil {
			t.Error(err)
		}
		if err := reply("again"); err == nil {
			t.Error("a server answered twice")
		}
	})
	ts := httptest.NewServer(s)
	s.url = ts.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		ts.Close()
	})
	return s
}

// texts are arguments as text.
func texts(args []socketio.Raw) string {
	list := make([]string, len(args))
	for i, raw := range args {
		list[i] = string(raw.JSON())
		var b []byte
		if len(raw.Attachments()) > 0 && raw.Bind(&b) == nil {
			list[i] = fmt.Sprintf("<%x>", b)
		}
	}
	return strings.Join(list, " ")
}

// ns is the namespace on server i, or on the one that stands for it in a smaller cluster.
func (f *fixture) ns(i int) *socketio.Namespace { return f.servers[i%len(f.servers)].Of(f.namespace) }

// serverOf is the server that client i is connected to.
func (f *fixture) serverOf(client int) int { return client % len(f.servers) }

// clientsOf are the clients of a server.
func (f *fixture) clientsOf(server int) (list []int) {
	for i := range f.clients {
		if f.serverOf(i) == server%len(f.servers) {
			list = append(list, i)
		}
	}
	return list
}

// socket is that of client i.
func (f *fixture) socket(i int) *socketio.Socket { return f.ns(i).Socket(f.clients[i].ID) }

// awaitServers waits until every server knows of n.
func (f *fixture) awaitServers(t *testing.T, n int) {
	t.Helper()
	for i := range f.servers[:n] {
		eventually(t, fmt.Sprintf("server %d knows of %d", i, n), func() bool {
			count, err := f.ns(i).Adapter().ServerCount(t.Context())
			return err == nil && count == n
		})
	}
}

func (f *fixture) settle(t *testing.T) {
	t.Helper()
	if f.Settled == nil {
		return
	}
	var namespaces []*socketio.Namespace
	for i := range f.servers {
		namespaces = append(namespaces, f.ns(i))
	}
	f.Settled(t, namespaces)
}

func (f *fixture) check(t *testing.T) {
	t.Helper()
	if f.Check != nil {
		f.Check(t)
	}
}

// offsetEnd is an offset at the end of an event, whose last own argument is never a string in these tests.
var offsetEnd = regexp.MustCompile(`,"([^"\\]+)"\]((?: [0-9a-f]*)*)$`)

// next is what client i gets next, without its header and its offset.
func (f *fixture) next(i int) (payload, offset string) { return f.parse(i, f.clients[i].Next()) }

// parse is an event that client i got, without its header and its offset.
func (f *fixture) parse(i int, text string) (payload, offset string) {
	_, payload = f.clients[i].Cut(text)
	if f.Recovery == nil {
		return payload, ""
	}
	if m := offsetEnd.FindStringSubmatchIndex(payload); m != nil {
		return payload[:m[0]] + "]" + payload[m[4]:], payload[m[2]:m[3]]
	}
	return payload, ""
}

// expect fails the test unless exactly those clients get payload next, and everybody then a mark.
func (f *fixture) expect(t *testing.T, payload string, who ...int) {
	t.Helper()
	// From every server: there need be no order between two of them.
	for i := range f.servers {
		if err := f.ns(i).Emit("mark", i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range f.clients {
		var got, want []string
		for marks := 0; marks < len(f.servers); {
			text, _ := f.next(i)
			if strings.HasPrefix(text, `["mark",`) {
				marks++
			} else {
				got = append(got, text)
			}
		}
		if slices.Contains(who, i) {
			want = []string{payload}
		}
		if !slices.Equal(got, want) {
			t.Errorf("client %d got %q, want %q", i, got, want)
		}
	}
}

// expectNext fails the test unless client i gets these events next, in this order.
func (f *fixture) expectNext(t *testing.T, i int, payloads ...string) {
	t.Helper()
	for _, want := range payloads {
		if got, _ := f.next(i); got != want {
			t.Errorf("client %d got %q, want %q", i, got, want)
		}
	}
}

// eventually waits until done, which asks somebody who does not call back.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// receive waits for what comes.
func receive(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(patience):
		t.Fatal("nothing comes")
		return ""
	}
}

// sorted returns lists in one order, to be compared.
func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
